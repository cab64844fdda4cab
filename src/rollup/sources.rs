//! What a trigger asks of our own tables, as they are now: a transaction at repeatable read may write to a table, or alter it,
//! that became a source after its snapshot was taken.
use super::follower::Followers;
use super::owner::as_owner;
use pgrx::fn_call::{Arg, FnCallArg, fn_call};
use pgrx::pg_sys::{Datum, Oid, RelationData};
use pgrx::prelude::*;
use pgrx::{FromDatum, IntoDatum, JsonB};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::mem::ManuallyDrop;
use std::rc::Rc;

thread_local! {
    /// The rollups that follow tables and their partitions. Not dropped at the end of the process, when there is no PostgreSQL to
    /// give the memory back to.
    static KNOWN: ManuallyDrop<RefCell<HashMap<Oid, Rc<Followers>>>> = ManuallyDrop::default();
    /// The table whose followers are just looked up, unless what is found may be forgotten again.
    static LOOKED_UP: Cell<Oid> = const { Cell::new(Oid::INVALID) };
    static LISTENS: OnceCell<()> = const { OnceCell::new() };
}

/// Every statement of a writer asks, so that it is remembered, until PostgreSQL tells of the table, of one of its tables of notes, or
/// of any function: a rollup is made and dropped together with some of its own. That there are none is not remembered.
pub fn followers(relation: &RelationData) -> Option<Rc<Followers>> {
    if let Some(known) = KNOWN.with(|known| known.borrow().get(&relation.rd_id).cloned()) {
        return Some(known);
    }
    LISTENS.with(|listens| *listens.get_or_init(listen));
    LOOKED_UP.set(relation.rd_id);
    let found = as_owner(|| {
        let found: Option<JsonB> = asked_now("vend_internal.followers", &[&Arg::Value(relation.rd_id)]);
        Followers::find(found, relation).map(Rc::new)
    })?;
    if LOOKED_UP.get() == relation.rd_id {
        KNOWN.with(|known| known.borrow_mut().insert(relation.rd_id, Rc::clone(&found)));
    }
    Some(found)
}

/// Whether a table is what is attached as one of the nine, or a partition of it.
#[pg_extern(schema = "vend_internal", volatile, parallel_unsafe)]
fn is_attached_now(table_name: &str, relation: Oid) -> bool {
    asked_now("vend_internal.is_attached_as", &[&Arg::Value(table_name.to_owned()), &Arg::Value(relation)])
        .unwrap_or(false)
}

/// What rollups a table is a source of, each with its definition.
#[pg_extern(schema = "vend_internal", volatile, parallel_unsafe)]
fn definitions_now(relation: Oid) -> Vec<String> {
    asked_now("vend_internal.definitions_over", &[&Arg::Value(relation)]).unwrap_or_default()
}

/// Calls a stable function, which sees by the snapshot of its caller, with the latest one.
fn asked_now<R: FromDatum + IntoDatum>(function: &str, arguments: &[&dyn FnCallArg]) -> Option<R> {
    // SAFETY: inside a transaction. What an error leaves of the stack its transaction takes away.
    unsafe { pg_sys::PushActiveSnapshot(pg_sys::GetLatestSnapshot()) };
    let answer = fn_call(function, arguments).unwrap_or_else(|error| pgrx::error!("{error}"));
    // SAFETY: the one that was pushed.
    unsafe { pg_sys::PopActiveSnapshot() };
    answer
}

fn listen() {
    // SAFETY: registered once in a process, functions that stay. What calls a function that is replaced may have its body in it.
    unsafe {
        pg_sys::CacheRegisterRelcacheCallback(Some(forget), Datum::from(0));
        pg_sys::CacheRegisterSyscacheCallback(
            pg_sys::SysCacheIdentifier::PROCOID as i32,
            Some(forget_functions),
            Datum::from(0),
        );
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn forget(_argument: Datum, altered: Oid) {
    // None in particular: it may be any.
    let is_any = altered == Oid::INVALID;
    if is_any || altered == LOOKED_UP.get() {
        LOOKED_UP.set(Oid::INVALID);
    }
    KNOWN.with(|known| {
        known
            .borrow_mut()
            .retain(|relation, followers| !(is_any || *relation == altered || followers.write_to(altered)));
    });
}

#[pg_guard]
unsafe extern "C-unwind" fn forget_functions(argument: Datum, _cache: i32, _hash: u32) {
    // SAFETY: it takes what PostgreSQL passes to either.
    unsafe { forget(argument, Oid::INVALID) }
}
