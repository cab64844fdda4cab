//! Conditions on a code, such as a payment's status, that an ordinary index answers where the source has an enum: staging makes
//! text of it, under which no index would be found.
use super::nodes::{answer, argument, compare};
use pgrx::pg_sys::{CoerceViaIO, Const, FuncExpr, Node, NodeTag, NullIfExpr, Oid, PlannerInfo};
use pgrx::prelude::*;
use pgrx::{Internal, PgList, is_a};
use std::ffi::CStr;

#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn has_code(code: &str, wanted: &str) -> bool {
    code == wanted
}

/// `text = text` and `enum = enum` have the same numbers in every release (pg_operator.dat).
const TEXT_EQUALS: u32 = 98;
const ENUM_EQUALS: u32 = 3516;

#[pg_extern(sql = false)]
fn code_support(request: Internal) -> Internal {
    // SAFETY: PostgreSQL calls a support function with nothing else.
    unsafe { answer(request, simplify) }
}

/// # Safety
/// `call` is a call of `has_code` from the planner.
unsafe fn simplify(call: *mut FuncExpr, _root: *mut PlannerInfo) -> *mut Node {
    // SAFETY: the arguments of a call are nodes, and a constant that is not NULL holds a datum of its type.
    unsafe {
        let arguments = PgList::<Node>::from_pg((*call).args);
        let (Some(code), Some(wanted)) = (arguments.get_ptr(0), arguments.get_ptr(1)) else {
            return std::ptr::null_mut();
        };
        // A column of a subquery may yet become one, when the condition is moved into it.
        if !is_a(plain(code), NodeTag::T_NullIfExpr) || !is_a(wanted, NodeTag::T_Const) {
            return std::ptr::null_mut();
        }
        let label =
            String::from_datum((*wanted.cast::<Const>()).constvalue, (*wanted.cast::<Const>()).constisnull);
        match enum_of(code).zip(label).and_then(|(value, label)| Some((value, only_label(value, &label)?))) {
            Some((value, label)) => compare(ENUM_EQUALS, value, label),
            None => compare(TEXT_EQUALS, code, wanted),
        }
    }
}

/// The enum of which a staged code is the text: `nullif(lower(btrim(value::text)), '')`.
///
/// # Safety
/// `code` is a node.
unsafe fn enum_of(code: *mut Node) -> Option<*mut Node> {
    // SAFETY: each is looked into as what its tag says.
    unsafe {
        let lower = PgList::<Node>::from_pg((*plain(code).cast::<NullIfExpr>()).args).get_ptr(0)?;
        let trimmed = argument(plain(lower), pg_sys::F_LOWER_TEXT, 0)?;
        let text = plain(argument(plain(trimmed), pg_sys::F_BTRIM_TEXT, 0)?);
        let value = is_a(text, NodeTag::T_CoerceViaIO).then(|| (*text.cast::<CoerceViaIO>()).arg.cast())?;
        (pg_sys::get_typtype(pg_sys::exprType(value)) as u8 == pg_sys::TYPTYPE_ENUM).then_some(value)
    }
}

/// Without what only says of which collation a text is.
///
/// # Safety
/// `node` is a node.
unsafe fn plain(node: *mut Node) -> *mut Node {
    // SAFETY: each is looked into as what its tag says.
    unsafe {
        match (*node).type_ {
            NodeTag::T_RelabelType => plain((*node.cast::<pg_sys::RelabelType>()).arg.cast()),
            NodeTag::T_CollateExpr => plain((*node.cast::<pg_sys::CollateExpr>()).arg.cast()),
            _ => node,
        }
    }
}

/// The label that is staged as a code, if it is only one.
///
/// # Safety
/// `value` is a node of an enum's type.
unsafe fn only_label(value: *mut Node, code: &str) -> Option<*mut Node> {
    // SAFETY: the list stays until it is released; its entries are rows of pg_enum.
    unsafe {
        let of = pg_sys::exprType(value);
        let none = pg_sys::Datum::null();
        let list = pg_sys::SearchSysCacheList(
            pg_sys::SysCacheIdentifier::ENUMTYPOIDNAME as i32,
            1,
            of.into(),
            none,
            none,
        );
        let entries = (*list).members.as_slice(usize::try_from((*list).n_members).unwrap_or(0));
        let mut labels = entries.iter().filter_map(|&entry| {
            let row = &raw mut (*entry).tuple;
            let row: *const pg_sys::FormData_pg_enum = pg_sys::GETSTRUCT(row).cast();
            let label = CStr::from_ptr((*row).enumlabel.data.as_ptr()).to_string_lossy();
            (label.trim_matches(' ').to_ascii_lowercase() == code).then_some((*row).oid)
        });
        let only = labels.next().filter(|_| labels.next().is_none());
        pg_sys::ReleaseCatCacheList(list);
        only.map(|label| pg_sys::makeConst(of, -1, Oid::INVALID, 4, label.into(), false, true).cast())
    }
}

/// Plans look at the labels that there are.
#[pg_extern(schema = "vend_internal", volatile, parallel_unsafe, strict)]
fn forget_plans(relation: Oid) {
    // SAFETY: raises an error unless the relation exists.
    unsafe { pg_sys::CacheInvalidateRelcacheByRelid(relation) }
}

extension_sql!(
    r#"
CREATE FUNCTION vend_internal.code_support(internal) RETURNS internal
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'code_support_wrapper';
COMMENT ON FUNCTION vend_internal.code_support(internal) IS 'Tells the planner which label of an enum has_code asks for.';
ALTER FUNCTION vend_internal.has_code(text, text) SUPPORT vend_internal.code_support;
COMMENT ON FUNCTION vend_internal.has_code(text, text) IS
    'Whether a staged code is a given one, found by an index on the source''s enum, or by one for that label alone.';
COMMENT ON FUNCTION vend_internal.forget_plans(oid) IS 'Has every session plan anew what it reads of a table.';
"#,
    name = "code_support",
    requires = [has_code, forget_plans]
);
