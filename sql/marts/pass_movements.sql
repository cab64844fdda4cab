CREATE OR REPLACE VIEW vend_marts.pass_movements AS
SELECT t.garage_id, t.pass_id, t.currency, m.period AS month, m.opening_mrr, m.new_mrr, m.expansion_mrr, m.contraction_mrr,
    m.churned_mrr, m.reactivation_mrr, m.closing_mrr, m.opening_customers, m.new_customers, m.expanded_customers,
    m.contracted_customers, m.churned_customers, m.reactivated_customers, m.closing_customers,
    n.opening_customers AS opening_subscriptions, n.churned_customers AS churned_subscriptions,
    n.closing_customers AS closing_subscriptions, m.is_complete
FROM (
    SELECT s.garage_id, s.pass_id, s.currency, vend.rollup(s.customers) AS customers, vend.rollup(s.subscriptions) AS subscriptions
    FROM vend_marts.subscription_scopes s
    WHERE s.pass_id IS NOT NULL
    GROUP BY s.garage_id, s.pass_id, s.currency
    UNION ALL
    -- A pass that nobody has had.
    SELECT p.garage_id, p.id, NULL, vend.rollup(NULL::vend.timeline), vend.rollup(NULL::vend.timeline)
    FROM vend_staging.stg_passes p
    WHERE NOT EXISTS (SELECT FROM vend_internal.exact_subscription_timelines s WHERE s.garage_id = p.garage_id AND s.pass_id = p.id)
    GROUP BY p.garage_id, p.id
) AS t
JOIN vend_marts.garage_calendars k ON k.garage_id = t.garage_id
CROSS JOIN LATERAL vend.mrr_movements(t.customers, k.first_day, k.today + 1, 'month', k.timezone, 'period', now()) AS m
JOIN LATERAL vend.mrr_movements(t.subscriptions, k.first_day, k.today + 1, 'month', k.timezone, 'period', now()) AS n
    ON n.period = m.period;
COMMENT ON VIEW vend_marts.pass_movements IS
    'As garage_movements, for each pass by itself: who changes from one pass to another leaves one and enters the other. NULL '
    'currency and zeros for a pass that nobody has had.';
