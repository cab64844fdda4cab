//! One rollup that follows a table: what it reads of a row, and the note that it wants of a changed one. Both are expressions,
//! prepared once a session, as a writer who adds one row should not wait for a plan.
use pgrx::pg_sys::submodules::ffi::pg_guard_ffi_boundary;
use pgrx::pg_sys::{
    Datum, Expr, ExprContext, ExprState, MemoryContext, Node, NodeTag, Oid, RelationData, TupleTableSlot,
};
use pgrx::prelude::*;
use pgrx::{JsonB, PgList, PgMemoryContexts, is_a};
use serde::Deserialize;
use std::ffi::{CString, c_void};
use std::rc::Rc;

unsafe extern "C-unwind" {
    // utils/datum.h, which pgrx leaves out; the same from PostgreSQL 15 to 18.
    fn datum_image_eq(one: Datum, other: Datum, by_value: bool, length: i32) -> bool;
}

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
    lone_columns: Vec<usize>,
}

/// Where the notes of a source are written.
pub struct Tables {
    /// Indexed, as a statement may leave any number.
    pub notes: Oid,
    /// Those of statements that change a row, maybe together with those of other rollups.
    pub lone_notes: Oid,
    /// Which of its columns, from 1 on, are those of `notes`.
    pub lone_columns: Vec<usize>,
}

struct Expression {
    state: *mut ExprState,
    of: Oid,
    by_value: bool,
    length: i16,
}

pub struct Follower {
    pub rollup: String,
    pub source: String,
    /// None: a change concerns every key.
    pub notes: Option<Tables>,
    /// Only with the rights of vend_owner.
    pub calls_others: bool,
    read: Vec<Expression>,
    noted: Vec<Expression>,
    context: *mut ExprContext,
    memory: MemoryContext,
}

/// A row before and after.
pub type Change = (Option<*mut TupleTableSlot>, Option<*mut TupleTableSlot>);

#[derive(Default)]
pub struct Values {
    pub datums: Vec<Datum>,
    pub nulls: Vec<bool>,
}

impl Follower {
    /// Called with the rights of vend_owner, who may call what the expressions do.
    pub fn all(sources: Option<JsonB>, relation: &RelationData) -> Rc<[Self]> {
        let sources: Vec<Source> = sources
            .map(|JsonB(sources)| {
                serde_json::from_value(sources).unwrap_or_else(|error| pgrx::error!("{error}"))
            })
            .unwrap_or_default();
        sources.into_iter().map(|source| Self::new(source, relation)).collect()
    }

    fn new(source: Source, relation: &RelationData) -> Self {
        // SAFETY: inside a transaction; the relation is open. What is prepared lives in a memory of its own, until it is dropped.
        unsafe {
            let expressions = expressions(&source.query, (*relation.rd_rel).reltype)
                .unwrap_or_else(|| pgrx::error!("a note of {} is not computed from one row", source.source));
            let mut calls_others = false;
            let memory = pg_sys::AllocSetContextCreateInternal(
                pg_sys::CurrentMemoryContext,
                c"notes of a rollup".as_ptr(),
                0,
                1024,
                8192,
            );
            let (context, mut prepared) = PgMemoryContexts::For(memory).switch_to(|_| {
                let prepare = |expression: &*mut Expr| {
                    let expression: *mut Expr = pg_sys::copyObjectImpl(expression.cast()).cast();
                    calls_others |= calls_other_code(expression.cast(), std::ptr::null_mut());
                    Expression::prepare(expression)
                };
                let prepared: Vec<Expression> = expressions.iter().map(prepare).collect();
                (pg_sys::CreateStandaloneExprContext(), prepared)
            });
            // Only now: an error takes it away.
            pg_sys::MemoryContextSetParent(memory, pg_sys::TopMemoryContext);
            let noted = prepared.split_off(source.reads);
            // A column may have become of another type, which the table of notes cannot hold.
            let fits = source.types.is_some_and(|types| {
                types.len() == noted.len() + 1
                    && noted.iter().zip(types).all(|(expression, of)| expression.of.to_u32() == of)
            });
            let tables = source.notes.zip(source.lone_notes).filter(|_| fits);
            Self {
                rollup: source.rollup,
                source: source.source,
                notes: tables.map(|(notes, lone_notes)| Tables {
                    notes: notes.into(),
                    lone_notes: lone_notes.into(),
                    lone_columns: source.lone_columns,
                }),
                calls_others,
                read: prepared,
                noted,
                context,
                memory,
            }
        }
    }

