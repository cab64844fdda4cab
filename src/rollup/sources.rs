//! What a trigger asks of our own tables, as they are now: a transaction at repeatable read may write to a table, or alter it,
//! that became a source after its snapshot was taken.
use pgrx::fn_call::{Arg, FnCallArg, fn_call};
use pgrx::pg_sys::{Datum, Oid};
use pgrx::prelude::*;
use pgrx::{FromDatum, IntoDatum};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

type Sources = HashMap<Oid, Vec<(String, i32)>>;

thread_local! {
    /// The positions of rollups that tables and their partitions are sources at.
    static KNOWN: RefCell<Sources> = RefCell::default();
    /// How often they were forgotten; none: nobody has asked yet.
    static FORGOTTEN: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Every statement of a writer asks, so that it is remembered. A table becomes a source, or ceases to be one, together with
/// triggers on it, of whose making and dropping every session is told. That it is none is not remembered.
#[pg_extern(schema = "vend_internal", volatile, parallel_unsafe)]
fn is_source(rollup: &str, position: i32, relation: Oid) -> bool {
    let is_known = |known: &Sources| {
        known
            .get(&relation)
            .is_some_and(|at| at.iter().any(|(name, number)| name == rollup && *number == position))
    };
    if KNOWN.with_borrow(is_known) {
        return true;
    }
    let before = forgotten();
    let found = asked_now(
        "vend_internal.find_source",
        &[&Arg::Value(rollup.to_owned()), &Arg::Value(position), &Arg::Value(relation)],
    )
    .unwrap_or(false);
    if found && before == forgotten() {
        KNOWN.with_borrow_mut(|known| known.entry(relation).or_default().push((rollup.to_owned(), position)));
    }
    found
}

/// The statements that note a change of a table of ours.
#[pg_extern(schema = "vend_internal", volatile, parallel_unsafe)]
fn own_notes_now(relation: Oid, operation: &str) -> Vec<String> {
    asked_now("vend_internal.own_notes", &[&Arg::Value(relation), &Arg::Value(operation.to_owned())])
        .unwrap_or_default()
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
        // SAFETY: registered once in a process, a function that stays.
        unsafe { pg_sys::CacheRegisterRelcacheCallback(Some(forget), Datum::from(0)) };
        FORGOTTEN.set(Some(0));
        0
    })
}

/// Whatever table it was: a partition is a source by what it is a partition of.
#[pg_guard]
unsafe extern "C-unwind" fn forget(_argument: Datum, _relation: Oid) {
    KNOWN.with_borrow_mut(HashMap::clear);
    FORGOTTEN.set(FORGOTTEN.get().map(|times| times.wrapping_add(1)));
}
