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

extension_sql_file!("../../sql/tenancy/identity.sql", name = "identity", requires = [claimed_user]);
