//! The jobs' SQL, in the order in which it needs itself.
use pgrx::prelude::*;

extension_sql_file!(
    "../../sql/jobs/catalog.sql",
    name = "jobs_catalog",
    requires = ["rollup_api", process_lives]
);
extension_sql_file!("../../sql/jobs/stub.sql", name = "jobs_schedule", requires = ["jobs_catalog", "time"]);
