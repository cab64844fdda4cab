CREATE OR REPLACE VIEW vend_marts.failed_payments AS
WITH failing AS (
    SELECT s.*, CASE WHEN isfinite(bound.at) THEN bound.at END AS period_bound
    FROM vend_staging.stg_subscriptions s
    CROSS JOIN LATERAL (
        SELECT CASE WHEN s.current_period_end < now() THEN s.current_period_end ELSE s.current_period_start END AS at
    ) AS bound
    WHERE s.status IN ('past_due', 'unpaid')
),
attempts AS (
    SELECT p.subscription_id, p.payment_date, p.status,
        max(p.payment_date) FILTER (WHERE p.status IN ('succeeded', 'refunded')) OVER (PARTITION BY p.subscription_id)
            AS last_captured
    FROM vend_staging.stg_payments p
    WHERE p.subscription_id IN (SELECT id FROM failing) AND p.payment_date <= now()
),
failed AS (
    SELECT subscription_id, max(last_captured) AS last_captured,
        min(payment_date) FILTER (WHERE status = 'failed' AND (last_captured IS NULL OR payment_date > last_captured))
            AS first_failure
    FROM attempts
    GROUP BY subscription_id
)
SELECT f.id AS subscription_id, f.stripe_subscription_id, f.garage_id, g.name AS garage_name, f.user_id,
    u.first_name, u.last_name, u.email, f.monthly_amount, c.currency, f.current_period_end,
    vend.local_day(now(), g.timezone) - unpaid.since AS days_past_due, unpaid.since AS unpaid_since
FROM failing f
JOIN vend_staging.stg_garages g ON g.id = f.garage_id
LEFT JOIN vend_staging.stg_users u ON u.id = f.user_id
LEFT JOIN vend_marts.subscription_currencies c ON c.subscription_id = f.id
LEFT JOIN failed ON failed.subscription_id = f.id
CROSS JOIN LATERAL (
    -- The renewal that was never paid shows first in a failed attempt, in the platform's own retry, or in the period.
    SELECT vend.local_day(coalesce(min(at), f.period_bound), g.timezone) AS since
    FROM (VALUES (failed.first_failure), (f.renewal_attempted_at), (f.period_bound)) AS candidate(at)
    WHERE at <= now() AND isfinite(at) AND (failed.last_captured IS NULL OR at > failed.last_captured)
) AS unpaid;
COMMENT ON VIEW vend_marts.failed_payments IS 'What vend_reports.mv_failed_payments shows, of every garage.';
