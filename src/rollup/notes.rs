//! Writing notes: rows of a table of our own without a unique index, so that no writer waits for another. By the way of
//! PostgreSQL's catalogs, as an INSERT for one row takes longer than the row.
use super::follower::Values;
use pgrx::pg_sys::{CatalogIndexState, Datum, HeapTuple, LOCKMODE, MemoryContext, NoLock, Oid, Relation};
use pgrx::{PgMemoryContexts, pg_sys};
use std::collections::HashSet;

/// More than a statement touches of keys, as a rule; one that is written twice does no harm.
const REMEMBERED: usize = 10_000;

pub struct Notes {
    table: Relation,
    /// Null: there are none.
    indexes: CatalogIndexState,
    /// None: there is no second one, or the keys hardly ever repeat.
    written: Option<Written>,
}

#[derive(Default)]
struct Written {
    notes: HashSet<Vec<u8>>,
    repeated: usize,
}

impl Notes {
    /// None if there is no such table any more. `is_one`: there will be one note.
    pub fn open(table: Oid, is_one: bool) -> Option<Self> {
        // SAFETY: inside a transaction.
        unsafe {
            let table = pg_sys::try_table_open(table, pg_sys::RowExclusiveLock as LOCKMODE);
            (!table.is_null()).then(|| {
                let has_index = (*(*table).rd_rel).relhasindex;
                Self {
                    table,
                    indexes: if has_index { pg_sys::CatalogOpenIndexes(table) } else { std::ptr::null_mut() },
                    written: (!is_one).then(Written::default),
                }
            })
        }
    }

    /// Adds a note with the time of the transaction, unless it was just added.
    ///
    /// # Safety
    /// The values are those of the table's columns but the last.
    pub unsafe fn add(&mut self, values: &mut Values, memory: MemoryContext) {
        // SAFETY: inside a transaction.
        let now = unsafe { pg_sys::GetCurrentTransactionStartTimestamp() };
        let form_and_write = |_: &mut PgMemoryContexts| {
            values.datums.push(Datum::from(now));
            values.nulls.push(false);
            // SAFETY: as the contract says; the table and its indexes are open.
            unsafe {
                let (datums, nulls) = (values.datums.as_mut_ptr(), values.nulls.as_mut_ptr());
                let note = pg_sys::heap_form_tuple((*self.table).rd_att, datums, nulls);
                if is_new(&mut self.written, note) {
                    if self.indexes.is_null() {
                        pg_sys::simple_heap_insert(self.table, note);
                    } else {
                        pg_sys::CatalogTupleInsertWithInfo(self.table, note, self.indexes);
                    }
                }
            }
        };
        // SAFETY: what is made for a note lives in `memory`.
        unsafe { PgMemoryContexts::For(memory).switch_to(form_and_write) };
    }

    pub fn close(self) {
        // SAFETY: opened above; the lock is kept to the end of the transaction.
        unsafe {
            if !self.indexes.is_null() {
                pg_sys::CatalogCloseIndexes(self.indexes);
            }
            pg_sys::table_close(self.table, NoLock as LOCKMODE);
        }
    }
}

/// # Safety
/// `note` is a tuple that was just formed.
unsafe fn is_new(written: &mut Option<Written>, note: HeapTuple) -> bool {
    // SAFETY: as the contract says; what is between its values is zero.
    let bytes = unsafe { std::slice::from_raw_parts((*note).t_data.cast::<u8>(), (*note).t_len as usize) };
    written.take_if(|written| written.is_full() && written.repeated < REMEMBERED);
    let Some(written) = written else { return true };
    if written.is_full() {
        *written = Written::default();
    }
    let is_new = written.notes.insert(bytes.to_vec());
    written.repeated += usize::from(!is_new);
    is_new
}

impl Written {
    fn is_full(&self) -> bool {
        self.notes.len() == REMEMBERED
    }
}
