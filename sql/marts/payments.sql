-- The capture, whatever was returned later. Who paid is who had the subscription then; one that was never paid has no other
-- user and pass than its own. The intent and the payer are looked up here: a change of whatever payment_attempts reads leaves notes
-- for the rollups, which need neither.
CREATE OR REPLACE VIEW vend_marts.payments AS
SELECT a.payment_id,
    (SELECT p.stripe_payment_intent_id FROM vend_staging.stg_payments p WHERE p.id = a.payment_id) AS stripe_payment_intent_id,
    a.subscription_id, a.garage_id,
    CASE WHEN a.is_counted THEN a.amount ELSE 0 END AS gross_amount,
    CASE WHEN a.is_counted THEN a.stripe_fee ELSE 0 END AS stripe_fee,
    CASE WHEN a.is_counted THEN a.net_amount ELSE 0 END AS net_amount,
    CASE WHEN a.is_counted THEN a.platform_fee ELSE 0 END AS platform_fee,
    CASE WHEN a.is_counted THEN a.net_amount - a.platform_fee ELSE 0 END AS garage_profit,
    a.currency, a.payment_date, a.payment_day AS payment_date_day,
    date_trunc('month', a.payment_day::timestamp)::date AS payment_month,
    date_trunc('year', a.payment_day::timestamp)::date AS payment_year,
    g.name AS garage_name, u.id AS user_id, u.email AS user_email, pass.name AS pass_name, a.status, a.amount AS attempted_amount,
    CASE WHEN a.status = 'refunded' THEN a.updated_at END AS refunded_at
FROM vend_marts.payment_attempts a
JOIN vend_staging.stg_garages g ON g.id = a.garage_id
LEFT JOIN vend_internal.ledger paid ON paid.subscription_id = a.subscription_id AND paid.garage_id = a.garage_id
    AND paid.valid_from <= a.payment_date AND a.payment_date < paid.valid_to
LEFT JOIN vend_staging.stg_subscriptions s ON s.id = a.subscription_id AND s.garage_id = a.garage_id
LEFT JOIN vend_staging.stg_users u ON u.id = coalesce(paid.user_id, s.user_id)
LEFT JOIN vend_staging.stg_passes pass ON pass.id = coalesce(a.pass_id, s.pass_id) AND pass.garage_id = a.garage_id;
COMMENT ON VIEW vend_marts.payments IS 'What fact_payments shows, of every garage.';
