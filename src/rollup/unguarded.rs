//! Functions of PostgreSQL without the guard that pgrx puts around each call of one. The note of one row needs a dozen of them, and
//! most of what it costs is code that the processor has not at hand: a copy of the guard for each.
use pgrx::pg_sys::submodules::ffi::pg_guard_ffi_boundary;
use pgrx::pg_sys::{
    Datum, HeapTuple, LOCKMODE, Oid, Relation, TupleDesc, TupleTableSlot, TupleTableSlotOps, Tuplestorestate,
};
use std::ffi::c_int;

// As pgrx declares them, but for datum_image_eq (utils/datum.h), which it leaves out; the same from PostgreSQL 15 to 18.
unsafe extern "C-unwind" {
    pub fn tuplestore_tuple_count(rows: *mut Tuplestorestate) -> i64;
    pub fn tuplestore_select_read_pointer(rows: *mut Tuplestorestate, pointer: c_int);
    pub fn tuplestore_rescan(rows: *mut Tuplestorestate);
    pub fn tuplestore_gettupleslot(
        rows: *mut Tuplestorestate, forward: bool, copy: bool, row: *mut TupleTableSlot,
    ) -> bool;
    pub fn MakeSingleTupleTableSlot(
        rows: TupleDesc, operations: *const TupleTableSlotOps,
    ) -> *mut TupleTableSlot;
    pub fn ExecDropSingleTupleTableSlot(row: *mut TupleTableSlot);
    pub fn try_table_open(table: Oid, lock: LOCKMODE) -> Relation;
    pub fn table_close(table: Relation, lock: LOCKMODE);
    pub fn heap_form_tuple(rows: TupleDesc, values: *const Datum, nulls: *const bool) -> HeapTuple;
    pub fn simple_heap_insert(table: Relation, row: HeapTuple);
    pub fn datum_image_eq(one: Datum, other: Datum, by_value: bool, length: c_int) -> bool;
    pub fn CatalogTupleInsert(table: Relation, row: HeapTuple);
}

/// Several calls in one guard, of which there is one copy.
///
/// # Safety
/// The calls are of what is above or of a pointer to such a function, with nothing to drop among them, and do not panic.
#[inline(never)]
pub unsafe fn guarded(calls: &mut dyn FnMut()) {
    // SAFETY: as the contract says.
    unsafe { pg_guard_ffi_boundary(calls) }
}
