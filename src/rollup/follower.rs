//! The rollups that follow a table: what each reads of a row, and the note that it wants of a changed one.
use super::expressions::{calls_other_code, expressions};
use super::projection::{Change, Projection};
use pgrx::pg_sys::{Expr, ExprContext, MemoryContext, Oid, RelationData};
use pgrx::prelude::*;
use pgrx::{JsonB, PgMemoryContexts};
use serde::Deserialize;

/// As vend_internal.followers() has it.
#[derive(Deserialize)]
struct Source {
    rollup: String,
    source: String,
    query: String,
    reads: usize,
    notes: Option<u32>,
    types: Option<Vec<u32>>,
    lone_notes: Option<u32>,
    /// For each column of it, which of `notes` that is, from 1 on.
    lone_columns: Vec<Option<usize>>,
}

/// Its expressions.
struct Planned {
    source: Source,
    reads: Vec<*mut Expr>,
    noted: Vec<*mut Expr>,
}

pub struct Followers {
    pub sharers: Vec<Sharers>,
    /// Only with the rights of vend_owner.
    pub calls_others: bool,
    context: *mut ExprContext,
    /// Of all that was prepared.
    memory: MemoryContext,
}

/// Rollups whose lone notes, those of statements that change a row, are in one table.
pub struct Sharers {
    pub followers: Vec<Follower>,
    pub lone_notes: Option<Noted>,
}

pub struct Follower {
    pub rollup: String,
    pub source: String,
    /// Indexed, as a statement may leave any number. None: a change concerns every key.
    pub notes: Option<Noted>,
    reads: Projection,
}

/// A table of notes, and what is noted in it.
pub struct Noted {
    pub table: Oid,
    pub rows: Projection,
}

impl Followers {
    /// Called with the rights of vend_owner, who may call what the expressions do. None: nobody follows the table.
    pub fn find(sources: Option<JsonB>, relation: &RelationData) -> Option<Self> {
        let sources: Vec<Source> = sources
            .map(|JsonB(sources)| {
                serde_json::from_value(sources).unwrap_or_else(|error| pgrx::error!("{error}"))
            })
            .unwrap_or_default();
        let planned: Vec<_> = sources.into_iter().map(|source| Planned::new(source, relation)).collect();
        (!planned.is_empty()).then(|| Self::new(&planned, relation))
    }

    fn new(planned: &[Planned], relation: &RelationData) -> Self {
        // SAFETY: inside a transaction; planned expressions over the rows of the relation. What is prepared of them lives in a
        // memory of its own, until it is dropped.
        unsafe {
            let memory = pg_sys::AllocSetContextCreateInternal(
                pg_sys::CurrentMemoryContext,
                c"notes of a table".as_ptr(),
                0,
                1024,
                8192,
            );
            let (context, sharers) = PgMemoryContexts::For(memory).switch_to(|_| {
                let context = pg_sys::CreateStandaloneExprContext();
                let prepare =
                    |expressions: &[*mut Expr]| Projection::new(expressions, relation.rd_att, context);
                let share = |one: &Planned, other: &Planned| {
                    one.source.lone_notes.is_some() && one.source.lone_notes == other.source.lone_notes
                };
                let sharers =
                    planned.chunk_by(share).map(|together| Sharers::new(together, prepare)).collect();
                (context, sharers)
            });
            // Only now: an error takes it away.
            pg_sys::MemoryContextSetParent(memory, pg_sys::TopMemoryContext);
            let calls_others = planned.iter().any(|planned| {
                let mut all = planned.reads.iter().chain(&planned.noted);
                all.any(|expression| calls_other_code(expression.cast(), std::ptr::null_mut()))
            });
            Self { sharers, calls_others, context, memory }
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Follower> {
        self.sharers.iter().flat_map(|sharers| &sharers.followers)
    }

    /// Whether a table is one of those that they note in.
    pub fn write_to(&self, table: Oid) -> bool {
        let notes = self.iter().filter_map(|follower| follower.notes.as_ref());
        let lone_notes = self.sharers.iter().filter_map(|sharers| sharers.lone_notes.as_ref());
        notes.chain(lone_notes).any(|noted| noted.table == table)
    }

    /// Gives back what was computed of rows.
    pub fn forget(&self) {
        // SAFETY: nobody keeps a value from one change to the next.
        unsafe {
            let memory = (*self.context).ecxt_per_tuple_memory;
            let is_used = !(*memory).isReset || !(*memory).firstchild.is_null();
            if is_used {
                pg_sys::MemoryContextReset(memory);
            }
        }
    }
}

impl Drop for Followers {
    fn drop(&mut self) {
        // SAFETY: everything in it is its own.
        unsafe { pg_sys::MemoryContextDelete(self.memory) }
    }
}

impl Planned {
    fn new(mut source: Source, relation: &RelationData) -> Self {
        // SAFETY: inside a transaction; the relation is open.
        unsafe {
            let mut reads = expressions(&source.query, (*relation.rd_rel).reltype)
                .unwrap_or_else(|| pgrx::error!("a note of {} is not computed from one row", source.source));
            let noted = reads.split_off(source.reads);
            // A column may have become of another type, which the table of notes cannot hold.
            let types = noted.iter().map(|expression| pg_sys::exprType(expression.cast()).to_u32());
            if source.types.as_ref().is_none_or(|fitting| !types.eq(fitting.iter().copied())) {
                (source.notes, source.lone_notes) = (None, None);
            }
            Self { source, reads, noted }
        }
    }

    fn lone_column(&self, column: usize) -> Option<*mut Expr> {
        let place = (*self.source.lone_columns.get(column)?)?;
        self.noted.get(place.checked_sub(1)?).copied()
    }
}

impl Sharers {
    fn new(together: &[Planned], prepare: impl Fn(&[*mut Expr]) -> Projection) -> Self {
        let noted = |table: u32, rows: &[*mut Expr]| Noted { table: table.into(), rows: prepare(rows) };
        let followers = together.iter().map(|Planned { source, reads, noted: rows }| Follower {
            rollup: source.rollup.clone(),
            source: source.source.clone(),
            notes: source.notes.map(|notes| noted(notes, rows)),
            reads: prepare(reads),
        });
        let lone_notes = together.first().and_then(|Planned { source, .. }| {
            let of_all = (0..source.lone_columns.len()).map(|column| {
                together.iter().find_map(|planned| planned.lone_column(column)).unwrap_or_else(no_value)
            });
            source.lone_notes.map(|lone_notes| noted(lone_notes, &of_all.collect::<Vec<_>>()))
        });
        Self { followers: followers.collect(), lone_notes }
    }
}

/// In a column of a rollup that does not note any more.
fn no_value() -> *mut Expr {
    // SAFETY: of any type.
    unsafe { pg_sys::makeNullConst(pg_sys::INT4OID, -1, pg_sys::InvalidOid).cast() }
}

impl Follower {
    /// Whether a change matters to the rollup.
    ///
    /// # Safety
    /// The slots hold rows of the table.
    pub unsafe fn is_concerned(&self, change: Change) -> bool {
        match change {
            // SAFETY: as the contract says.
            (Some(old), Some(new)) => unsafe { self.reads.differ(old, new) },
            (old, new) => old.is_some() || new.is_some(),
        }
    }
}
