//! What a type's input and receive functions get.
use super::bridge::Outcome;
use crate::core::error::CoreError;
use pgrx::Internal;
use pgrx::pg_sys::StringInfoData;
use std::ffi::CStr;

/// A value's text, for a type of `vend`.
pub fn text<'a>(text: &'a CStr, summary: &'static str) -> Outcome<&'a str> {
    let invalid = |_| CoreError::SummaryText { summary, problem: "not UTF-8".to_owned() };
    Ok(text.to_str().map_err(invalid)?)
}

/// All bytes of a message that are still unread; they count as read.
pub fn rest_of_message(mut message: Internal) -> Vec<u8> {
    // SAFETY: PostgreSQL calls a receive function with a StringInfo, whose cursor lies within its data.
    unsafe {
        let Some(message) = message.get_mut::<StringInfoData>() else { return Vec::new() };
        let unread = usize::try_from(message.len.saturating_sub(message.cursor)).unwrap_or(0);
        let start = message.data.add(usize::try_from(message.cursor).unwrap_or(0)).cast::<u8>();
        message.cursor = message.len;
        std::slice::from_raw_parts(start, unread).to_vec()
    }
}
