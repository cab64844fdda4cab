CREATE OR REPLACE VIEW vend_marts.counted_payments AS
SELECT payment_id, subscription_id, garage_id, payment_date, currency, amount, stripe_fee, net_amount, platform_fee, payment_day,
    status, updated_at, timezone, pass_id
FROM vend_marts.payment_attempts
WHERE is_counted;
COMMENT ON VIEW vend_marts.counted_payments IS
    'Captured payments (also if refunded later) with the platform fee in force and the pass paid for at payment_date, on '
    'garage-local days.';
