CREATE OR REPLACE VIEW vend_marts.local_payments AS
SELECT p.id AS payment_id, p.subscription_id, p.garage_id, p.payment_date, p.currency, p.amount, p.stripe_fee, p.net_amount, p.status, p.updated_at,
    g.timezone, vend.local_day(p.payment_date, g.timezone) AS payment_day,
    vend_internal.has_code(p.status, 'succeeded') OR vend_internal.has_code(p.status, 'refunded') AS is_counted,
    g.fee_since, g.fee_rates
FROM vend_staging.stg_payments p
JOIN vend_marts.garage_terms g ON g.garage_id = p.garage_id;
COMMENT ON VIEW vend_marts.local_payments IS
    'Payments of garages, captured (is_counted) or not, on garage-local days, with the fees of the garage.';
