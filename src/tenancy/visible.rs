//! The comparison of a policy: whether a row's garage is among those that the reader sees.
//!
//! `garage_id = ANY ((SELECT vend.visible_garages())::uuid[])` says the same and finds rows by an index, but where PostgreSQL
//! passes through rows it asks first whatever a reader's own condition compares more cheaply (`garage_id = '...' AND
//! payment_count > 7`, as such operators are leakproof), and the garages only if a row is left. EXPLAIN ANALYZE and a clock
//! tell whether they were asked, and so whether another garage has such a row. This function costs nothing, as its support function
//! says, so that it comes first, also before `payment_count IS NULL`; and the support function keeps the index.
use crate::core::garages;
use pgrx::pg_sys::{
    Datum, FunctionCallInfo, Node, NodeTag, NullableDatum, Oid, Pg_finfo_record, ScalarArrayOpExpr, varlena,
};
use pgrx::prelude::*;
use pgrx::{Internal, PgList, is_a};
use std::ptr::without_provenance_mut;

unsafe extern "C-unwind" {
    // fmgr.h, as it is: pgrx's own turns an error into a panic.
    fn pg_detoast_datum_packed(datum: *mut varlena) -> *mut varlena;
}

#[unsafe(no_mangle)]
pub extern "C-unwind" fn pg_finfo_vend_is_visible() -> &'static Pg_finfo_record {
    &Pg_finfo_record { api_version: 1 }
}

/// Called for each row that is passed through, so it is declared as C functions are, without the guard of a `pg_extern`: nothing
/// in it panics, and an error of PostgreSQL's goes past a frame that has nothing to drop.
///
/// # Safety
/// Called by PostgreSQL as declared below: strict, with a uuid and an array.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn vend_is_visible(call: FunctionCallInfo) -> Datum {
    // SAFETY: both arguments are there, of 16 bytes and a varlena, and live as long as the call. What a function keeps for itself is
    // null at first, and is the place where the garage before was found: only a number, so it matters little in which array.
    unsafe {
        let [garage, garages] = *(*call).args.as_ptr().cast::<[NullableDatum; 2]>();
        let mut array: *mut varlena = garages.value.cast_mut_ptr();
        if !pgrx::varatt_is_4b_u(array) {
            array = pg_detoast_datum_packed(array);
        }
        let kept = &mut (*(*call).flinfo).fn_extra;
        let place = garages::find(
            pgrx::varlena_to_byte_slice(array),
            &*garage.value.cast_mut_ptr::<[u8; 16]>(),
            kept.addr(),
        );
        if let Some(place) = place {
            *kept = without_provenance_mut(place);
        }
        Datum::from(place.is_some())
    }
}

/// The operator `uuid = uuid` has the same number in every release (pg_operator.dat).
const UUID_EQUALS: Oid = Oid::from_u32(2972);

/// The planner's questions what a call of `is_visible` costs, how many rows it leaves, and which condition on an index says the same;
/// null: no answer.
#[pg_extern(sql = false)]
fn is_visible_support(request: Internal) -> Internal {
    // SAFETY: PostgreSQL passes a node, and calls a support function with nothing else.
    let answer = unsafe {
        let node: *mut Node = request.unwrap().map_or(std::ptr::null_mut(), |datum| datum.cast_mut_ptr());
        if node.is_null() {
            node
        } else if is_a(node, NodeTag::T_SupportRequestCost) {
            let request: *mut pg_sys::SupportRequestCost = node.cast();
            ((*request).startup, (*request).per_tuple) = (0.0, 0.0);
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
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vend_is_visible';
CREATE FUNCTION vend_internal.is_visible_support(internal) RETURNS internal
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'is_visible_support_wrapper';
COMMENT ON FUNCTION vend_internal.is_visible_support(internal) IS 'Tells the planner that is_visible is = ANY, and to ask it first.';
ALTER FUNCTION vend_internal.is_visible(uuid, uuid[]) SUPPORT vend_internal.is_visible_support;
COMMENT ON FUNCTION vend_internal.is_visible(uuid, uuid[]) IS
    'Whether a garage is one of a sorted array, as vend.visible_garages() returns it: before any other condition on a row is asked.';
"#,
    name = "is_visible_support"
);
