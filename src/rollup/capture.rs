//! The trigger that leaves notes of what a writer changed, in the writer's transaction: both are there or neither is.
//!
//! An update counts by the rows that differ in what a rollup reads, whichever rows those are: what is computed from the same
//! rows is the same. PostgreSQL hands both over in the same order; were it not so, more would be noted, never less.
use super::follower::{Follower, Followers, Sharers};
use super::lone_notes::write_lone;
use super::notes::Notes;
use super::owner::as_owner;
use super::projection::Change;
use super::sources::followers;
use pgrx::fn_call::{Arg, fn_call};
use pgrx::is_a;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{FunctionCallInfo, NodeTag, TriggerData, TupleTableSlot, Tuplestorestate};
use pgrx::prelude::*;
use std::ffi::CStr;

type Row = Option<*mut TupleTableSlot>;

#[pg_extern(sql = false)]
fn note_changes(fcinfo: FunctionCallInfo) -> Result<(), ErrorReport> {
    // SAFETY: PostgreSQL passes valid call information; its context is null or a node, and the relation is open.
    let (data, relation) = unsafe {
        let context = (*fcinfo).context;
        if context.is_null() || !is_a(context, NodeTag::T_TriggerData) {
            return Err(misused());
        }
        let data = &*context.cast::<TriggerData>();
        (data, &*data.tg_relation)
    };
    if data.tg_event & pg_sys::TRIGGER_EVENT_TIMINGMASK != pg_sys::TRIGGER_EVENT_AFTER {
        return Err(misused());
    }
    let Some(followers) = followers(relation) else { return Ok(()) };
    if data.tg_event & pg_sys::TRIGGER_EVENT_OPMASK == pg_sys::TRIGGER_EVENT_TRUNCATE {
        // SAFETY: a NUL-terminated name; the copy is in the memory of the call.
        let name =
            unsafe { CStr::from_ptr(pg_sys::quote_identifier((*relation.rd_rel).relname.data.as_ptr())) };
        let reason = format!("{} was truncated", name.to_string_lossy());
        followers.iter().for_each(|follower| note_every_key(follower, &reason));
        return Ok(());
    }
    let changes = Changes::of(data).ok_or_else(misused)?;
    if followers.calls_others {
        as_owner(|| note(&followers, &changes));
    } else {
        note(&followers, &changes);
    }
    Ok(())
}

fn note(followers: &Followers, changes: &Changes) {
    if changes.are_one_at_most() {
        changes.each(|change| {
            followers.sharers.iter().for_each(|sharers| note_lone(sharers, change));
            followers.forget();
        });
    } else {
        let in_batches = matches!(changes, Changes::Statement(_));
        let mut noting: Vec<_> = followers.iter().map(|follower| Noting::new(follower, in_batches)).collect();
        changes.each(|change| {
            noting.iter_mut().for_each(|noting| noting.see(change));
            followers.forget();
        });
        noting.into_iter().for_each(Noting::end);
    }
}

/// What the change of a single row leaves for rollups that may share a note: one for all, if it concerns them all.
fn note_lone(sharers: &Sharers, change: Change) {
    let followers = &sharers.followers;
    // SAFETY: rows of the table.
    let concerned = followers.iter().filter(|follower| unsafe { follower.is_concerned(change) }).count();
    if concerned == 0 {
        return;
    }
    if let Some(lone_notes) = &sharers.lone_notes
        && concerned == followers.len()
        // SAFETY: the same.
        && unsafe { write_lone(lone_notes, change) }
    {
        return;
    }
    for follower in followers {
        let mut noting = Noting::new(follower, false);
        noting.see(change);
        noting.end();
    }
}

/// What a change leaves for one rollup.
struct Noting<'a> {
    follower: &'a Follower,
    in_batches: bool,
    /// None: not yet opened; of none: the rollup was dropped meanwhile.
    notes: Option<Option<Notes>>,
    concerns_all: bool,
}

impl<'a> Noting<'a> {
    fn new(follower: &'a Follower, in_batches: bool) -> Self {
        Self { follower, in_batches, notes: None, concerns_all: false }
    }

    fn see(&mut self, change: Change) {
        // SAFETY: rows of the table.
        if !unsafe { self.follower.is_concerned(change) } {
            return;
        }
        let Some(noted) = &self.follower.notes else {
            self.concerns_all = true;
            return;
        };
        if let Some(notes) = self.notes.get_or_insert_with(|| Notes::open(noted.table, self.in_batches)) {
            // SAFETY: the same; what is noted has the columns of the table.
            unsafe { noted.rows.of(change).into_iter().flatten().for_each(|note| notes.add(note)) };
        }
    }

