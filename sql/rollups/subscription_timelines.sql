SELECT l.garage_id, l.pass_id, p.currency, p.has_payments,
    vend.timeline(l.user_id, l.valid_from, l.valid_to, l.monthly_amount) AS customers,
    vend.timeline(l.subscription_id, l.valid_from, l.valid_to, l.monthly_amount) AS subscriptions,
    array_agg(DISTINCT l.subscription_id ORDER BY l.subscription_id) AS subscription_ids
FROM vend_internal.ledger l
-- A look-up for each interval: joined to the first payments of all, one key would cost as much as every key.
CROSS JOIN LATERAL (
    SELECT count(*) > 0 AS has_payments, (array_agg(f.currency ORDER BY f.payment_date, f.id))[1] AS currency
    FROM vend_staging.stg_payments f
    WHERE f.subscription_id = l.subscription_id AND f.status IN ('succeeded', 'refunded')
) AS p
GROUP BY l.garage_id, l.pass_id, p.currency, p.has_payments
