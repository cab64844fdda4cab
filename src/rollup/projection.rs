//! Columns that are computed of a row, prepared once: a writer who adds one row should not wait for a plan.
use super::unguarded;
use pgrx::PgMemoryContexts;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, Expr, ExprContext, ProjectionInfo, TupleDesc, TupleTableSlot};
use std::slice;

/// A row before and after.
pub type Change = (Option<*mut TupleTableSlot>, Option<*mut TupleTableSlot>);

pub struct Projection {
    project: *mut ProjectionInfo,
    context: *mut ExprContext,
    columns: Vec<Column>,
    /// What was computed of a row before it was changed, and of one after.
    before: *mut TupleTableSlot,
    after: *mut TupleTableSlot,
}

struct Column {
    by_value: bool,
    length: i16,
}

impl Projection {
    /// # Safety
    /// Planned expressions over the columns of a relation with such rows. What is prepared stays in the current memory.
    pub unsafe fn new(expressions: &[*mut Expr], rows: TupleDesc, context: *mut ExprContext) -> Self {
        // SAFETY: as the contract says; what a list is made of is copied.
        unsafe {
            let mut targets = pgrx::PgList::new();
            for (place, expression) in (1..).zip(expressions) {
                let copy = pg_sys::copyObjectImpl(expression.cast());
                targets.push(pg_sys::makeTargetEntry(copy.cast(), place, std::ptr::null_mut(), false));
            }
            let shown = pg_sys::ExecTypeFromTL(targets.as_ptr());
            let room = || pg_sys::MakeSingleTupleTableSlot(shown, &raw const pg_sys::TTSOpsVirtual);
            let (before, after) = (room(), room());
            let project = pg_sys::ExecBuildProjectionInfo(
                targets.into_pg(),
                context,
                after,
                std::ptr::null_mut(),
                rows,
            );
            let columns = expressions.iter().map(|expression| Column::of(*expression)).collect();
            Self { project, context, columns, before, after }
        }
    }

    /// What is computed of the rows of a change: once, if both give the same. It stays until the next change.
    ///
    /// # Safety
    /// The slots hold rows of the relation.
    pub unsafe fn of(&self, change: Change) -> [Option<*mut TupleTableSlot>; 2] {
        // SAFETY: as the contract says.
        unsafe {
            match change {
                (Some(old), Some(new)) => [self.differ(old, new).then_some(self.before), Some(self.after)],
                (old, new) => {
                    [None, old.or(new).inspect(|row| self.project(*row, self.after)).map(|_| self.after)]
                }
            }
        }
    }

    /// Whether two rows give the same, to the bit: nothing of anybody else's says so.
    ///
    /// # Safety
    /// As above.
    pub unsafe fn differ(&self, old: *mut TupleTableSlot, new: *mut TupleTableSlot) -> bool {
        // SAFETY: both have the values and the types that the columns have.
        unsafe {
            self.project(old, self.before);
            self.project(new, self.after);
            let (was, is_now) = (self.values(self.before), self.values(self.after));
            let mut columns = self.columns.iter().zip(was).zip(is_now);
            let mut differ = false;
            unguarded::guarded(&mut || {
                differ = columns.any(|((column, was), is_now)| match (was, is_now) {
                    ((was, false), (is_now, false)) => {
                        !unguarded::datum_image_eq(*was, *is_now, column.by_value, column.length.into())
                    }
                    ((_, was_null), (_, is_null)) => was_null != is_null,
                });
            });
            differ
        }
    }

    /// # Safety
    /// The slot holds a row of the relation, and `into` is one of ours.
    unsafe fn project(&self, row: *mut TupleTableSlot, into: *mut TupleTableSlot) {
        // SAFETY: the state was prepared for such rows, which it checks. An error in it has nothing to drop.
        unsafe {
            let state = &raw mut (*self.project).pi_state;
            (*state).resultslot = into;
            (*self.context).ecxt_scantuple = row;
            let mut is_null = false;
            let mut memory = PgMemoryContexts::For((*self.context).ecxt_per_tuple_memory);
            unguarded::guarded(&mut || {
                memory.switch_to(|_| (*state).evalfunc.map(|of| of(state, self.context, &mut is_null)));
            });
        }
    }

    /// # Safety
    /// One of ours, after it was filled.
    unsafe fn values(&self, slot: *mut TupleTableSlot) -> impl Iterator<Item = (&Datum, bool)> {
        let width = self.columns.len();
        // SAFETY: a slot has room for as many.
        unsafe {
            let datums = slice::from_raw_parts((*slot).tts_values, width);
            datums.iter().zip(slice::from_raw_parts((*slot).tts_isnull, width).iter().copied())
        }
    }
}

impl Column {
    /// # Safety
    /// A planned expression.
    unsafe fn of(expression: *mut Expr) -> Self {
        let (mut length, mut by_value) = (0, false);
        // SAFETY: as the contract says.
        unsafe { pg_sys::get_typlenbyval(pg_sys::exprType(expression.cast()), &mut length, &mut by_value) };
        Self { by_value, length }
    }
}
