//! What a query shows of a single row, as expressions over its columns.
use pgrx::pg_sys::{Expr, Node, NodeTag, Oid};
use pgrx::prelude::*;
use pgrx::{PgList, is_a};
use std::ffi::{CString, c_void};

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
pub unsafe fn expressions(query: &str, row: Oid) -> Option<Vec<*mut Expr>> {
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
pub unsafe extern "C-unwind" fn calls_other_code(node: *mut Node, context: *mut c_void) -> bool {
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
