CREATE OR REPLACE VIEW vend_marts.subscription_currencies AS
WITH of_garage AS (
    SELECT garage_id, min(currency) AS currency
    FROM vend_internal.exact_daily_revenue
    WHERE payment_count > 0
    GROUP BY garage_id
    HAVING count(DISTINCT currency) = 1
),
subscriptions AS (
    SELECT id, garage_id FROM vend_staging.stg_subscriptions
    UNION ALL
    -- The past of a row that is gone stays.
    SELECT * FROM (
        SELECT DISTINCT ON (subscription_id) subscription_id, garage_id
        FROM vend_internal.subscription_versions
        WHERE deleted
        ORDER BY subscription_id, version DESC
    ) AS gone
    WHERE NOT EXISTS (SELECT FROM vend_staging.stg_subscriptions s WHERE s.id = gone.subscription_id)
)
SELECT s.id AS subscription_id, CASE WHEN o.subscription_id IS NULL THEN g.currency ELSE o.currency END AS currency
FROM subscriptions s
LEFT JOIN vend_internal.exact_subscription_currency o ON o.subscription_id = s.id
LEFT JOIN of_garage g ON g.garage_id = s.garage_id;
COMMENT ON VIEW vend_marts.subscription_currencies IS
    'The currency of a subscription: that of its first captured payment, else its garage''s only one, else NULL.';
