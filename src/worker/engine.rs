//! The jobs' SQL, in the order in which it needs itself.
use pgrx::prelude::*;

extension_sql_file!(
    "../../sql/jobs/catalog.sql",
    name = "jobs_catalog",
    requires = ["rollup_api", process_lives]
);
