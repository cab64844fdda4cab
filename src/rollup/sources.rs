//! What a trigger asks of our own tables, as they are now: a transaction at repeatable read may write to a table, or alter it,
//! that became a source after its snapshot was taken.
use super::follower::Follower;
use super::owner::as_owner;
use pgrx::fn_call::{Arg, FnCallArg, fn_call};
use pgrx::pg_sys::{Datum, Oid, RelationData};
use pgrx::prelude::*;
use pgrx::{FromDatum, IntoDatum, JsonB};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::mem::ManuallyDrop;
use std::rc::Rc;

type Followers = Rc<[Follower]>;

thread_local! {
    /// The rollups that follow tables and their partitions. Not dropped at the end of the process, when there is no PostgreSQL to
    /// give the memory back to.
    static KNOWN: ManuallyDrop<RefCell<HashMap<Oid, Followers>>> = ManuallyDrop::default();
    /// How often they were forgotten; none: nobody has asked yet.
    static FORGOTTEN: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Every statement of a writer asks, so that it is remembered. A table becomes a source, or ceases to be one, together with
/// tables of notes that are made and dropped, of which every session is told. That it is none is not remembered.
pub fn followers(relation: &RelationData) -> Followers {
    if let Some(known) = KNOWN.with(|known| known.borrow().get(&relation.rd_id).cloned()) {
        return known;
    }
    let before = forgotten();
    let found: Followers = as_owner(|| {
        let found: Option<JsonB> = asked_now("vend_internal.followers", &[&Arg::Value(relation.rd_id)]);
        Follower::all(found, relation)
    });
    if !found.is_empty() && before == forgotten() {
        KNOWN.with(|known| known.borrow_mut().insert(relation.rd_id, Rc::clone(&found)));
    }
    found
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

fn forgotten() -> u64 {
    FORGOTTEN.get().unwrap_or_else(|| {
        // SAFETY: registered once in a process, functions that stay. What calls a function that is replaced may have its body in it.
        unsafe {
            pg_sys::CacheRegisterRelcacheCallback(Some(forget), Datum::from(0));
            pg_sys::CacheRegisterSyscacheCallback(
                pg_sys::SysCacheIdentifier::PROCOID as i32,
                Some(forget_functions),
                Datum::from(0),
            );
        }
        FORGOTTEN.set(Some(0));
        0
    })
}

/// Whatever table it was: a partition is a source by what it is a partition of.
#[pg_guard]
unsafe extern "C-unwind" fn forget(_argument: Datum, _relation: Oid) {
    KNOWN.with(|known| known.borrow_mut().clear());
    FORGOTTEN.set(FORGOTTEN.get().map(|times| times.wrapping_add(1)));
}

#[pg_guard]
unsafe extern "C-unwind" fn forget_functions(argument: Datum, _cache: i32, _hash: u32) {
    // SAFETY: it takes what PostgreSQL passes to either.
    unsafe { forget(argument, Oid::INVALID) }
}
