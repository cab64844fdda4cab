//! vend_analytics: the module list, the magic block and `_PG_init`; nothing else.

mod core;

#[cfg(feature = "glue")]
mod rollup;
#[cfg(feature = "glue")]
mod sql;

#[cfg(feature = "glue")]
pgrx::pg_module_magic!(name, version);
