-- A payment stays on the day it was made; its refund is a fact of the day it was returned.
CREATE OR REPLACE VIEW vend_marts.payment_movements AS
SELECT garage_id, pass_id, currency, payment_day AS day, 1 AS payments, amount, stripe_fee, net_amount, platform_fee, 0.00 AS refund
FROM vend_marts.counted_payments
UNION ALL
-- Until the change of status is observed, the row's last update stands for it.
SELECT garage_id, pass_id, currency, vend.local_day(updated_at, timezone), 0, 0.00, 0.00, 0.00, -platform_fee, amount
FROM vend_marts.payment_attempts
WHERE vend_internal.has_code(status, 'refunded') AND updated_at IS NOT NULL;
COMMENT ON VIEW vend_marts.payment_movements IS
    'Money in on the day of each captured payment, and out on the day of its refund, by garage, pass and currency.';
