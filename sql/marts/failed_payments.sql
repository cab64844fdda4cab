-- A look-up for each failing subscription: of all payments those of the others need not be read.
CREATE OR REPLACE VIEW vend_marts.failed_payments AS
SELECT s.id AS subscription_id, s.stripe_subscription_id, s.garage_id, g.name AS garage_name, s.user_id,
    u.first_name, u.last_name, u.email, s.monthly_amount, c.currency, s.current_period_end,
    vend.local_day(now(), g.timezone) - unpaid.since AS days_past_due, unpaid.since AS unpaid_since
FROM vend_staging.stg_subscriptions s
JOIN vend_staging.stg_garages g ON g.id = s.garage_id
LEFT JOIN vend_staging.stg_users u ON u.id = s.user_id
LEFT JOIN LATERAL (SELECT * FROM vend_marts.subscription_currencies c WHERE c.subscription_id = s.id OFFSET 0) AS c ON true
CROSS JOIN LATERAL (
    SELECT CASE WHEN isfinite(bound.at) THEN bound.at END AS bound
    FROM (SELECT CASE WHEN s.current_period_end < now() THEN s.current_period_end ELSE s.current_period_start END) AS bound(at)
) AS period
CROSS JOIN LATERAL (
    SELECT max(p.payment_date) FILTER (WHERE p.status IN ('succeeded', 'refunded')) AS last_captured,
        array_agg(p.payment_date) FILTER (WHERE p.status = 'failed') AS failures
    FROM vend_staging.stg_payments p
    WHERE p.subscription_id = s.id AND p.payment_date <= now()
) AS attempts
CROSS JOIN LATERAL (
    -- The renewal that was never paid shows first in a failed attempt, in the platform's own retry, or in the period.
    SELECT vend.local_day(coalesce(min(at), period.bound), g.timezone) AS since
    FROM (SELECT unnest(attempts.failures) UNION ALL VALUES (s.renewal_attempted_at), (period.bound)) AS candidate(at)
    WHERE at <= now() AND isfinite(at) AND (attempts.last_captured IS NULL OR at > attempts.last_captured)
) AS unpaid
WHERE s.status IN ('past_due', 'unpaid');
COMMENT ON VIEW vend_marts.failed_payments IS 'What vend_reports.mv_failed_payments shows, of every garage.';
