//! What a rollup's query does, read from PostgreSQL's own tree of it: the rules that refuse a query are in SQL.
// pgrx reads the columns from the return type, so it cannot be an alias.
#![allow(clippy::type_complexity)]
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{Node, NodeTag, Oid};
use pgrx::prelude::*;
use pgrx::{PgList, is_a};
use std::ffi::{CStr, CString, c_void};

/// Raises 42601 unless the text is one SELECT, so that it stays one when it is put into a view.
#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn check_query(query: &str) -> Result<(), ErrorReport> {
    let one = CString::new(query).is_ok_and(|text| {
        // SAFETY: a NUL-terminated string; the tree is allocated in the memory of the current call, and the parser
        // fills every node.
        unsafe {
            let tree = pg_sys::raw_parser(text.as_ptr(), pg_sys::RawParseMode::RAW_PARSE_DEFAULT);
            let statements = PgList::<pg_sys::RawStmt>::from_pg(tree);
            statements.get_ptr(0).filter(|_| statements.len() == 1).is_some_and(|statement| {
                let select = (*statement).stmt;
                is_a(select, NodeTag::T_SelectStmt)
                    && (*select.cast::<pg_sys::SelectStmt>()).intoClause.is_null()
            })
        }
    });
    if one { Ok(()) } else { Err(not_one()) }
}

fn not_one() -> ErrorReport {
    ErrorReport::new(PgSqlErrorCode::ERRCODE_SYNTAX_ERROR, "not a single SELECT", "vend_analytics")
        .set_hint("Give one SELECT without INTO.")
}

