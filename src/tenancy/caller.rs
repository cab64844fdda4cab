//! What SQL asks about the session and the transaction. What a login is mapped to and what a user may see is
//! in sql/tenancy/identity.sql.
use super::{IDENTITY, PRELOADED, setting};
use pgrx::Uuid;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// The user that this transaction was fixed to by a token or by the setting; nobody for a login of vend_bi.
#[pg_extern(schema = "vend_internal", stable, parallel_restricted)]
fn claimed_user() -> Result<Option<Uuid>, ErrorReport> {
    require_preload()?;
    if is_bi_login() {
        return Ok(None);
    }
    Ok(IDENTITY.get().user(setting::user()).map(|user| Uuid::from_bytes(user.0)))
}

pub fn require_preload() -> Result<(), ErrorReport> {
    if PRELOADED.get() {
        return Ok(());
    }
    Err(ErrorReport::new(
        PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        "vend_analytics is not preloaded",
        "vend_analytics",
    )
    .set_hint("Add vend_analytics to shared_preload_libraries and restart the server."))
}

/// By what was granted: a superuser is no member merely because it may do everything. Without the role nobody is
/// anybody.
pub fn is_bi_login() -> bool {
    // SAFETY: catalog look-ups, inside the transaction that called us.
    unsafe {
        let bi = pg_sys::get_role_oid(c"vend_bi".as_ptr(), true);
        bi == pg_sys::InvalidOid || pg_sys::is_member_of_role_nosuper(pg_sys::GetSessionUserId(), bi)
    }
}

/// Whether there is a staging of ours to read users from: one that somebody else made could call anybody a super admin.
/// Asked in every transaction, so of the catalog's caches.
#[pg_extern(schema = "vend_internal", stable, parallel_safe)]
fn is_attached() -> bool {
    // SAFETY: catalog look-ups, inside the transaction that called us.
    unsafe {
        let ours = pg_sys::get_role_oid(c"vend_owner".as_ptr(), true);
        let staging = pg_sys::get_namespace_oid(c"vend_staging".as_ptr(), true);
        ours != pg_sys::InvalidOid
            && owner_of_schema(staging) == Some(ours)
            && [c"stg_users", c"stg_garages", c"stg_garage_admins"]
                .into_iter()
                .all(|view| owner_of_view(pg_sys::get_relname_relid(view.as_ptr(), staging)) == Some(ours))
    }
}

/// # Safety
/// Called inside a transaction.
unsafe fn owner_of_schema(schema: pg_sys::Oid) -> Option<pg_sys::Oid> {
    // SAFETY: as the contract says; the row is read before it is given back.
    unsafe {
        let row = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::NAMESPACEOID as i32, schema.into());
        let found = pg_sys::GETSTRUCT(row.as_mut()?).cast::<pg_sys::FormData_pg_namespace>();
        let owner = (*found).nspowner;
        pg_sys::ReleaseSysCache(row);
        Some(owner)
    }
}

/// # Safety
/// Called inside a transaction.
unsafe fn owner_of_view(relation: pg_sys::Oid) -> Option<pg_sys::Oid> {
    // SAFETY: as the contract says; the row is read before it is given back.
    unsafe {
        let row = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::RELOID as i32, relation.into());
        let found = pg_sys::GETSTRUCT(row.as_mut()?).cast::<pg_sys::FormData_pg_class>();
        let owner = ((*found).relkind as u8 == pg_sys::RELKIND_VIEW).then_some((*found).relowner);
        pg_sys::ReleaseSysCache(row);
        owner
    }
}

extension_sql_file!(
    "../../sql/tenancy/identity.sql",
    name = "identity",
    requires = [claimed_user, is_attached]
);
