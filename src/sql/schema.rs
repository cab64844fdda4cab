//! The install script's frame: roles and schemas first, ownership and privileges last; the plain SQL between.
use pgrx::prelude::*;

// `sql/bootstrap.sql` makes these schemas, so that an existing one stops the installation; the modules make
// `schema = "vend"` resolve.
#[pg_schema]
mod vend {}
#[pg_schema]
mod vend_internal {}

extension_sql_file!("../../sql/bootstrap.sql", name = "bootstrap", bootstrap);
extension_sql_file!("../../sql/policies.sql", name = "policies");
extension_sql_file!("../../sql/finalize.sql", name = "finalize", finalize);
