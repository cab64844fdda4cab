CREATE OR REPLACE VIEW vend_marts.subscription_currencies AS
SELECT s.id AS subscription_id,
    CASE WHEN p.has_payments THEN p.currency
        -- Looked up for the few that have none.
        ELSE (SELECT c.currency FROM vend_marts.sole_currencies c WHERE c.garage_id = s.garage_id) END AS currency
FROM vend_staging.stg_subscriptions s
CROSS JOIN LATERAL (
    SELECT count(*) > 0 AS has_payments, (array_agg(f.currency ORDER BY f.payment_date, f.id))[1] AS currency
    FROM vend_staging.stg_payments f
    WHERE f.subscription_id = s.id AND f.status IN ('succeeded', 'refunded')
) AS p;
COMMENT ON VIEW vend_marts.subscription_currencies IS
    'The currency of a subscription: that of its first captured payment, else its garage''s only one, else NULL.';
