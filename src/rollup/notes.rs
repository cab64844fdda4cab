//! Writing notes: rows of a table of our own without a unique index, so that no writer waits for another. By the way of
//! PostgreSQL's catalogs, as an INSERT for one row takes longer than the row.
use pgrx::pg_sys::{
    CatalogIndexState, HeapTuple, LOCKMODE, MemoryContext, NoLock, Oid, Relation, TupleDesc, TupleTableSlot,
};
use pgrx::{PgMemoryContexts, pg_sys};
use std::collections::HashSet;

/// More than a statement touches of keys, as a rule; one that is written twice does no harm.
const REMEMBERED: usize = 10_000;
/// Some pages of notes: each page is then locked and logged once.
const WRITTEN_TOGETHER: u16 = 500;

pub struct Notes {
    table: Relation,
    indexes: CatalogIndexState,
    /// None: there is no second one.
    batch: Option<Batch>,
}

/// Notes that are still to be written.
struct Batch {
    memory: MemoryContext,
    /// Of the table, and a copy: hundreds of slots that hold on to one description are slow to look through, and PostgreSQL does so
    /// for every note that it puts into an index.
    rows: TupleDesc,
    /// The first `waiting` of them hold a note.
    slots: Vec<*mut TupleTableSlot>,
    waiting: u16,
    /// None: the keys hardly ever repeat.
    noted: Option<Noted>,
}

#[derive(Default)]
struct Noted {
    notes: HashSet<Vec<u8>>,
    repeated: usize,
}

impl Notes {
    /// None if there is no such table any more.
    pub fn open(table: Oid, in_batches: bool) -> Option<Self> {
        // SAFETY: inside a transaction; the lock is kept to the end of it.
        unsafe {
            let table = pg_sys::try_table_open(table, pg_sys::RowExclusiveLock as LOCKMODE);
            if table.is_null() {
                return None;
            }
            let indexes = pg_sys::CatalogOpenIndexes(table);
            Some(Self { table, indexes, batch: in_batches.then(|| Batch::new((*table).rd_att)) })
        }
    }

    /// Adds a note, unless it was just added.
    ///
    /// # Safety
    /// It has the columns of the table.
    pub unsafe fn add(&mut self, note: *mut TupleTableSlot) {
        // SAFETY: as the contract says; the table and its indexes are open. What is made for a note goes with the call of the
        // trigger, or with the batch.
        unsafe {
            let form =
                || pg_sys::heap_form_tuple((*self.table).rd_att, (*note).tts_values, (*note).tts_isnull);
            match &mut self.batch {
                None => pg_sys::CatalogTupleInsertWithInfo(self.table, form(), self.indexes),
                Some(batch) => {
                    let note = PgMemoryContexts::For(batch.memory).switch_to(|_| form());
                    if batch.takes(note) {
                        self.write_batch();
                    }
                }
            }
        }
    }

    pub fn close(mut self) {
        self.write_batch();
        // SAFETY: opened above, and nothing is left in the batch; the lock is kept to the end of the transaction.
        unsafe {
            if let Some(batch) = self.batch.take() {
                batch.slots.iter().for_each(|slot| pg_sys::ExecDropSingleTupleTableSlot(*slot));
                pg_sys::MemoryContextDelete(batch.memory);
            }
            pg_sys::CatalogCloseIndexes(self.indexes);
            pg_sys::table_close(self.table, NoLock as LOCKMODE);
        }
    }

    fn write_batch(&mut self) {
        let Some(batch) = &mut self.batch else { return };
        // SAFETY: the table and its indexes are open, and as many slots hold a note, which is not needed after that.
        unsafe {
            let waiting = i32::from(std::mem::take(&mut batch.waiting));
            pg_sys::CatalogTuplesMultiInsertWithInfo(
                self.table,
                batch.slots.as_mut_ptr(),
                waiting,
                self.indexes,
            );
            pg_sys::MemoryContextReset(batch.memory);
        }
    }
}

impl Batch {
    /// Its memory goes with the one that is current, if it is not deleted before.
    ///
    /// # Safety
    /// Inside a transaction; rows of the table.
    unsafe fn new(rows: TupleDesc) -> Self {
        // SAFETY: as the contract says.
        unsafe {
            let memory = pg_sys::AllocSetContextCreateInternal(
                pg_sys::CurrentMemoryContext,
                c"notes to be written".as_ptr(),
                0,
                8192,
                65536,
            );
            let rows = pg_sys::CreateTupleDescCopy(rows);
            Self { memory, rows, slots: Vec::new(), waiting: 0, noted: Some(Noted::default()) }
        }
    }

    /// Whether it is full with this one.
    ///
    /// # Safety
    /// `note` is a tuple of the table that was just formed in the batch's memory.
    unsafe fn takes(&mut self, note: HeapTuple) -> bool {
        // SAFETY: as the contract says; a slot that is used again forgets what was in it.
        unsafe {
            if !is_new(&mut self.noted, note) {
                pg_sys::heap_freetuple(note);
                return false;
            }
            let place = usize::from(self.waiting);
            if place == self.slots.len() {
                let slot = pg_sys::MakeSingleTupleTableSlot(self.rows, &raw const pg_sys::TTSOpsHeapTuple);
                self.slots.push(slot);
            }
            pg_sys::ExecStoreHeapTuple(note, self.slots[place], false);
        }
        self.waiting += 1;
        self.waiting == WRITTEN_TOGETHER
    }
}

/// # Safety
/// `note` is a tuple that was just formed.
unsafe fn is_new(noted: &mut Option<Noted>, note: HeapTuple) -> bool {
    // SAFETY: as the contract says; what is between its values is zero.
    let bytes = unsafe { std::slice::from_raw_parts((*note).t_data.cast::<u8>(), (*note).t_len as usize) };
    noted.take_if(|noted| noted.is_full() && noted.repeated < REMEMBERED);
    let Some(noted) = noted else { return true };
    if noted.is_full() {
        *noted = Noted::default();
    }
    let is_new = noted.notes.insert(bytes.to_vec());
    noted.repeated += usize::from(!is_new);
    is_new
}

impl Noted {
    fn is_full(&self) -> bool {
        self.notes.len() == REMEMBERED
    }
}