struct Facts {
    found: Vec<(&'static str, Oid)>,
}

impl Facts {
    fn add(&mut self, kind: &'static str, object: Oid) {
        if !self.found.contains(&(kind, object)) {
            self.found.push((kind, object));
        }
    }
}

/// Everything in a view's query that may make its rows depend on more than the rows of its sources.
#[pg_extern(schema = "vend_internal", stable, parallel_safe, strict)]
fn query_facts(view: Oid) -> TableIterator<'static, (name!(kind, &'static str), name!(object, Oid))> {
    let mut facts = Facts { found: Vec::new() };
    let context = std::ptr::from_mut(&mut facts).cast();
    // SAFETY: relation_open raises an error unless the relation exists, and get_view_query unless it is a view; the
    // query stays in the relation's cache while it is open. The context outlives the walk.
    unsafe {
        let relation = pg_sys::relation_open(view, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        visit(pg_sys::get_view_query(relation).cast(), context);
        pg_sys::relation_close(relation, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
    }
    TableIterator::new(facts.found)
}

/// # Safety
/// `node` is null or a node of an analysed tree, `context` a `Facts`. Called by PostgreSQL's walkers too.
#[pg_guard]
unsafe extern "C-unwind" fn visit(node: *mut Node, context: *mut c_void) -> bool {
    if node.is_null() {
        return false;
    }
    // SAFETY: not null, and a node by the contract; a tag says which. The walkers check the depth of their recursion.
    unsafe {
        let facts = &mut *context.cast::<Facts>();
        match (*node).type_ {
            NodeTag::T_Query => {
                query_of_its_own(&*node.cast::<pg_sys::Query>(), facts);
                return pg_sys::query_tree_walker(node.cast(), Some(visit), context, 0);
            }
            NodeTag::T_Aggref => {
                let aggregate = &*node.cast::<pg_sys::Aggref>();
                let unordered = aggregate.aggorder.is_null();
                facts.add(if unordered { "unordered aggregate" } else { "aggregate" }, aggregate.aggfnoid);
            }
            NodeTag::T_WindowFunc => {
                facts.add("window function", (*node.cast::<pg_sys::WindowFunc>()).winfnoid)
            }
            NodeTag::T_Var if (*node.cast::<pg_sys::Var>()).varattno == 0 => {
                facts.add("whole row", Oid::INVALID)
            }
            NodeTag::T_SQLValueFunction => facts.add("session value", Oid::INVALID),
            NodeTag::T_NextValueExpr => facts.add("sequence", Oid::INVALID),
            _ => {
                pg_sys::check_functions_in_node(node, Some(add_function), context);
            }
        }
        pg_sys::expression_tree_walker(node, Some(visit), context)
    }
}

/// # Safety
/// `query` comes from the analyser.
unsafe fn query_of_its_own(query: &pg_sys::Query, facts: &mut Facts) {
    if !query.limitCount.is_null() || !query.limitOffset.is_null() {
        facts.add("limit", Oid::INVALID);
    }
    if !query.rowMarks.is_null() {
        facts.add("row lock", Oid::INVALID);
    }
    if query.hasRecursive {
        facts.add("recursion", Oid::INVALID);
    }
    // SAFETY: a range table holds RangeTblEntry nodes only.
    for entry in unsafe { PgList::<pg_sys::RangeTblEntry>::from_pg(query.rtable) }.iter_ptr() {
        // SAFETY: a node of the list.
        let entry = unsafe { &*entry };
        if entry.rtekind == pg_sys::RTEKind::RTE_RELATION {
            facts.add("relation", entry.relid);
            if !entry.tablesample.is_null() {
                facts.add("sample", entry.relid);
            }
        }
    }
}

/// # Safety
/// `context` is a `Facts`. Called by PostgreSQL for every function behind a node.
#[pg_guard]
unsafe extern "C-unwind" fn add_function(function: Oid, context: *mut c_void) -> bool {
    // SAFETY: as the contract says.
    unsafe { &mut *context.cast::<Facts>() }.add("function", function);
    false
}

/// The columns that a view's query groups by, none where it does not or has grouping sets.
#[pg_extern(schema = "vend_internal", stable, parallel_safe, strict)]
fn grouped_columns(view: Oid) -> SetOfIterator<'static, String> {
    let mut names = Vec::new();
    // SAFETY: as in query_facts; the lists hold the nodes that the analyser put there.
    unsafe {
        let relation = pg_sys::relation_open(view, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        let query = &*pg_sys::get_view_query(relation);
        if query.groupingSets.is_null() && query.setOperations.is_null() {
            let grouped: Vec<u32> = PgList::<pg_sys::SortGroupClause>::from_pg(query.groupClause)
                .iter_ptr()
                .map(|clause| (*clause).tleSortGroupRef)
                .collect();
            for target in PgList::<pg_sys::TargetEntry>::from_pg(query.targetList).iter_ptr() {
                if grouped.contains(&(*target).ressortgroupref) && (*target).ressortgroupref != 0 {
                    // A column of GROUP BY that is not shown has no key column, and two rows could share a key.
                    let name = (*target).resname;
                    let shown = !(*target).resjunk && !name.is_null();
                    names.push(if shown {
                        CStr::from_ptr(name).to_string_lossy().into_owned()
                    } else {
                        String::new()
                    });
                }
            }
        }
        pg_sys::relation_close(relation, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
    }
    SetOfIterator::new(names)
}

/// The columns of which a view's query says, in its own WHERE, that they are not NULL.
#[pg_extern(schema = "vend_internal", stable, parallel_safe, strict)]
fn never_null_columns(view: Oid) -> SetOfIterator<'static, String> {
    let mut names = Vec::new();
    // SAFETY: as in query_facts; a NullTest is what its tag says, and equal() compares any two nodes.
    unsafe {
        let relation = pg_sys::relation_open(view, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        let query = &*pg_sys::get_view_query(relation);
        let conditions = PgList::<Node>::from_pg(pg_sys::make_ands_implicit((*query.jointree).quals.cast()));
        for target in PgList::<pg_sys::TargetEntry>::from_pg(query.targetList).iter_ptr() {
            let said = conditions.iter_ptr().any(|condition| {
                let test = condition.cast::<pg_sys::NullTest>();
                is_a(condition, NodeTag::T_NullTest)
                    && (*test).nulltesttype == pg_sys::NullTestType::IS_NOT_NULL
                    && !(*test).argisrow
                    && pg_sys::equal((*test).arg.cast(), (*target).expr.cast())
            });
            if said && !(*target).resname.is_null() {
                names.push(CStr::from_ptr((*target).resname).to_string_lossy().into_owned());
            }
        }
        pg_sys::relation_close(relation, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
    }
    SetOfIterator::new(names)
}

extension_sql_file!(
    "../../sql/rollup/catalog.sql",
    name = "rollup_catalog",
    requires =
        [check_query, query_facts, grouped_columns, never_null_columns, "same_day_support", "source_state"]
);
