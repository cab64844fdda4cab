CREATE OR REPLACE VIEW vend_marts.counted_payments AS
SELECT p.id AS payment_id, p.subscription_id, p.garage_id, p.payment_date, p.currency, p.amount, p.stripe_fee, p.net_amount,
    round(p.amount * coalesce(own.rate, platform.rate, 10) / 100, 2) AS platform_fee,
    vend.local_day(p.payment_date, g.timezone) AS payment_day,
    -- Until the change of status is observed, the row's last update stands for it.
    CASE WHEN p.status = 'refunded' THEN vend.local_day(p.updated_at, g.timezone) END AS refund_day
FROM vend_staging.stg_payments p
JOIN vend_staging.stg_garages g ON g.id = p.garage_id
LEFT JOIN vend_internal.fee_periods own
    ON own.garage_id = p.garage_id AND own.valid_from <= p.payment_date AND p.payment_date < own.valid_to
LEFT JOIN vend_internal.fee_periods platform
    ON platform.garage_id IS NULL AND platform.valid_from <= p.payment_date AND p.payment_date < platform.valid_to
WHERE p.status IN ('succeeded', 'refunded');
COMMENT ON VIEW vend_marts.counted_payments IS
    'Captured payments (also if refunded later) with the platform fee in force at payment_date, on garage-local days.';
