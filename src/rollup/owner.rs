//! Work with the rights of vend_owner.
use pgrx::prelude::*;

/// As a SECURITY DEFINER function with a search path of its own works. After an error its transaction takes the rights back.
pub fn as_owner<T>(work: impl FnOnce() -> T) -> T {
    // SAFETY: inside a transaction; both settings are put back in the order in which PostgreSQL's own functions do it.
    unsafe {
        let owner = pg_sys::get_role_oid(c"vend_owner".as_ptr(), false);
        let (mut user, mut context) = (pg_sys::InvalidOid, 0);
        pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
        pg_sys::SetUserIdAndSecContext(owner, context | pg_sys::SECURITY_LOCAL_USERID_CHANGE as i32);
        let level = pg_sys::NewGUCNestLevel();
        pg_sys::set_config_option(
            c"search_path".as_ptr(),
            c"pg_catalog, pg_temp".as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_SAVE,
            true,
            0,
            false,
        );
        let done = work();
        pg_sys::AtEOXact_GUC(true, level);
        pg_sys::SetUserIdAndSecContext(user, context);
        done
    }
}
