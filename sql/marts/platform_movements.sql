CREATE OR REPLACE VIEW vend_marts.platform_movements AS
SELECT t.currency, m.period AS month, m.opening_mrr, m.new_mrr, m.expansion_mrr, m.contraction_mrr,
    m.churned_mrr, m.reactivation_mrr, m.closing_mrr, m.opening_customers, m.new_customers, m.expanded_customers,
    m.contracted_customers, m.churned_customers, m.reactivated_customers, m.closing_customers,
    n.opening_customers AS opening_subscriptions, n.churned_customers AS churned_subscriptions,
    n.closing_customers AS closing_subscriptions, m.is_complete
FROM vend_marts.platform_timelines t
CROSS JOIN LATERAL vend.mrr_movements(t.customers, t.first_day, t.today + 1, 'month', t.timezone, 'period', now()) AS m
JOIN LATERAL vend.mrr_movements(t.subscriptions, t.first_day, t.today + 1, 'month', t.timezone, 'period', now()) AS n
    ON n.period = m.period;
COMMENT ON VIEW vend_marts.platform_movements IS
    'As garage_movements for the whole platform, in the attached time zone: a customer of two garages is one customer, so it is '
    'not their sum.';
