CREATE OR REPLACE VIEW vend_marts.garage_cohorts AS
SELECT t.garage_id, t.currency, r.cohort AS cohort_month, r.period AS months_since_start, r.cohort_size, r.retained, r.retention_rate,
    r.cohort_mrr, r.retained_mrr, r.revenue_retention_rate, r.is_complete
FROM (
    SELECT s.garage_id, s.currency, vend.rollup(s.customers) AS customers
    FROM vend_marts.subscription_scopes s
    GROUP BY s.garage_id, s.currency
) AS t
JOIN vend_staging.stg_garages g ON g.id = t.garage_id
CROSS JOIN LATERAL vend.cohort_retention(t.customers, 'month', g.timezone, 'closing', now()) AS r;
COMMENT ON VIEW vend_marts.garage_cohorts IS
    'Of the customers who first paid a garage in a local month, how many and how much pay at the closing of each month since '
    '(METRICS.md, 5; variant closing). Rates in percent.';
