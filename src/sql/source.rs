//! What attaching needs of PostgreSQL's own parser: is a mapped expression one expression, and does a command
//! drop this extension.
use super::bridge::Outcome;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{EventTriggerData, FunctionCallInfo, Node, NodeTag};
use pgrx::prelude::*;
use pgrx::{PgList, is_a};
use std::ffi::{CStr, CString, c_void};

/// Raises an error unless the text is one expression without a subquery, so that it stays one when it is put in
/// parentheses into a view. A syntax error is PostgreSQL's own.
#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn check_expression(expression: &str) -> Outcome<()> {
    let text = CString::new(expression).map_err(|_| not_one())?;
    // SAFETY: a NUL-terminated string; the tree is allocated in the memory of the current call.
    let statements = unsafe {
        let tree = pg_sys::raw_parser(text.as_ptr(), pg_sys::RawParseMode::RAW_PARSE_PLPGSQL_EXPR);
        PgList::<pg_sys::RawStmt>::from_pg(tree)
    };
    let statement = statements.get_ptr(0).filter(|_| statements.len() == 1).ok_or_else(not_one)?;
    // SAFETY: the parser fills every node; in this mode it makes nothing but SELECT, which the tag confirms.
    let target = unsafe {
        let select = (*statement).stmt;
        if !is_a(select, NodeTag::T_SelectStmt) {
            return Err(not_one());
        }
        only_target(&*select.cast()).ok_or_else(not_one)?
    };
    // SAFETY: a node of the tree above; the walker has no context to write to.
    if unsafe { contains_subquery(target, std::ptr::null_mut()) } {
        return Err(ErrorReport::new(
            PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
            "expression contains a subquery",
            "vend_analytics",
        )
        .set_hint("Use columns of the table itself; put what needs other tables into a column of it."));
    }
    Ok(())
}

fn not_one() -> ErrorReport {
    ErrorReport::new(PgSqlErrorCode::ERRCODE_SYNTAX_ERROR, "not a single expression", "vend_analytics")
        .set_hint("Give one SQL expression over the table's columns, without AS, FROM or WHERE.")
}

/// The one unnamed value that a SELECT consists of; None if there is anything else to it.
///
/// # Safety
/// `select` comes from the parser.
unsafe fn only_target(select: &pg_sys::SelectStmt) -> Option<*mut Node> {
    let lists = [
        select.distinctClause,
        select.fromClause,
        select.groupClause,
        select.windowClause,
        select.valuesLists,
        select.sortClause,
        select.lockingClause,
    ];
    let nodes = [select.whereClause, select.havingClause, select.limitOffset, select.limitCount];
    let plain = lists.iter().all(|list| list.is_null())
        && nodes.iter().all(|node| node.is_null())
        && select.intoClause.is_null()
        && select.withClause.is_null()
        && select.op == pg_sys::SetOperation::SETOP_NONE;
    // SAFETY: a target list holds ResTarget nodes only.
    let targets = unsafe { PgList::<pg_sys::ResTarget>::from_pg(select.targetList) };
    let target = targets.get_ptr(0).filter(|_| plain && targets.len() == 1)?;
    // SAFETY: a node of the list.
    let (name, value) = unsafe { ((*target).name, (*target).val) };
    // SAFETY: as above; `*` is a column reference whose last field is a star.
    let star = unsafe { is_a(value, NodeTag::T_ColumnRef) && ends_in_star(&*value.cast()) };
    (name.is_null() && !star).then_some(value)
}

/// # Safety
/// `column` comes from the parser.
unsafe fn ends_in_star(column: &pg_sys::ColumnRef) -> bool {
    // SAFETY: the fields of a column reference are nodes.
    let fields = unsafe { PgList::<Node>::from_pg(column.fields) };
    // SAFETY: a node of the list.
    fields.tail().is_some_and(|last| unsafe { is_a(last, NodeTag::T_A_Star) })
}

