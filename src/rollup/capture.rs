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
use super::statement_rows::{Row, StatementRows};
use pgrx::fn_call::{Arg, fn_call};
use pgrx::is_a;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{FunctionCallInfo, NodeTag, TriggerData};
use pgrx::prelude::*;
use std::ffi::CStr;

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
        as_owner(|| note(&followers, changes));
    } else {
        note(&followers, changes);
    }
    Ok(())
}

fn note(followers: &Followers, changes: Changes) {
    if changes.are_one_at_most() {
        changes.each(|change| {
            followers.sharers.iter().for_each(|sharers| note_lone(sharers, change));
            followers.forget();
        });
    } else {
        let in_batches = matches!(changes, Changes::Statement { .. });
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
enum Changes {
    Row(Row, Row),
    Statement { old: StatementRows, new: StatementRows },
}

impl Changes {
    /// None if a trigger was made without the rows.
    fn of(data: &TriggerData) -> Option<Self> {
        let operation = data.tg_event & pg_sys::TRIGGER_EVENT_OPMASK;
        let (takes, puts) =
            (operation != pg_sys::TRIGGER_EVENT_INSERT, operation != pg_sys::TRIGGER_EVENT_DELETE);
        if data.tg_event & pg_sys::TRIGGER_EVENT_ROW == 0 {
            let has_rows = takes != data.tg_oldtable.is_null() && puts != data.tg_newtable.is_null();
            // SAFETY: null, or a table of the relation's rows.
            let rows = |table| unsafe { StatementRows::of(table, (*data.tg_relation).rd_att) };
            return has_rows
                .then(|| Self::Statement { old: rows(data.tg_oldtable), new: rows(data.tg_newtable) });
        }
        let inserted = if takes { data.tg_newslot } else { data.tg_trigslot };
        Some(Self::Row(takes.then_some(data.tg_trigslot), puts.then_some(inserted)))
    }

    /// Whether a statement changed no more than a row.
    fn are_one_at_most(&self) -> bool {
        match self {
            // Others come by themselves.
            Self::Row(..) => false,
            Self::Statement { old, new } => old.are_one_at_most() && new.are_one_at_most(),
        }
    }

    fn each(self, mut see: impl FnMut(Change)) {
        match self {
            Self::Row(old, new) => see((old, new)),
            Self::Statement { mut old, mut new } => {
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
