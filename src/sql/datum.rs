//! Arguments read in place, and large results written in place: pgrx's own conversions copy a numeric, print a jsonb and
//! copy a result once more.
use super::bridge::Outcome;
use crate::core::calendar::Day;
use crate::core::codec::Sink;
use crate::core::money::Amount;
use crate::core::{self, error::CoreError};
use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::datum::Date;
use pgrx::pg_sys;
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::prelude::*;
use pgrx::varlena::{varatt_is_1b_e, varatt_is_4b_c};
use std::ffi::CString;

/// A varlena argument as PostgreSQL passes it, detoasted. Lives as long as the call.
#[derive(Clone, Copy)]
pub struct Varlena(*const pg_sys::varlena);

impl FromDatum for Varlena {
    // SAFETY: as the trait demands, the datum is a varlena.
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        if is_null {
            return None;
        }
        let varlena = datum.cast_mut_ptr::<pg_sys::varlena>();
        // SAFETY: the caller vouches for a varlena. Nearly all are plain or short and read where they are, which
        // spares a guarded call per row; only a compressed or external one is copied.
        unsafe {
            let stored_elsewhere = varatt_is_1b_e(varlena) || varatt_is_4b_c(varlena);
            Some(Varlena(if stored_elsewhere { pg_sys::pg_detoast_datum_packed(varlena) } else { varlena }))
        }
    }
}

impl Varlena {
    fn body(&self) -> &[u8] {
        // SAFETY: plain or short, as from_datum left it: the header states the length of the bytes behind it.
        unsafe {
            let data = pgrx::varlena::vardata_any(self.0).cast::<u8>();
            std::slice::from_raw_parts(data, pgrx::varlena::varsize_any_exhdr(self.0))
        }
    }
}

macro_rules! varlena_argument {
    ($name:ident, $sql:literal) => {
        #[derive(Clone, Copy)]
        pub struct $name(pub Varlena);

        // SAFETY: SqlTranslatable declares the argument with the type whose datum is a varlena.
        unsafe impl<'fcx> ArgAbi<'fcx> for $name {
            unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
                // SAFETY: called for arguments of the declared type.
                let varlena = unsafe { arg.unbox_arg_using_from_datum() };
                // INVARIANT: and for non-null ones only, which pgrx checks before.
                $name(varlena.expect("argument is not null"))
            }
        }

        // SAFETY: names the built-in type of the same representation.
        unsafe impl SqlTranslatable for $name {
            const TYPE_IDENT: &'static str = concat!(module_path!(), "::", stringify!($name));
            const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
            const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal($sql));
            const RETURN_SQL: Result<ReturnsRef, ReturnsError> =
                Ok(ReturnsRef::One(SqlMappingRef::literal($sql)));
        }
    };
}
varlena_argument!(NumericArg, "numeric");
varlena_argument!(JsonbArg, "jsonb");
varlena_argument!(TextArg, "text");

impl TextArg {
    /// In the database's encoding.
    pub fn bytes(&self) -> &[u8] {
        self.0.body()
    }
}

impl NumericArg {
    pub fn amount(&self) -> Outcome<Amount> {
        Ok(core::numeric::amount(self.0.body())?)
    }
}

impl JsonbArg {
    /// The root container.
    pub fn container(&self) -> &[u8] {
        self.0.body()
    }
}

pub fn numeric(amount: Amount) -> Outcome<AnyNumeric> {
    // The usual count: without a way through text.
    if let (0, Ok(whole)) = (amount.scale(), i64::try_from(amount.digits())) {
        return Ok(AnyNumeric::from(whole));
    }
    AnyNumeric::try_from(amount.to_string().as_str()).map_err(|_| CoreError::AmountOutOfRange.into())
}

pub fn date(day: i32) -> Outcome<Date> {
    Date::try_from(day).map_err(|_| CoreError::DateOutOfRange.into())
}

/// A date's day, which must not be infinite.
pub fn finite(date: Date) -> Outcome<Day> {
    let day = date.to_pg_epoch_days();
    if core::days::is_day(day) { Ok(day) } else { Err(CoreError::DateOutOfRange.into()) }
}

