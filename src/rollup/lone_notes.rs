//! The note of a statement that changes one row: one for all rollups that share the table of such notes. It has no index, so that
//! writing it costs little more than the row.
use super::follower::{Change, Follower, Tables, Values};
use super::notes::open_table;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, LOCKMODE, NoLock, Relation};

/// Pages without an index: some five milliseconds of a reader's time.
const LOOKED_THROUGH: pg_sys::BlockNumber = 1000;

/// What a call has room in for the values of one rollup, and for those of the notes.
#[derive(Default)]
pub struct Room {
    pub values: [Values; 2],
    notes: [Values; 2],
}

/// Writes the note of a change that concerns all of these rollups, which share a table; false: it is gone, or so long that it should
/// not grow.
///
/// # Safety
/// The change is of rows of the table that they follow.
pub unsafe fn write_together(followers: &[Follower], change: Change, room: &mut Room) -> bool {
    let Some(tables) = followers.first().and_then(|follower| follower.notes.as_ref()) else { return false };
    // SAFETY: inside a transaction; the lock is kept to the end of it.
    unsafe {
        let Some(table) = open_table(tables.lone_notes) else { return false };
        let is_short = !is_long(table);
        if is_short {
            let leaves_two = gather(followers, change, room, table);
            let [first, last] = &mut room.notes;
            if leaves_two {
                write(table, first, tables);
            }
            write(table, last, tables);
        }
        pg_sys::table_close(table, NoLock as LOCKMODE);
        is_short
    }
}

/// Puts what each of them notes into the notes of all; whether both are to be written, or only the last.
///
/// # Safety
/// As above; the values live until the followers forget them.
unsafe fn gather(followers: &[Follower], change: Change, room: &mut Room, table: Relation) -> bool {
    // SAFETY: the table is open.
    let width = unsafe { (*(*table).rd_att).natts };
    room.notes.iter_mut().for_each(|note| note.fill_with_nulls(width));
    let mut leaves_two = false;
    for follower in followers {
        // SAFETY: as the contract says.
        let differ = unsafe { follower.notes_of(change, &mut room.values) };
        leaves_two |= differ;
        let columns = follower.notes.iter().flat_map(|tables| &tables.lone_columns);
        let [first, last] = &mut room.notes;
        for (place, column) in columns.take(room.values[1].datums.len()).enumerate() {
            first.copy(column - 1, &room.values[usize::from(!differ)], place);
            last.copy(column - 1, &room.values[1], place);
        }
    }
    leaves_two
}

/// # Safety
/// The table is open, and the values are of its columns.
unsafe fn write(table: Relation, note: &mut Values, tables: &Tables) {
    // SAFETY: as the contract says. What is made for a note goes with the call of the trigger.
    unsafe {
        if let Some(noted_at) = tables.lone_columns.last() {
            note.datums[noted_at - 1] = Datum::from(pg_sys::GetCurrentTransactionStartTimestamp());
            note.nulls[noted_at - 1] = false;
        }
        let note =
            pg_sys::heap_form_tuple((*table).rd_att, note.datums.as_mut_ptr(), note.nulls.as_mut_ptr());
        if (*(*table).rd_rel).relhasindex {
            pg_sys::CatalogTupleInsert(table, note);
        } else {
            pg_sys::simple_heap_insert(table, note);
        }
    }
}

/// Whether this session has come to write so far behind its start that readers should not look through all of it.
///
/// # Safety
/// The table is open.
unsafe fn is_long(table: Relation) -> bool {
    // SAFETY: null, until the session writes to it.
    unsafe {
        let file = (*table).rd_smgr.as_ref();
        file.is_some_and(|file| {
            file.smgr_targblock != pg_sys::InvalidBlockNumber && file.smgr_targblock >= LOOKED_THROUGH
        })
    }
}