    fn end(self) {
        if let Some(notes) = self.notes.flatten() {
            notes.close();
        }
        if self.concerns_all {
            note_every_key(self.follower, &format!("{} changed", self.follower.source));
        }
    }
}

fn note_every_key(follower: &Follower, reason: &str) {
    as_owner(|| {
        let (rollup, reason) = (Arg::Value(follower.rollup.clone()), Arg::Value(reason.to_owned()));
        fn_call::<()>("vend_internal.note_every_key", &[&rollup, &reason])
            .unwrap_or_else(|error| pgrx::error!("{error}"))
    });
}

fn misused() -> ErrorReport {
    ErrorReport::new(
        PgSqlErrorCode::ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
        "not called as one of the triggers that vend_analytics makes",
        "vend_analytics",
    )
    .set_hint("vend.attach() and vend.create_rollup() make the triggers.")
}

/// What a statement, or a row's trigger, took away and put in.
enum Changes<'a> {
    Row(Row, Row),
    Statement(&'a TriggerData),
}

impl<'a> Changes<'a> {
    /// None if a trigger was made without the rows.
    fn of(data: &'a TriggerData) -> Option<Self> {
        let operation = data.tg_event & pg_sys::TRIGGER_EVENT_OPMASK;
        let (takes, puts) =
            (operation != pg_sys::TRIGGER_EVENT_INSERT, operation != pg_sys::TRIGGER_EVENT_DELETE);
        if data.tg_event & pg_sys::TRIGGER_EVENT_ROW == 0 {
            let has_rows = takes != data.tg_oldtable.is_null() && puts != data.tg_newtable.is_null();
            return has_rows.then_some(Self::Statement(data));
        }
        let inserted = if takes { data.tg_newslot } else { data.tg_trigslot };
        Some(Self::Row(takes.then_some(data.tg_trigslot), puts.then_some(inserted)))
    }

    /// Whether a statement changed no more than a row.
    fn are_one_at_most(&self) -> bool {
        match *self {
            // Others come by themselves.
            Self::Row(..) => false,
            Self::Statement(data) => [data.tg_oldtable, data.tg_newtable]
                .into_iter()
                .filter(|table| !table.is_null())
                // SAFETY: a table of rows.
                .all(|table| unsafe { pg_sys::tuplestore_tuple_count(table) } <= 1),
        }
    }

    fn each(&self, mut see: impl FnMut(Change)) {
        match *self {
            Self::Row(old, new) => see((old, new)),
            Self::Statement(data) => {
                let (mut old, mut new) = (Rows::of(data.tg_oldtable, data), Rows::of(data.tg_newtable, data));
                loop {
                    pgrx::check_for_interrupts!();
                    match (old.next(), new.next()) {
                        (None, None) => break,
                        change => see(change),
                    }
                }
                old.close();
                new.close();
            }
        }
    }
}

/// The rows of one of the two tables that a statement's trigger has; none of one that is not there.
struct Rows(Option<(*mut Tuplestorestate, *mut TupleTableSlot)>);

impl Rows {
    fn of(table: *mut Tuplestorestate, data: &TriggerData) -> Self {
        // SAFETY: null or a table of the relation's rows. Its first place to read is nobody's: who reads it by SQL has a place of
        // his own.
        Self((!table.is_null()).then(|| unsafe {
            pg_sys::tuplestore_select_read_pointer(table, 0);
            pg_sys::tuplestore_rescan(table);
            (
                table,
                pg_sys::MakeSingleTupleTableSlot(
                    (*data.tg_relation).rd_att,
                    &raw const pg_sys::TTSOpsMinimalTuple,
                ),
            )
        }))
    }

    fn next(&mut self) -> Row {
        // SAFETY: as above; the row stays until the next one is asked for.
        self.0.and_then(|(table, slot)| unsafe {
            pg_sys::tuplestore_gettupleslot(table, true, false, slot).then_some(slot)
        })
    }

    fn close(self) {
        if let Some((_, slot)) = self.0 {
            // SAFETY: made above.
            unsafe { pg_sys::ExecDropSingleTupleTableSlot(slot) };
        }
    }
}
