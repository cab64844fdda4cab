//! vend_analytics: the module list, the magic block and `_PG_init`; nothing else.

mod core;

#[cfg(feature = "glue")]
mod rollup;
#[cfg(feature = "glue")]
mod sql;
#[cfg(feature = "glue")]
mod tenancy;
#[cfg(feature = "glue")]
mod worker;

#[cfg(feature = "glue")]
pgrx::pg_module_magic!(name, version);

#[cfg(feature = "glue")]
#[allow(non_snake_case)]
#[pgrx::pg_guard]
pub extern "C-unwind" fn _PG_init() {
    sql::hide_backtraces();
    tenancy::init();
    worker::init();
    // Last: a misspelt setting is refused from here on.
    tenancy::reserve_settings();
}
