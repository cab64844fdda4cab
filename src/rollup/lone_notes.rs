//! The note of a statement that changes one row: one for all rollups that share the table of such notes. It has no index, so that
//! writing it costs little more than the row.
use super::follower::Noted;
use super::projection::Change;
use super::unguarded;
use pgrx::pg_sys;
use pgrx::pg_sys::{LOCKMODE, NoLock, Relation, RowExclusiveLock, TupleTableSlot};

/// Pages without an index: some five milliseconds of a reader's time.
const LOOKED_THROUGH: pg_sys::BlockNumber = 1000;

/// Writes the note of a change; false: the table is gone, or so long that it should not grow.
///
/// # Safety
/// The change is of rows of the table that is followed.
pub unsafe fn write_lone(lone_notes: &Noted, change: Change) -> bool {
    // SAFETY: inside a transaction; the lock is kept to the end of it. What is noted has the columns of the table.
    unsafe {
        let notes = lone_notes.rows.of(change);
        let mut is_short = false;
        unguarded::guarded(&mut || {
            let table = unguarded::try_table_open(lone_notes.table, RowExclusiveLock as LOCKMODE);
            if table.is_null() {
                return;
            }
            is_short = !is_long(table);
            if is_short {
                notes.iter().flatten().for_each(|note| write(table, *note));
            }
            unguarded::table_close(table, NoLock as LOCKMODE);
        });
        is_short
    }
}

/// # Safety
/// The table is open, the note has its columns, and the caller is within a guard.
unsafe fn write(table: Relation, note: *mut TupleTableSlot) {
    // SAFETY: as the contract says. What is made for a note goes with the call of the trigger.
    unsafe {
        let note = unguarded::heap_form_tuple((*table).rd_att, (*note).tts_values, (*note).tts_isnull);
        if (*(*table).rd_rel).relhasindex {
            unguarded::CatalogTupleInsert(table, note);
        } else {
            unguarded::simple_heap_insert(table, note);
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
