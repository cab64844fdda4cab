SELECT subscription_id, (array_agg(currency ORDER BY payment_date, id))[1] AS currency
FROM vend_staging.stg_payments
WHERE status IN ('succeeded', 'refunded') AND subscription_id IS NOT NULL
GROUP BY subscription_id
