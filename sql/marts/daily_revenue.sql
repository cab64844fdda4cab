-- A payment stays on the day it was made; its refund is a fact of the day it was returned.
CREATE OR REPLACE VIEW vend_marts.daily_revenue AS
SELECT garage_id, currency, day,
    sum(payments)::bigint AS payment_count,
    sum(amount) AS gross_revenue,
    sum(stripe_fee) AS total_stripe_fees,
    sum(platform_fee) AS total_platform_fees,
    sum(net_amount) - sum(refund) - sum(platform_fee) AS garage_profit,
    sum(refund) AS refunds
FROM (
    SELECT garage_id, currency, payment_day AS day, 1 AS payments, amount, stripe_fee, net_amount, platform_fee, 0.00 AS refund
    FROM vend_marts.counted_payments
    UNION ALL
    SELECT garage_id, currency, refund_day, 0, 0.00, 0.00, 0.00, -platform_fee, amount
    FROM vend_marts.counted_payments
    WHERE refund_day IS NOT NULL
) AS movements
GROUP BY garage_id, currency, day;
COMMENT ON VIEW vend_marts.daily_revenue IS
    'Money by garage, currency and garage-local day; days without payments or refunds have no row.';