/// # Safety
/// `node` is null or a node of a raw parse tree. Called by PostgreSQL's walker too.
#[pg_guard]
unsafe extern "C-unwind" fn contains_subquery(node: *mut Node, context: *mut c_void) -> bool {
    if node.is_null() {
        return false;
    }
    // SAFETY: not null, and a node by the contract; the walker checks the depth of its recursion.
    unsafe {
        is_a(node, NodeTag::T_SubLink)
            || pg_sys::raw_expression_tree_walker(node, Some(contains_subquery), context)
    }
}

/// Fires before DROP EXTENSION: the generated schemas are no members, as their views come and go, and would
/// otherwise stay behind or stop the command.
#[pg_extern(sql = false)]
fn detach_before_drop(fcinfo: FunctionCallInfo) -> Outcome<()> {
    // SAFETY: PostgreSQL passes valid call information; its context is null or a node.
    let dropped = unsafe {
        let context = (*fcinfo).context;
        if context.is_null() || !is_a(context, NodeTag::T_EventTriggerData) {
            return Err(ErrorReport::new(
                PgSqlErrorCode::ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED,
                "not called as an event trigger",
                "vend_analytics",
            ));
        }
        dropped_with_cascade((*context.cast::<EventTriggerData>()).parsetree)
    };
    match dropped {
        Some(cascade) => Spi::run_with_args("SELECT vend_internal.detach_source($1)", &[cascade.into()])
            .map_err(|error| {
                let code = PgSqlErrorCode::ERRCODE_INTERNAL_ERROR;
                ErrorReport::new(code, error.to_string(), "vend_analytics")
            }),
        None => Ok(()),
    }
}

/// If the command is DROP EXTENSION with this extension in its list: whether it says CASCADE.
///
/// # Safety
/// `command` is null or the parse tree of a command.
unsafe fn dropped_with_cascade(command: *mut Node) -> Option<bool> {
    // SAFETY: the tag says which node it is; the objects of DROP EXTENSION are names.
    unsafe {
        if command.is_null() || !is_a(command, NodeTag::T_DropStmt) {
            return None;
        }
        let drop = &*command.cast::<pg_sys::DropStmt>();
        if drop.removeType != pg_sys::ObjectType::OBJECT_EXTENSION {
            return None;
        }
        let names = PgList::<pg_sys::String>::from_pg(drop.objects);
        let ours = names.iter_ptr().any(|name| CStr::from_ptr((*name).sval).to_bytes() == b"vend_analytics");
        ours.then_some(drop.behavior == pg_sys::DropBehavior::DROP_CASCADE)
    }
}

extension_sql_file!("../../sql/locks.sql", name = "locks");
extension_sql_file!("../../sql/source/columns.sql", name = "source_columns", requires = [check_expression]);
extension_sql_file!(
    "../../sql/source/state.sql",
    name = "source_state",
    requires = ["source_columns", "locks"]
);
extension_sql_file!("../../sql/source/mapping.sql", name = "source_mapping", requires = ["source_state"]);
extension_sql_file!("../../sql/source/staging.sql", name = "source_staging", requires = ["source_mapping"]);
extension_sql_file!("../../sql/source/grants.sql", name = "source_grants", requires = ["source_state"]);
extension_sql_file!("../../sql/source/inspect.sql", name = "source_inspect", requires = ["source_staging"]);
extension_sql_file!("../../sql/source/indexes.sql", name = "source_indexes", requires = ["source_mapping"]);
extension_sql_file!("../../sql/source/data_checks.sql", name = "source_data", requires = ["source_inspect"]);
extension_sql_file!(
    "../../sql/source/check.sql",
    name = "source_check",
    requires = ["source_data", "source_grants", "source_indexes"]
);
extension_sql_file!(
    "../../sql/source/detach.sql",
    name = "source_detach",
    requires = ["source_check", "capacities"]
);
extension_sql_file!("../../sql/calendar.sql", name = "calendar", requires = ["time", "capacities"]);
extension_sql_file!("../../sql/revenue.sql", name = "revenue");
extension_sql_file!(
    "../../sql/source/attach.sql",
    name = "source_attach",
    requires = ["source_detach", "readers"]
);
