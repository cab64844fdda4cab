//! The comparison of a policy: whether a row's garage is among those that the reader sees.
//!
//! `garage_id = ANY ((SELECT vend.visible_garages())::uuid[])` says the same and finds rows by an index, but where PostgreSQL
//! passes through rows it asks first whatever a reader's own condition compares more cheaply (`garage_id = '...' AND
//! payment_count > 7`, as such operators are leakproof), and the garages only if a row is left. EXPLAIN ANALYZE and a clock
//! tell whether they were asked, and so whether another garage has such a row. This function is cheaper than any operator,
//! so that it comes first; its support function keeps the index.
use crate::core::garages;
use pgrx::pg_sys::{FunctionCallInfo, Node, NodeTag, Oid, ScalarArrayOpExpr, varlena};
use pgrx::prelude::*;
use pgrx::{Internal, PgList, is_a};

/// Called for each row that is passed through: with an array of pgrx's a call took 240 ns, and so it takes about 50.
#[pg_extern(sql = false)]
fn is_visible(fcinfo: FunctionCallInfo) -> bool {
    // SAFETY: a strict function of a uuid and an array, declared so below: both are there, of 16 bytes and a varlena, and live
    // as long as the call.
    unsafe {
        let (Some(garage), Some(garages)) =
            (pgrx::fcinfo::pg_getarg_datum(fcinfo, 0), pgrx::fcinfo::pg_getarg_datum(fcinfo, 1))
        else {
            return false;
        };
        let mut array: *mut varlena = garages.cast_mut_ptr();
        if !pgrx::varatt_is_4b_u(array) && (!pgrx::varatt_is_1b(array) || pgrx::varatt_is_1b_e(array)) {
            array = pg_sys::pg_detoast_datum_packed(array);
        }
        garages::contains(pgrx::varlena_to_byte_slice(array), &*garage.cast_mut_ptr::<[u8; 16]>())
    }
}

/// The operator `uuid = uuid` has the same number in every release (pg_operator.dat).
const UUID_EQUALS: Oid = Oid::from_u32(2972);

/// The planner's questions how many rows a call of `is_visible` leaves, and which condition on an index says the same; null: no
/// answer.
#[pg_extern(sql = false)]
fn is_visible_support(request: Internal) -> Internal {
    // SAFETY: PostgreSQL passes a node, and calls a support function with nothing else.
    let answer = unsafe {
        let node: *mut Node = request.unwrap().map_or(std::ptr::null_mut(), |datum| datum.cast_mut_ptr());
        if node.is_null() {
            node
        } else if is_a(node, NodeTag::T_SupportRequestSelectivity) {
            estimate(node.cast())
        } else if is_a(node, NodeTag::T_SupportRequestIndexCondition) {
            index_condition(node.cast())
        } else {
            std::ptr::null_mut()
        }
    };
    Internal::from(Some(pg_sys::Datum::from(answer)))
}

/// # Safety
/// `request` comes from the planner.
unsafe fn estimate(request: *mut pg_sys::SupportRequestSelectivity) -> *mut Node {
    // SAFETY: as the contract says.
    unsafe {
        let same = any_of((*request).args);
        let (root, relation) = ((*request).root, (*request).varRelid);
        (*request).selectivity =
            pg_sys::clause_selectivity(root, same, relation, (*request).jointype, (*request).sjinfo);
        request.cast()
    }
}

/// # Safety
/// `request` comes from the planner.
unsafe fn index_condition(request: *mut pg_sys::SupportRequestIndexCondition) -> *mut Node {
    // SAFETY: as the contract says; the node is a call of `is_visible`, which has two arguments.
    unsafe {
        let call = (*request).node;
        if !is_a(call, NodeTag::T_FuncExpr) || (*request).indexarg != 0 {
            return std::ptr::null_mut();
        }
        let arguments = (*call.cast::<pg_sys::FuncExpr>()).args;
        let garages = PgList::<Node>::from_pg(arguments).get_ptr(1);
        let known = garages.is_some_and(|garages| {
            pg_sys::is_pseudo_constant_for_index((*request).root, garages, (*request).index)
        });
        let equals = pg_sys::get_opfamily_member(
            (*request).opfamily,
            pg_sys::UUIDOID,
            pg_sys::UUIDOID,
            pg_sys::BTEqualStrategyNumber as i16,
        );
        if !known || (*(*request).index).relam != pg_sys::BTREE_AM_OID || equals != UUID_EQUALS {
            return std::ptr::null_mut();
        }
        (*request).lossy = false;
        let mut conditions = PgList::<Node>::new();
        conditions.push(any_of(arguments));
        conditions.into_pg().cast()
    }
}

/// # Safety
/// `arguments` are those of a call of `is_visible`.
unsafe fn any_of(arguments: *mut pg_sys::List) -> *mut Node {
    // SAFETY: the planner's memory, zeroed; what is used twice is copied, as the planner changes trees in place.
    unsafe {
        let node: *mut ScalarArrayOpExpr = pg_sys::palloc0(size_of::<ScalarArrayOpExpr>()).cast();
        (*node).xpr.type_ = NodeTag::T_ScalarArrayOpExpr;
        (*node).opno = UUID_EQUALS;
        (*node).opfuncid = Oid::from_u32(pg_sys::F_UUID_EQ);
        (*node).useOr = true;
        (*node).args = pg_sys::copyObjectImpl(arguments.cast()).cast();
        (*node).location = -1;
        node.cast()
    }
}

extension_sql!(
    r#"
CREATE FUNCTION vend_internal.is_visible(uuid, uuid[]) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 0.0001 AS 'MODULE_PATHNAME', 'is_visible_wrapper';
CREATE FUNCTION vend_internal.is_visible_support(internal) RETURNS internal
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'is_visible_support_wrapper';
COMMENT ON FUNCTION vend_internal.is_visible_support(internal) IS 'Tells the planner that is_visible is = ANY.';
ALTER FUNCTION vend_internal.is_visible(uuid, uuid[]) SUPPORT vend_internal.is_visible_support;
COMMENT ON FUNCTION vend_internal.is_visible(uuid, uuid[]) IS
    'Whether a garage is one of a sorted array, as vend.visible_garages() returns it: before any other condition on a row is asked.';
"#,
    name = "is_visible_support"
);
