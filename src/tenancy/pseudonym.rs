//! A name that stands for another one: the same wherever this database gives it, and no way back without the key.
use hmac::{Hmac, Mac};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use sha2::Sha256;
use std::fmt::Write;

/// HMAC-SHA256 (RFC 2104), in hexadecimal digits.
#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn keyed_hash(key: &[u8], value: &str) -> Result<String, ErrorReport> {
    // Any length of key is allowed, so this cannot fail; an error is still better than a panic.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| {
        let code = PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE;
        ErrorReport::new(code, "key cannot be used", "vend_analytics")
    })?;
    mac.update(value.as_bytes());
    let mut digits = String::with_capacity(64);
    for byte in mac.finalize().into_bytes() {
        // Writing to a String cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    Ok(digits)
}

extension_sql_file!("../../sql/tenancy/pseudonym.sql", name = "pseudonym", requires = [keyed_hash]);
