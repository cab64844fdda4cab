//! The rows of one of the two tables that a statement's trigger has: those that the statement took away, or those that it put in.
use super::unguarded;
use pgrx::pg_sys;
use pgrx::pg_sys::{TupleDesc, TupleTableSlot, Tuplestorestate};
use std::ptr;

pub type Row = Option<*mut TupleTableSlot>;

pub struct StatementRows {
    table: *mut Tuplestorestate,
    slot: *mut TupleTableSlot,
    left: i64,
}

impl StatementRows {
    /// # Safety
    /// A table of such rows; null: the statement does not do the one or the other.
    pub unsafe fn of(table: *mut Tuplestorestate, rows: TupleDesc) -> Self {
        let (mut slot, mut left) = (ptr::null_mut(), 0);
        if !table.is_null() {
            // SAFETY: as the contract says. Its first place to read is nobody's: who reads it by SQL has a place of his own.
            unsafe {
                unguarded::guarded(&mut || {
                    unguarded::tuplestore_select_read_pointer(table, 0);
                    unguarded::tuplestore_rescan(table);
                    left = unguarded::tuplestore_tuple_count(table);
                    slot = unguarded::MakeSingleTupleTableSlot(rows, &raw const pg_sys::TTSOpsMinimalTuple);
                });
            }
        }
        Self { table, slot, left }
    }

    pub fn are_one_at_most(&self) -> bool {
        self.left <= 1
    }

    /// The row stays until the next one is asked for.
    pub fn next(&mut self) -> Row {
        let mut is_found = false;
        if self.left > 0 {
            self.left -= 1;
            // SAFETY: a table of rows, and a slot for one.
            unsafe {
                unguarded::guarded(&mut || {
                    is_found = unguarded::tuplestore_gettupleslot(self.table, true, false, self.slot);
                });
            }
        }
        is_found.then_some(self.slot)
    }

    pub fn close(self) {
        if !self.slot.is_null() {
            // SAFETY: made above.
            unsafe { unguarded::guarded(&mut || unguarded::ExecDropSingleTupleTableSlot(self.slot)) };
        }
    }
}
