-- The ledger keeps the intervals (METRICS.md, 2); currency hangs on payments, origin on when the source was attached.
CREATE OR REPLACE VIEW vend_marts.subscription_periods AS
SELECT l.subscription_id, l.user_id, t.garage_id, t.pass_id, l.valid_from, l.valid_to, l.monthly_amount, t.currency,
    l.churn_reason, CASE WHEN l.valid_from >= s.attached_at THEN 'observed' ELSE 'reconstructed' END AS origin
FROM (
    SELECT t.garage_id, t.pass_id, CASE WHEN t.has_payments THEN t.currency ELSE g.currency END AS currency,
        unnest(t.subscription_ids) AS subscription_id
    FROM vend_internal.exact_subscription_timelines t
    LEFT JOIN vend_marts.sole_currencies g ON g.garage_id = t.garage_id AND NOT t.has_payments
) AS t
JOIN vend_internal.ledger l ON l.subscription_id = t.subscription_id
    AND l.garage_id IS NOT DISTINCT FROM t.garage_id AND l.pass_id IS NOT DISTINCT FROM t.pass_id
CROSS JOIN (SELECT min(attached_at) AS attached_at FROM vend_internal.source) AS s;
COMMENT ON VIEW vend_marts.subscription_periods IS 'What fact_subscription_periods shows, of every garage.';
