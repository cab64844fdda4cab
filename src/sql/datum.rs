//! Arguments read in place: pgrx's own conversions copy a numeric and print a jsonb, once per row.
use super::bridge::Outcome;
use crate::core::money::Amount;
use crate::core::{self, error::CoreError};
use pgrx::callconv::{Arg, ArgAbi};
use pgrx::pg_sys;
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::prelude::*;
use pgrx::varlena::{varatt_is_1b_e, varatt_is_4b_c};

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
