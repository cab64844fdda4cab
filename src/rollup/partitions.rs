//! The partitions that a table has now. A query over pg_inherits sees those of its snapshot: whoever attaches or detaches one at
//! repeatable read would not see what another transaction had done to the same partition meanwhile.
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::submodules::ffi::pg_guard_ffi_boundary;
use pgrx::pg_sys::{LOCKMODE, List, NoLock, Oid, TransactionId};
use pgrx::prelude::*;

unsafe extern "C-unwind" {
    // catalog/pg_inherits.h, which pgrx leaves out; the same from PostgreSQL 15 to 18.
    fn find_inheritance_children_extended(
        parent: Oid, omit_detached: bool, lockmode: LOCKMODE, detached_exist: *mut bool,
        detached_xmin: *mut TransactionId,
    ) -> *mut List;
}

/// What shows its rows in this table, at any depth; nothing is locked.
#[pg_extern(schema = "vend_internal", volatile, parallel_unsafe, strict)]
fn partitions_now(relation: Oid) -> Result<SetOfIterator<'static, Oid>, ErrorReport> {
    let mut all = vec![relation];
    let mut next = 0;
    while let Some(&parent) = all.get(next) {
        next += 1;
        for child in children(parent) {
            if !all.contains(&child) {
                all.push(child);
            }
        }
    }
    Ok(SetOfIterator::new(all.into_iter().skip(1)))
}

fn children(parent: Oid) -> Vec<Oid> {
    // SAFETY: a catalog scan inside a transaction. The list is one of OIDs, or null when it is empty; it is read before anything
    // else is called.
    unsafe {
        // It expects a table, and this one may have been dropped.
        if pg_sys::get_rel_relkind(parent) == 0 {
            return Vec::new();
        }
        let list = pg_guard_ffi_boundary(|| {
            find_inheritance_children_extended(
                parent,
                true,
                NoLock as LOCKMODE,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            )
        });
        if list.is_null() {
            return Vec::new();
        }
        std::slice::from_raw_parts((*list).elements, (*list).length as usize)
            .iter()
            .map(|cell| cell.oid_value)
            .collect()
    }
}
