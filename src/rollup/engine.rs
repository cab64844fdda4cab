//! The engine's SQL, in the order in which it needs itself.
use pgrx::prelude::*;

extension_sql_file!(
    "../../sql/rollup/definition.sql",
    name = "rollup_definition",
    requires = ["rollup_catalog", "source_mapping", "time"]
);
extension_sql_file!(
    "../../sql/rollup/parts.sql",
    name = "rollup_parts",
    requires = ["rollup_definition", "source_staging", "tenancy_scope", partitions_now]
);
extension_sql_file!(
    "../../sql/rollup/capture.sql",
    name = "rollup_capture",
    requires = ["rollup_parts", "ledger_tables", "capacities", "policies", is_attached_now, note_types]
);
extension_sql_file!(
    "../../sql/rollup/watch.sql",
    name = "rollup_watch",
    requires = ["rollup_capture", "code_support", definitions_now]
);
extension_sql_file!("../../sql/rollup/refresh.sql", name = "rollup_refresh", requires = ["rollup_watch"]);
extension_sql_file!("../../sql/rollup/verify.sql", name = "rollup_verify", requires = ["rollup_refresh"]);
extension_sql_file!(
    "../../sql/rollup/api.sql",
    name = "rollup_api",
    requires = ["rollup_verify", "source_grants", "source_detach"]
);
