//! Expressions as the planner holds them: looking into them and making new ones.
use pgrx::pg_sys::{Datum, FuncExpr, Node, NodeTag, Oid, PlannerInfo, RTEKind, Var};
use pgrx::prelude::*;
use pgrx::{Internal, PgList, is_a};

/// Answers the planner's question whether a call of a function is the same as something simpler; null: it is not.
///
/// # Safety
/// `request` is what PostgreSQL passes to a support function, and `simpler` takes a call of the function it supports, and
/// the query that is planned or null.
pub unsafe fn answer(
    request: Internal, simpler: unsafe fn(*mut FuncExpr, *mut PlannerInfo) -> *mut Node,
) -> Internal {
    // SAFETY: as the contract says, it is a node.
    let simpler = unsafe {
        let node: *mut Node = request.unwrap().map_or(std::ptr::null_mut(), |datum| datum.cast_mut_ptr());
        if !node.is_null() && is_a(node, NodeTag::T_SupportRequestSimplify) {
            let request = node.cast::<pg_sys::SupportRequestSimplify>();
            simpler((*request).fcall, (*request).root)
        } else {
            std::ptr::null_mut()
        }
    };
    Internal::from(Some(pg_sys::Datum::from(simpler)))
}

/// Whether it is a column of a table. One of a subquery may yet become an expression, when the condition is moved into it.
///
/// # Safety
/// `node` is a node of the query that `root` plans; null if that is not known.
pub unsafe fn is_column(node: *mut Node, root: *mut PlannerInfo) -> bool {
    // SAFETY: as the contract says; the number of a query's own column is that of an entry of its range table.
    unsafe {
        if root.is_null() || !is_a(node, NodeTag::T_Var) || (*node.cast::<Var>()).varlevelsup != 0 {
            return false;
        }
        let relations = PgList::<pg_sys::RangeTblEntry>::from_pg((*(*root).parse).rtable);
        usize::try_from((*node.cast::<Var>()).varno - 1)
            .ok()
            .and_then(|number| relations.get_ptr(number))
            .is_some_and(|relation| (*relation).rtekind == RTEKind::RTE_RELATION)
    }
}

/// # Safety
/// `node` is a node.
pub unsafe fn argument(node: *mut Node, function: u32, number: usize) -> Option<*mut Node> {
    // SAFETY: as the contract says.
    unsafe {
        if !is_a(node, NodeTag::T_FuncExpr) || (*node.cast::<FuncExpr>()).funcid.to_u32() != function {
            return None;
        }
        PgList::<Node>::from_pg((*node.cast::<FuncExpr>()).args).get_ptr(number)
    }
}

/// The timestamp, in UTC, of which `at` is the instant: a source's column, which has the index.
///
/// # Safety
/// `at` is a node.
pub unsafe fn utc_timestamp(at: *mut Node) -> Option<*mut Node> {
    // SAFETY: as the contract says; the zone is of type text in one function, and of type interval in the other.
    unsafe {
        let by_name = argument(at, pg_sys::F_TIMEZONE_TEXT_TIMESTAMP, 1)
            .filter(|_| argument(at, pg_sys::F_TIMEZONE_TEXT_TIMESTAMP, 0).is_some_and(|zone| is_utc(zone)));
        by_name.or_else(|| {
            argument(at, pg_sys::F_TIMEZONE_INTERVAL_TIMESTAMP, 1).filter(|_| {
                argument(at, pg_sys::F_TIMEZONE_INTERVAL_TIMESTAMP, 0).is_some_and(|offset| is_none(offset))
            })
        })
    }
}

/// An instant as a timestamp in UTC.
///
/// # Safety
/// `instant` is a node of type timestamptz.
pub unsafe fn in_utc(instant: *mut Node) -> *mut Node {
    // SAFETY: the planner's memory; an interval of zeros is none.
    unsafe {
        let length = size_of::<pg_sys::Interval>();
        let offset = pg_sys::makeConst(
            pg_sys::INTERVALOID,
            -1,
            Oid::INVALID,
            length as i32,
            Datum::from(pg_sys::palloc0(length)),
            false,
            false,
        );
        let mut arguments = PgList::<Node>::new();
        arguments.push(offset.cast());
        arguments.push(copy(instant));
        pg_sys::makeFuncExpr(
            Oid::from_u32(pg_sys::F_TIMEZONE_INTERVAL_TIMESTAMPTZ),
            pg_sys::TIMESTAMPOID,
            arguments.into_pg(),
            Oid::INVALID,
            Oid::INVALID,
            pg_sys::CoercionForm::COERCE_EXPLICIT_CALL,
        )
        .cast()
    }
}

/// # Safety
/// `zone` is a node of type text.
unsafe fn is_utc(zone: *mut Node) -> bool {
    // SAFETY: as the contract says.
    unsafe {
        constant(zone).and_then(|name| String::from_datum(name, false)).is_some_and(|name| name == "UTC")
    }
}

/// # Safety
/// `offset` is a node of type interval.
unsafe fn is_none(offset: *mut Node) -> bool {
    // SAFETY: as the contract says.
    unsafe {
        constant(offset)
            .map(|offset| &*offset.cast_mut_ptr::<pg_sys::Interval>())
            .is_some_and(|offset| offset.time == 0 && offset.day == 0 && offset.month == 0)
    }
}

/// The value of a constant, if it is one.
///
/// # Safety
/// `node` is a node.
unsafe fn constant(node: *mut Node) -> Option<Datum> {
    // SAFETY: a constant that is not NULL holds a datum of its type.
    unsafe {
        let constant = is_a(node, NodeTag::T_Const).then(|| &*node.cast::<pg_sys::Const>())?;
        (!constant.constisnull).then_some(constant.constvalue)
    }
}

/// # Safety
/// Both are nodes of the operator's types.
pub unsafe fn compare(operator: u32, left: *mut Node, right: *mut Node) -> *mut Node {
    // SAFETY: as the contract says.
    unsafe {
        let clause = pg_sys::make_opclause(
            Oid::from_u32(operator),
            pg_sys::BOOLOID,
            false,
            copy(left).cast(),
            copy(right).cast(),
            Oid::INVALID,
            pg_sys::exprCollation(left),
        );
        pg_sys::set_opfuncid(clause.cast());
        clause.cast()
    }
}

/// # Safety
/// `node` is a node.
pub unsafe fn copy(node: *mut Node) -> *mut Node {
    // SAFETY: as the contract says.
    unsafe { pg_sys::copyObjectImpl(node.cast()).cast() }
}