/// 100 * part / base, NULL on an empty base. Both are in units of one scale, which cancels out.
pub fn percent(part: i128, base: i128) -> Outcome<Option<AnyNumeric>> {
    if base == 0 {
        return Ok(None);
    }
    let (part, base) = (numeric(Amount::new(part, 0))?, numeric(Amount::new(base, 0))?);
    Ok(Some(part * AnyNumeric::from(100) / base))
}

/// JSON of ours as a jsonb: pgrx's own goes through a tree of values whose numbers are floats.
pub struct JsonbText(pub String);

impl IntoDatum for JsonbText {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        let text = CString::new(self.0).ok()?;
        // SAFETY: jsonb_in takes a string that ends in NUL and copies what it needs.
        unsafe { pgrx::direct_function_call_as_datum(pg_sys::jsonb_in, &[Some(text.as_ptr().into())]) }
    }
    fn type_oid() -> pg_sys::Oid {
        pg_sys::JSONBOID
    }
}

// SAFETY: returns the datum of a jsonb.
unsafe impl BoxRet for JsonbText {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> pgrx::datum::Datum<'fcx> {
        match self.into_datum() {
            // SAFETY: the datum lies in the context of the call.
            Some(datum) => unsafe { fcinfo.return_raw_datum(datum) },
            None => fcinfo.return_null(),
        }
    }
}

// SAFETY: names the built-in type of the same representation.
unsafe impl SqlTranslatable for JsonbText {
    const TYPE_IDENT: &'static str = concat!(module_path!(), "::JsonbText");
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal("jsonb"));
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> = Ok(ReturnsRef::One(SqlMappingRef::literal("jsonb")));
}

/// A varlena that is being written, in PostgreSQL's memory.
pub struct Bytes {
    start: *mut u8,
    length: usize,
    room: usize,
}

const HEADER: usize = pg_sys::VARHDRSZ;

impl Bytes {
    /// Memory comes with the first byte, or with what is expected.
    pub fn new() -> Self {
        Bytes { start: std::ptr::null_mut(), length: HEADER, room: 0 }
    }

    fn grow(&mut self, more: usize, room: usize) -> Result<(), CoreError> {
        /// What palloc hands out at most.
        const MOST: usize = (1 << 30) - 1;
        let needed = self.length.checked_add(more).filter(|&needed| needed <= MOST);
        self.room = needed.ok_or_else(|| CoreError::TooLarge)?.max(room.min(MOST));
        // SAFETY: start is null or came from here; PostgreSQL raises an error where there is no memory.
        let start = unsafe {
            if self.start.is_null() {
                pg_sys::palloc(self.room)
            } else {
                pg_sys::repalloc(self.start.cast(), self.room)
            }
        };
        self.start = start.cast();
        Ok(())
    }
}

impl Sink for Bytes {
    fn put(&mut self, bytes: &[u8]) -> Result<(), CoreError> {
        if bytes.len() > self.room.saturating_sub(self.length) {
            self.grow(bytes.len(), self.room.saturating_mul(2))?;
        }
        // SAFETY: there is room behind `length`, which nobody else points to.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.start.add(self.length), bytes.len()) };
        self.length += bytes.len();
        Ok(())
    }
    fn expect(&mut self, bytes: usize) -> Result<(), CoreError> {
        self.grow(0, self.length.saturating_add(bytes))
    }
}

// SAFETY: the datum of a varlena whose header states how many bytes were put behind it.
unsafe impl BoxRet for Bytes {
    unsafe fn box_into<'fcx>(mut self, fcinfo: &mut FcInfo<'fcx>) -> pgrx::datum::Datum<'fcx> {
        if self.start.is_null() {
            // SAFETY: PostgreSQL raises an error where there is no memory.
            self.start = unsafe { pg_sys::palloc(HEADER) }.cast();
        }
        // SAFETY: start has room for the header; the length is below 2^30, so it fits the header.
        unsafe {
            pgrx::varlena::set_varsize_4b(self.start.cast(), self.length as i32);
            fcinfo.return_raw_datum(pg_sys::Datum::from(self.start))
        }
    }
}

// SAFETY: names the built-in type of the same representation.
unsafe impl SqlTranslatable for Bytes {
    const TYPE_IDENT: &'static str = concat!(module_path!(), "::Bytes");
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal("bytea"));
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> = Ok(ReturnsRef::One(SqlMappingRef::literal("bytea")));
}
