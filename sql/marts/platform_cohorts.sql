CREATE OR REPLACE VIEW vend_marts.platform_cohorts AS
SELECT t.currency, r.cohort AS cohort_month, r.period AS months_since_start, r.cohort_size, r.retained, r.retention_rate,
    r.cohort_mrr, r.retained_mrr, r.revenue_retention_rate, r.is_complete
FROM vend_marts.platform_timelines t
CROSS JOIN LATERAL vend.cohort_retention(t.customers, 'month', t.timezone, 'closing', now()) AS r;
COMMENT ON VIEW vend_marts.platform_cohorts IS
    'As garage_cohorts for the whole platform, by the first month in which a customer paid any garage.';
