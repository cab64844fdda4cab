//! The setting `app.current_user_id`, and `vend_analytics.identity`, which says whether it is believed.
//!
//! A value counts only if a statement of this transaction set it: what a configuration file, a startup option or ALTER
//! ROLE gave is text like any other. Where the extension is not installed, any text passes.
use super::{IDENTITY, change};
use crate::core::user::UserId;
use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting, PostgresGucEnum};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use std::ffi::{CStr, CString, c_char, c_void};

#[derive(Clone, Copy, PartialEq, Eq, PostgresGucEnum)]
enum Mode {
    #[name = c"setting"]
    Setting,
    #[name = c"token"]
    Token,
}

const MODE_NAME: &CStr = c"vend_analytics.identity";
static MODE: GucSetting<Mode> = GucSetting::<Mode>::new(Mode::Setting);
static USER: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));

pub fn define() {
    refuse_unknown_mode();
    GucRegistry::define_enum_guc(
        MODE_NAME,
        c"Whether the setting app.current_user_id says who the caller is, or only a signed token does.",
        c"With \"token\", the setting is ignored and vend.sign_in() must be called in every transaction.",
        &MODE,
        GucContext::Suset,
        GucFlags::default(),
    );
    // SAFETY: both hooks have the signatures that PostgreSQL calls. The first is guarded, the second cannot panic.
    unsafe {
        GucRegistry::define_string_guc_with_hooks(
            c"app.current_user_id",
            c"The id of the user for whom the current transaction acts.",
            c"Set it with SET LOCAL, once in each transaction; no later value is taken before its end.",
            &USER,
            GucContext::Userset,
            GucFlags::DISALLOW_IN_FILE,
            Some(check),
            Some(assign),
            None,
        );
    }
}

/// PostgreSQL would fall back to the default, with a warning: a typing mistake must not be the weaker of two ways. After
/// this, a file that is read again changes nothing where it is wrong.
fn refuse_unknown_mode() {
    // SAFETY: the value that a file or the command line gave before we defined it, null if none did.
    let written = unsafe {
        let text = pg_sys::GetConfigOption(MODE_NAME.as_ptr(), true, false);
        if text.is_null() { return } else { CStr::from_ptr(text) }
    };
    let known =
        [b"setting".as_slice(), b"token"].iter().any(|mode| written.to_bytes().eq_ignore_ascii_case(mode));
    if !known {
        ErrorReport::new(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            "unknown value of vend_analytics.identity",
            "vend_analytics",
        )
        .set_hint("Use setting or token.")
        .report(PgLogLevel::ERROR);
    }
}

/// Who the setting names, where it is believed.
pub fn user() -> Option<UserId> {
    if MODE.get() == Mode::Token {
        return None;
    }
    // SAFETY: PostgreSQL keeps the setting's value valid until it changes it; nothing runs in between.
    unsafe { parse(*USER.as_ptr()) }
}

/// Refuses what is no id, and a second user in one transaction.
#[pg_guard]
unsafe extern "C-unwind" fn check(
    value: *mut *mut c_char, _extra: *mut *mut c_void, source: pg_sys::GucSource::Type,
) -> bool {
    if source != pg_sys::GucSource::PGC_S_SESSION || !installed_here() {
        return true;
    }
    // SAFETY: PostgreSQL passes the address of a string that is its own, or of a null pointer.
    let (user, empty) = unsafe { (parse(*value), is_empty(*value)) };
    if user.is_none() && !empty {
        return refuse(PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE, None, c"Give the user's id, a UUID.");
    }
    if MODE.get() == Mode::Token || change(|identity| identity.propose(user)).is_ok() {
        return true;
    }
    refuse(
        PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
        Some(c"this transaction already acts for a user"),
        c"End it before acting for another one.",
    )
}

/// Runs also when PostgreSQL restores an older value, at times when nothing may fail.
unsafe extern "C-unwind" fn assign(value: *const c_char, _extra: *mut c_void) {
    let mut identity = IDENTITY.get();
    // SAFETY: the value that the setting now has, a string or null.
    identity.assign(unsafe { parse(value) });
    IDENTITY.set(identity);
}

fn installed_here() -> bool {
    // SAFETY: plain reads of this process's state. The catalog may be read inside a transaction and in a database only; a
    // parallel worker takes the setting over from its leader, who answers for it.
    unsafe {
        pg_sys::ParallelWorkerNumber < 0
            && pg_sys::MyDatabaseId != pg_sys::InvalidOid
            && pg_sys::IsTransactionState()
            && pg_sys::get_extension_oid(c"vend_analytics".as_ptr(), true) != pg_sys::InvalidOid
    }
}

/// PostgreSQL raises the error, after it freed the value. It copies these texts, so they may be constants.
fn refuse(code: PgSqlErrorCode, message: Option<&'static CStr>, hint: &'static CStr) -> bool {
    // SAFETY: we are in a check hook, and these are there for it to fill.
    unsafe {
        pg_sys::GUC_check_errcode(code as i32);
        if let Some(message) = message {
            pg_sys::GUC_check_errmsg_string = message.as_ptr().cast_mut();
        }
        pg_sys::GUC_check_errhint_string = hint.as_ptr().cast_mut();
    }
    false
}

/// # Safety
/// `value` is null or a string.
unsafe fn parse(value: *const c_char) -> Option<UserId> {
    // SAFETY: by the contract.
    (!value.is_null())
        .then(|| unsafe { CStr::from_ptr(value) })
        .and_then(|text| UserId::parse(text.to_bytes()))
}

/// # Safety
/// `value` is null or a string.
unsafe fn is_empty(value: *const c_char) -> bool {
    // SAFETY: by the contract.
    value.is_null() || unsafe { *value == 0 }
}
