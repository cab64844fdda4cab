-- The ledger keeps the intervals (METRICS.md, 2); currency hangs on payments, origin on when the source was attached.
CREATE OR REPLACE VIEW vend_marts.subscription_periods AS
SELECT l.subscription_id, l.user_id, l.garage_id, l.pass_id, l.valid_from, l.valid_to, l.monthly_amount, c.currency,
    l.churn_reason, CASE WHEN l.valid_from >= s.attached_at THEN 'observed' ELSE 'reconstructed' END AS origin
FROM vend_internal.ledger l
CROSS JOIN vend_internal.source s
LEFT JOIN vend_marts.subscription_currencies c ON c.subscription_id = l.subscription_id;
COMMENT ON VIEW vend_marts.subscription_periods IS 'What fact_subscription_periods shows, of every garage.';
