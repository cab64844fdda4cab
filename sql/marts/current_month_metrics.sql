CREATE OR REPLACE VIEW vend_marts.current_month_metrics AS
WITH month AS (
    SELECT g.id AS garage_id, g.name AS garage_name, g.timezone, first.day AS first_day, today.day AS today
    FROM vend_staging.stg_garages g
    CROSS JOIN LATERAL (SELECT vend.local_day(now(), g.timezone) AS day) AS today
    CROSS JOIN LATERAL (SELECT date_trunc('month', today.day::timestamp)::date AS day) AS first
),
money AS (
    SELECT r.garage_id, r.currency, sum(r.gross_revenue) AS revenue, sum(r.payment_count)::bigint AS payments
    FROM vend_internal.exact_daily_revenue r
    JOIN month m ON m.garage_id = r.garage_id
    WHERE r.day BETWEEN m.first_day AND m.today
    GROUP BY r.garage_id, r.currency
),
requests AS (
    SELECT s.garage_id, c.currency, count(*) AS cancellations
    FROM vend_staging.stg_subscriptions s
    JOIN month m ON m.garage_id = s.garage_id
    LEFT JOIN LATERAL (SELECT * FROM vend_marts.subscription_currencies c WHERE c.subscription_id = s.id OFFSET 0) AS c ON true
    WHERE s.canceled_at <= now() AND vend.local_day(s.canceled_at, m.timezone) >= m.first_day
        AND (s.status = 'canceled' OR s.cancel_at_period_end)
        AND EXISTS (SELECT FROM vend_internal.ledger l
            WHERE l.subscription_id = s.id AND l.garage_id = s.garage_id AND l.valid_from <= now())
    GROUP BY s.garage_id, c.currency
)
SELECT m.garage_id, m.garage_name, s.currency,
    coalesce(money.revenue, 0.00) AS mtd_revenue,
    coalesce(money.payments, 0) AS mtd_payment_count,
    vend.customers_at(s.subscriptions, now()) AS active_subscriptions,
    coalesce(r.cancellations, 0) AS mtd_cancellations,
    round(100.0 * v.churned_customers / nullif(v.opening_customers, 0), 2) AS churn_rate_percent,
    coalesce(v.churned_customers, 0) AS mtd_churned_subscriptions
FROM month m
JOIN vend_marts.garage_scopes s ON s.garage_id = m.garage_id
-- In the very instant in which a month begins it has no movements yet.
LEFT JOIN LATERAL vend.mrr_movements(s.subscriptions, m.first_day, m.today + 1, 'month', m.timezone, 'period', now()) AS v ON true
LEFT JOIN money ON money.garage_id = m.garage_id AND money.currency IS NOT DISTINCT FROM s.currency
LEFT JOIN requests r ON r.garage_id = m.garage_id AND r.currency IS NOT DISTINCT FROM s.currency;
COMMENT ON VIEW vend_marts.current_month_metrics IS 'What vend_reports.mv_current_month_metrics shows, of every garage.';
