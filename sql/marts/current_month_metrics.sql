CREATE OR REPLACE VIEW vend_marts.current_month_metrics AS
WITH month AS (
    SELECT g.id AS garage_id, g.name AS garage_name, g.timezone, first.day AS first_day,
        vend_internal.day_start(first.day, g.timezone) AS opens_at
    FROM vend_staging.stg_garages g
    CROSS JOIN LATERAL (SELECT date_trunc('month', vend.local_day(now(), g.timezone)::timestamp)::date AS day) AS first
),
money AS (
    SELECT r.garage_id, r.currency, sum(r.gross_revenue) AS revenue, sum(r.payment_count)::bigint AS payments
    FROM vend_internal.exact_daily_revenue r
    JOIN month m ON m.garage_id = r.garage_id
    WHERE r.day BETWEEN m.first_day AND vend.local_day(now(), m.timezone)
    GROUP BY r.garage_id, r.currency
),
-- A subscription may have several intervals: it is the subscription that is paid at an instant, not an interval.
paid AS (
    SELECT p.garage_id, p.currency, p.subscription_id,
        bool_or(p.valid_from < m.opens_at AND m.opens_at <= p.valid_to) AS at_opening,
        bool_or(p.valid_from < now() AND now() <= p.valid_to) AS until_now,
        bool_or(p.valid_from <= now() AND now() < p.valid_to) AS now
    FROM vend_marts.subscription_periods p
    JOIN month m ON m.garage_id = p.garage_id
    WHERE p.valid_from <= now()
    GROUP BY p.garage_id, p.currency, p.subscription_id
),
subscriptions AS (
    SELECT p.garage_id, p.currency,
        count(*) FILTER (WHERE p.now) AS active,
        count(*) FILTER (WHERE p.at_opening) AS opening,
        count(*) FILTER (WHERE p.at_opening AND NOT p.until_now) AS churned,
        count(*) FILTER (WHERE s.garage_id = p.garage_id AND s.canceled_at <= now()
            AND (s.status = 'canceled' OR s.cancel_at_period_end) AND vend.local_day(s.canceled_at, m.timezone) >= m.first_day) AS cancellations
    FROM paid p
    JOIN month m ON m.garage_id = p.garage_id
    LEFT JOIN vend_staging.stg_subscriptions s ON s.id = p.subscription_id
    GROUP BY p.garage_id, p.currency
)
SELECT m.garage_id, m.garage_name, c.currency,
    coalesce(money.revenue, 0.00) AS mtd_revenue,
    coalesce(money.payments, 0) AS mtd_payment_count,
    coalesce(s.active, 0) AS active_subscriptions,
    coalesce(s.cancellations, 0) AS mtd_cancellations,
    round(100.0 * s.churned / nullif(s.opening, 0), 2) AS churn_rate_percent,
    coalesce(s.churned, 0) AS mtd_churned_subscriptions
FROM month m
JOIN vend_marts.garage_currencies c ON c.garage_id = m.garage_id
LEFT JOIN money ON money.garage_id = m.garage_id AND money.currency IS NOT DISTINCT FROM c.currency
LEFT JOIN subscriptions s ON s.garage_id = m.garage_id AND s.currency IS NOT DISTINCT FROM c.currency;
COMMENT ON VIEW vend_marts.current_month_metrics IS 'What vend_reports.mv_current_month_metrics shows, of every garage.';