    pub fn lone_notes(&self) -> Option<Oid> {
        self.notes.as_ref().map(|tables| tables.lone_notes)
    }

    /// Whether a change matters to the rollup.
    ///
    /// # Safety
    /// The slots hold rows of the table.
    pub unsafe fn is_concerned(&self, (old, new): Change, values: &mut [Values; 2]) -> bool {
        match (old, new) {
            // SAFETY: as the contract says.
            (Some(old), Some(new)) => unsafe { !self.are_the_same(&self.read, old, new, values) },
            (old, new) => old.is_some() || new.is_some(),
        }
    }

    /// The notes that a change leaves: the last of `values`, and the first one, too, if it returns true. They live until forget().
    ///
    /// # Safety
    /// As above, and there is a row.
    pub unsafe fn notes_of(&self, change: Change, values: &mut [Values; 2]) -> bool {
        // SAFETY: as the contract says.
        unsafe {
            match change {
                (Some(old), Some(new)) => !self.are_the_same(&self.noted, old, new, values),
                (old, new) => {
                    old.or(new).into_iter().for_each(|row| self.evaluate(&self.noted, row, &mut values[1]));
                    false
                }
            }
        }
    }

    /// To the bit: nothing of anybody else's says so. The values are left in `values`.
    ///
    /// # Safety
    /// Both slots hold rows of the table.
    unsafe fn are_the_same(
        &self, expressions: &[Expression], old: *mut TupleTableSlot, new: *mut TupleTableSlot,
        values: &mut [Values; 2],
    ) -> bool {
        let [was, is_now] = values;
        // SAFETY: the values are of the expressions' types.
        unsafe {
            self.evaluate(expressions, old, was);
            self.evaluate(expressions, new, is_now);
            pg_guard_ffi_boundary(|| {
                expressions.iter().enumerate().all(|(i, expression)| match (was.nulls[i], is_now.nulls[i]) {
                    (false, false) => datum_image_eq(
                        was.datums[i],
                        is_now.datums[i],
                        expression.by_value,
                        i32::from(expression.length),
                    ),
                    (was, is_now) => was == is_now,
                })
            })
        }
    }

    /// # Safety
    /// The slot holds a row of the table.
    unsafe fn evaluate(&self, expressions: &[Expression], row: *mut TupleTableSlot, into: &mut Values) {
        into.datums.clear();
        into.nulls.clear();
        let evaluate = |_: &mut PgMemoryContexts| {
            for expression in expressions {
                let mut is_null = false;
                // SAFETY: the state was prepared for such rows, which it checks; the context is its own.
                unsafe {
                    let state = expression.state;
                    let value = (*state).evalfunc.map(|of| of(state, self.context, &mut is_null));
                    into.datums.push(value.unwrap_or(Datum::null()));
                }
                into.nulls.push(is_null);
            }
        };
        // SAFETY: an error in one of them ends all of them, and there is nothing to drop.
        unsafe {
            (*self.context).ecxt_scantuple = row;
            let mut memory = PgMemoryContexts::For(self.row_memory());
            pg_guard_ffi_boundary(|| memory.switch_to(evaluate));
        }
    }

    /// Where values are made, until forget().
    pub fn row_memory(&self) -> MemoryContext {
        // SAFETY: made with the follower.
        unsafe { (*self.context).ecxt_per_tuple_memory }
    }

    /// Gives back what values of the rows before took.
    pub fn forget(&self) {
        // SAFETY: nobody keeps a value.
        unsafe { pg_sys::MemoryContextReset(self.row_memory()) }
    }
}

