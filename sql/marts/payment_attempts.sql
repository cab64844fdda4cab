-- What is known of a payment whether it was captured or not; the marts of money read those that were.
CREATE OR REPLACE VIEW vend_marts.payment_attempts AS
SELECT p.payment_id, p.subscription_id, p.garage_id, p.payment_date, p.currency, p.amount, p.stripe_fee, p.net_amount,
    round(p.amount * coalesce(p.fee_rates[width_bucket(p.payment_date, p.fee_since)], 10) / 100, 2) AS platform_fee,
    p.payment_day, p.status, p.updated_at, p.timezone,
    -- The garage's pass paid for at the time; a payment outside of paid time is for the one before, or for the first one.
    CASE WHEN p.subscription_id IS NULL OR paid.pass_id IS NOT NULL THEN paid.pass_id
        ELSE (
            SELECT coalesce((array_agg(l.pass_id ORDER BY l.valid_from DESC) FILTER (WHERE l.valid_from <= p.payment_date))[1],
                (array_agg(l.pass_id ORDER BY l.valid_from))[1])
            FROM vend_internal.ledger l
            WHERE l.subscription_id = p.subscription_id AND l.garage_id = p.garage_id) END AS pass_id,
    p.is_counted
FROM vend_marts.local_payments p
LEFT JOIN vend_internal.ledger paid ON paid.subscription_id = p.subscription_id AND paid.garage_id = p.garage_id
    AND paid.valid_from <= p.payment_date AND p.payment_date < paid.valid_to;
COMMENT ON VIEW vend_marts.payment_attempts IS
    'Payments, captured or not, with the platform fee in force and the pass paid for at payment_date, on garage-local days.';
