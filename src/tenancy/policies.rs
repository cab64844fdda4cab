//! Who sees which rows: the set logic stands in `sql/tenancy/`.
use pgrx::prelude::*;

extension_sql_file!(
    "../../sql/tenancy/scope.sql",
    name = "tenancy_scope",
    requires = ["identity", "is_visible_support"]
);
extension_sql_file!(
    "../../sql/tenancy/audit_log.sql",
    name = "audit_log",
    requires = ["tenancy_scope", "policies", refused_sign_ins, lost_refusals]
);
extension_sql_file!(
    "../../sql/tenancy/protect.sql",
    name = "protect",
    requires = ["tenancy_scope", "audit_log", "rollup_catalog"]
);
extension_sql_file!("../../sql/tenancy/readers.sql", name = "readers", requires = ["protect"]);
extension_sql_file!(
    "../../sql/tenancy/security_audit.sql",
    name = "security_audit",
    requires = ["protect", "rollup_api"]
);
extension_sql_file!(
    "../../sql/tenancy/forget_user.sql",
    name = "forget_user",
    requires = ["audit_log", "rollup_api"]
);
