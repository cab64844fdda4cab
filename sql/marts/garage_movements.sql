CREATE OR REPLACE VIEW vend_marts.garage_movements AS
SELECT t.garage_id, t.currency, m.period AS month, m.opening_mrr, m.new_mrr, m.expansion_mrr, m.contraction_mrr,
    m.churned_mrr, m.reactivation_mrr, m.closing_mrr, m.opening_customers, m.new_customers, m.expanded_customers,
    m.contracted_customers, m.churned_customers, m.reactivated_customers, m.closing_customers,
    n.opening_customers AS opening_subscriptions, n.churned_customers AS churned_subscriptions,
    n.closing_customers AS closing_subscriptions, m.is_complete
FROM vend_marts.garage_scopes t
JOIN vend_marts.garage_calendars k ON k.garage_id = t.garage_id
CROSS JOIN LATERAL vend.mrr_movements(t.customers, k.first_day, k.today + 1, 'month', k.timezone, 'period', now()) AS m
JOIN LATERAL vend.mrr_movements(t.subscriptions, k.first_day, k.today + 1, 'month', k.timezone, 'period', now()) AS n
    ON n.period = m.period;
COMMENT ON VIEW vend_marts.garage_movements IS
    'MRR, customers and subscriptions of each garage and currency at the opening and closing of each of its months, and what '
    'moved between (METRICS.md, 3; mode period). Months are local and without gaps; the last one is not complete.';
