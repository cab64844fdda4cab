CREATE OR REPLACE VIEW vend_marts.active_subscriptions AS
SELECT g.id AS garage_id, g.name AS garage_name, s.currency,
    vend.customers_at(s.subscriptions, now()) AS active_count,
    vend.customers_at(s.customers, now()) AS unique_customers,
    round(vend.mrr_at(s.subscriptions, now()), 2) AS monthly_recurring_revenue,
    round(vend.mrr_at(s.subscriptions, now()) / nullif(vend.customers_at(s.subscriptions, now()), 0), 2) AS avg_subscription_value,
    coalesce(pending.subscriptions, 0) AS pending_cancellations
FROM vend_staging.stg_garages g
JOIN vend_marts.garage_scopes s ON s.garage_id = g.id
LEFT JOIN (
    SELECT l.garage_id, c.currency, count(*) AS subscriptions
    FROM vend_internal.ledger l
    LEFT JOIN LATERAL (SELECT * FROM vend_marts.subscription_currencies c WHERE c.subscription_id = l.subscription_id OFFSET 0) AS c ON true
    WHERE l.churn_reason = 'voluntary' AND l.valid_from <= now() AND now() < l.valid_to AND l.valid_to < 'infinity'
    GROUP BY l.garage_id, c.currency
) AS pending ON pending.garage_id = g.id AND pending.currency IS NOT DISTINCT FROM s.currency;
COMMENT ON VIEW vend_marts.active_subscriptions IS 'What vend_reports.mv_active_subscriptions shows, of every garage.';
