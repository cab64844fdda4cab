//! The SQL of freshness, alerts and metrics, in the order in which it needs itself.
use pgrx::prelude::*;

extension_sql_file!(
    "../../sql/jobs/freshness.sql",
    name = "jobs_freshness",
    requires = ["jobs_catalog", "rollup_api"]
);
extension_sql_file!("../../sql/jobs/alert_rules.sql", name = "alert_rules", requires = ["jobs_catalog"]);
extension_sql_file!("../../sql/jobs/checks.sql", name = "rollup_checks", requires = ["rollup_api"]);
extension_sql_file!(
    "../../sql/jobs/alert_findings.sql",
    name = "alert_findings",
    requires = ["jobs_freshness", "jobs_schedule", "rollup_checks"]
);
extension_sql_file!(
    "../../sql/jobs/alerts.sql",
    name = "alerts",
    requires = ["alert_rules", "alert_findings"]
);
extension_sql_file!("../../sql/jobs/metrics.sql", name = "metrics", requires = ["alerts", "jobs_api"]);
