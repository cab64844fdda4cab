//! Signing in with a token: its settings, and what a refusal says, which is nothing about the token.
use super::caller::{is_bi_login, require_preload};
use super::change;
use super::{PRELOADED, shared};
use crate::core::token::{self, Keys, Place};
use crate::core::used::Refusal;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use std::ffi::{CStr, CString, c_char, c_void};
use std::time::{SystemTime, UNIX_EPOCH};

static PUBLIC_KEY: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static MAX_LIFE: GucSetting<i32> = GucSetting::<i32>::new(60);

pub fn define() {
    // SAFETY: the hook has the signature that PostgreSQL calls, and is guarded.
    unsafe {
        GucRegistry::define_string_guc_with_hooks(
            c"vend_analytics.token_public_key",
            c"The Ed25519 public key, or two of them separated by a comma, of those who issue tokens.",
            c"In base64: the 32 bytes of the key, or what openssl pkey -pubout prints. Empty: no token is accepted.",
            &PUBLIC_KEY,
            GucContext::Sighup,
            GucFlags::default(),
            Some(check_keys),
            None,
            None,
        );
    }
    GucRegistry::define_int_guc(
        c"vend_analytics.token_max_life",
        c"How far ahead a token may expire.",
        c"",
        &MAX_LIFE,
        1,
        3600,
        GucContext::Sighup,
        GucFlags::UNIT_S,
    );
}

/// A key that nobody can use is better found when the file is read.
#[pg_guard]
unsafe extern "C-unwind" fn check_keys(
    value: *mut *mut c_char, _extra: *mut *mut c_void, _source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: PostgreSQL passes the address of a string or of a null pointer, and copies the hint.
    unsafe {
        let valid = (*value).is_null() || keys(CStr::from_ptr(*value)).is_some();
        if !valid {
            pg_sys::GUC_check_errhint_string =
                c"Give one or two Ed25519 public keys in base64, separated by a comma.".as_ptr().cast_mut();
        }
        valid
    }
}

fn keys(text: &CStr) -> Option<Keys> {
    text.to_str().ok().and_then(Keys::parse)
}

/// Fixes this transaction's user to a token's. The token is used up even if the transaction fails.
#[pg_extern(schema = "vend_internal", volatile, parallel_unsafe)]
fn accept_token(token: Option<&str>) -> Result<(), ErrorReport> {
    require_preload()?;
    accept(token).inspect_err(|_| note_refused_sign_in())
}

/// In memory, as the transaction is about to fail.
#[pg_extern(schema = "vend_internal", volatile, parallel_unsafe)]
fn note_refused_sign_in() {
    if !PRELOADED.get() {
        return;
    }
    // SAFETY: reads of the clock and of this process's state.
    let (database, login, now) = unsafe {
        (pg_sys::MyDatabaseId.to_u32(), pg_sys::GetSessionUserId().to_u32(), pg_sys::GetCurrentTimestamp())
    };
    shared::refusals(|refused| refused.note(database, login, now));
}

fn accept(token: Option<&str>) -> Result<(), ErrorReport> {
    if is_bi_login() {
        return Err(ErrorReport::new(
            PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            "a login of vend_bi cannot sign in",
            "vend_analytics",
        )
        .set_hint("Map the login to its user with vend.map_login()."));
    }
    let keys = PUBLIC_KEY.get().and_then(|text| keys(&text)).unwrap_or_default();
    let database = database().ok_or_else(not_accepted)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(i64::MAX, |since| since.as_secs() as i64);
    let place = Place { database: &database, now, max_life: MAX_LIFE.get().into() };
    let accepted = token.and_then(|token| token::accept(token, &keys, &place)).ok_or_else(not_accepted)?;
    shared::note(&accepted, now).map_err(|refusal| match refusal {
        Refusal::UsedBefore => not_accepted(),
        Refusal::Full => ErrorReport::new(
            PgSqlErrorCode::ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
            "too many tokens are in use",
            "vend_analytics",
        )
        .set_hint("Try again in a moment, and issue tokens that expire sooner."),
    })?;
    change(|identity| identity.sign_in(accepted.user)).map_err(|_| {
        ErrorReport::new(
            PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            "this transaction already acts for a user",
            "vend_analytics",
        )
        .set_hint("End it before acting for another one.")
    })
}

/// Refused sign-ins to this database since the server's start, as far as memory goes: by login and hour the first, the last
/// and how many. With `keep` the caller writes them down, and they count as lost no more when memory needs their place.
#[pg_extern(schema = "vend_internal", volatile, parallel_unsafe)]
fn refused_sign_ins(
    keep: bool,
) -> TableIterator<
    'static,
    (
        name!(login, pg_sys::Oid),
        name!(since, TimestampWithTimeZone),
        name!(until, TimestampWithTimeZone),
        name!(count, i64),
    ),
> {
    if !PRELOADED.get() {
        return TableIterator::empty();
    }
    // SAFETY: a read of this process's state.
    let database = unsafe { pg_sys::MyDatabaseId }.to_u32();
    // Nothing is allocated while the lock is held.
    let refused = shared::refusals(|refused| {
        let seen = *refused;
        if keep {
            refused.keep(database);
        }
        seen
    });
    let lines: Vec<_> = refused
        .of(database)
        .filter_map(|line| {
            let (since, until) = (line.since.try_into().ok()?, line.until.try_into().ok()?);
            Some((pg_sys::Oid::from_u32(line.login), since, until, line.count))
        })
        .collect();
    TableIterator::new(lines)
}

/// How many refusals, in all databases, memory had no place for before they were written down.
#[pg_extern(schema = "vend_internal", volatile, parallel_unsafe)]
fn lost_refusals() -> i64 {
    if PRELOADED.get() { shared::refusals(|refused| refused.lost()) } else { 0 }
}

fn not_accepted() -> ErrorReport {
    ErrorReport::new(
        PgSqlErrorCode::ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
        "token is not accepted",
        "vend_analytics",
    )
    .set_hint("Send a fresh token in each transaction, signed for this database with the server's key.")
}

fn database() -> Option<String> {
    // SAFETY: a catalog look-up in a transaction; the result is null or a string in the current memory context.
    unsafe {
        let name = pg_sys::get_database_name(pg_sys::MyDatabaseId);
        (!name.is_null()).then(|| CStr::from_ptr(name)).and_then(|name| name.to_str().ok()).map(String::from)
    }
}
