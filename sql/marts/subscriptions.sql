-- Paid time is that of the garage in which the subscription is now: what it was elsewhere is of no concern to who reads this
-- garage's rows.
CREATE OR REPLACE VIEW vend_marts.subscriptions AS
SELECT s.id AS subscription_id, s.stripe_subscription_id, s.user_id, s.garage_id, s.pass_id, s.status, s.monthly_amount,
    -- Stored for those that were paid; looked up in payments for the few others.
    coalesce(
        (SELECT min(t.currency) FROM vend_internal.exact_subscription_timelines t
        WHERE t.garage_id = s.garage_id AND s.id = ANY (t.subscription_ids) AND t.has_payments),
        (SELECT c.currency FROM vend_marts.subscription_currencies c WHERE c.subscription_id = s.id)) AS currency,
    s.cancel_at_period_end, paid.first_day AS subscription_start_date,
    CASE WHEN isfinite(paid.until) THEN vend.local_day(paid.until, g.timezone) END AS subscription_end_date,
    vend.local_day(s.canceled_at, g.timezone) AS canceled_date,
    to_char(paid.first_day, 'YYYY-MM') AS subscription_month,
    round(paid.seconds / 86400, 2) AS subscription_lifetime_days,
    coalesce(paid.since <= now(), false) AND NOT paid.is_paying AS is_churned,
    u.first_name, u.last_name, u.email, g.name AS garage_name, p.name AS pass_name
FROM vend_staging.stg_subscriptions s
JOIN vend_staging.stg_garages g ON g.id = s.garage_id
LEFT JOIN vend_staging.stg_users u ON u.id = s.user_id
-- That of another garage has a name that is none of this one's concern.
LEFT JOIN vend_staging.stg_passes p ON p.id = s.pass_id AND p.garage_id = s.garage_id
CROSS JOIN LATERAL (
    SELECT min(l.valid_from) AS since, vend.local_day(min(l.valid_from), g.timezone) AS first_day, max(l.valid_to) AS until,
        coalesce(bool_or(l.valid_from <= now() AND now() < l.valid_to), false) AS is_paying,
        coalesce(sum(extract(epoch FROM least(l.valid_to, now()) - l.valid_from)) FILTER (WHERE l.valid_from < now()), 0) AS seconds
    FROM vend_internal.ledger l
    WHERE l.subscription_id = s.id AND l.garage_id = s.garage_id
) AS paid;
COMMENT ON VIEW vend_marts.subscriptions IS 'What fact_subscriptions shows, of every garage.';
