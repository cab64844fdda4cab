//! The jobs' SQL, in the order in which it needs itself.
use pgrx::prelude::*;

extension_sql_file!(
    "../../sql/jobs/catalog.sql",
    name = "jobs_catalog",
    requires = ["rollup_api", "tenancy_scope", process_lives]
);
extension_sql_file!("../../sql/jobs/target.sql", name = "jobs_target", requires = ["jobs_catalog"]);
extension_sql_file!("../../sql/jobs/run.sql", name = "jobs_run", requires = ["jobs_target", "jobs_schedule"]);
extension_sql_file!(
    "../../sql/jobs/api.sql",
    name = "jobs_api",
    requires = ["jobs_run", scheduler_runs, wake_scheduler, start_job, start_scheduler]
);
