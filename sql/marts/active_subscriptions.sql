CREATE OR REPLACE VIEW vend_marts.active_subscriptions AS
SELECT g.id AS garage_id, g.name AS garage_name, c.currency,
    coalesce(a.active_count, 0) AS active_count,
    coalesce(a.unique_customers, 0) AS unique_customers,
    coalesce(round(a.mrr, 2), 0.00) AS monthly_recurring_revenue,
    round(a.mrr / a.active_count, 2) AS avg_subscription_value,
    coalesce(a.pending_cancellations, 0) AS pending_cancellations
FROM vend_staging.stg_garages g
JOIN vend_marts.garage_currencies c ON c.garage_id = g.id
LEFT JOIN (
    SELECT garage_id, currency,
        count(DISTINCT subscription_id) AS active_count,
        count(DISTINCT user_id) AS unique_customers,
        vend.mrr(monthly_amount, valid_from, valid_to, now()) AS mrr,
        count(DISTINCT subscription_id) FILTER (WHERE valid_to < 'infinity' AND churn_reason = 'voluntary')
            AS pending_cancellations
    FROM vend_marts.subscription_periods
    WHERE valid_from <= now() AND now() < valid_to
    GROUP BY garage_id, currency
) AS a ON a.garage_id = g.id AND a.currency IS NOT DISTINCT FROM c.currency;
COMMENT ON VIEW vend_marts.active_subscriptions IS 'What vend_reports.mv_active_subscriptions shows, of every garage.';