impl Values {
    pub fn fill_with_nulls(&mut self, width: i32) {
        let width = usize::try_from(width).unwrap_or_default();
        self.datums.clear();
        self.datums.resize(width, Datum::null());
        self.nulls.clear();
        self.nulls.resize(width, true);
    }

    pub fn copy(&mut self, place: usize, from: &Self, from_place: usize) {
        self.datums[place] = from.datums[from_place];
        self.nulls[place] = from.nulls[from_place];
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // SAFETY: everything in it is the follower's own.
        unsafe { pg_sys::MemoryContextDelete(self.memory) }
    }
}

impl Expression {
    /// # Safety
    /// A planned expression over the columns of one relation, in the memory in which it stays.
    unsafe fn prepare(expression: *mut Expr) -> Self {
        // SAFETY: as the contract says.
        unsafe {
            let of = pg_sys::exprType(expression.cast());
            let (mut length, mut by_value) = (0, false);
            pg_sys::get_typlenbyval(of, &mut length, &mut by_value);
            Self { state: pg_sys::ExecInitExpr(expression, std::ptr::null_mut()), of, by_value, length }
        }
    }
}

/// The types of what a query shows of a row; NULL: it does not follow from the row alone.
#[pg_extern(schema = "vend_internal", volatile, parallel_unsafe)]
fn note_types(query: &str, relation: Oid) -> Option<Vec<Oid>> {
    // SAFETY: a catalog look-up, and nothing is kept of the plan.
    unsafe {
        let shown = expressions(query, pg_sys::get_rel_type_id(relation))?;
        Some(shown.iter().map(|expression| pg_sys::exprType(expression.cast())).collect())
    }
}

/// What a query shows of the rows of `unnest(ARRAY[$1])`: expressions over the columns of the row that $1 is. None if there is more
/// to the query than that.
///
/// # Safety
/// Inside a transaction.
unsafe fn expressions(query: &str, row: Oid) -> Option<Vec<*mut Expr>> {
    let text = CString::new(query).ok()?;
    // SAFETY: every list holds what the parser and the planner put there; the trees live as long as the current memory.
    unsafe {
        let parsed = pg_sys::raw_parser(text.as_ptr(), pg_sys::RawParseMode::RAW_PARSE_DEFAULT);
        let statement = PgList::<pg_sys::RawStmt>::from_pg(parsed).get_ptr(0)?;
        let rewritten = pg_sys::pg_analyze_and_rewrite_fixedparams(
            statement,
            text.as_ptr(),
            &row,
            1,
            std::ptr::null_mut(),
        );
        let query = PgList::<pg_sys::Query>::from_pg(rewritten).get_ptr(0)?;
        let plan = &*pg_sys::pg_plan_query(query, text.as_ptr(), 0, std::ptr::null_mut());
        let scan = &*plan.planTree;
        let is_plain = is_a(plan.planTree.cast::<Node>(), NodeTag::T_FunctionScan)
            && scan.qual.is_null()
            && scan.initPlan.is_null()
            && plan.subplans.is_null();
        let targets = PgList::<pg_sys::TargetEntry>::from_pg(scan.targetlist);
        is_plain.then(|| targets.iter_ptr().map(|target| (*target).expr).collect())
    }
}

/// Whether anything is called that is not PostgreSQL's own.
///
/// # Safety
/// `node` is null or a node of a planned expression. Called by PostgreSQL's walker too.
#[pg_guard]
unsafe extern "C-unwind" fn calls_other_code(node: *mut Node, context: *mut c_void) -> bool {
    if node.is_null() {
        return false;
    }
    // SAFETY: not null, and a node by the contract; the walker checks the depth of its recursion.
    unsafe {
        // A domain's conditions and the order of a type are not in the tree.
        matches!((*node).type_, NodeTag::T_CoerceToDomain | NodeTag::T_MinMaxExpr)
            || pg_sys::check_functions_in_node(node, Some(is_others), context)
            || pg_sys::expression_tree_walker(node, Some(calls_other_code), context)
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn is_others(function: Oid, _context: *mut c_void) -> bool {
    function.to_u32() >= pg_sys::FirstGenbkiObjectId
}
