-- What has no payment yet takes its garage's currency here, where it costs nothing: kept in the rollup, it would change
-- with any payment of the garage.
CREATE OR REPLACE VIEW vend_marts.subscription_scopes AS
SELECT t.garage_id, t.pass_id, CASE WHEN t.has_payments THEN t.currency ELSE g.currency END AS currency,
    vend.rollup(t.customers) AS customers, vend.rollup(t.subscriptions) AS subscriptions
FROM vend_internal.exact_subscription_timelines t
LEFT JOIN vend_marts.sole_currencies g ON g.garage_id = t.garage_id AND NOT t.has_payments
GROUP BY t.garage_id, t.pass_id, CASE WHEN t.has_payments THEN t.currency ELSE g.currency END;
COMMENT ON VIEW vend_marts.subscription_scopes IS
    'Paid time of each garage, pass and currency: a timeline of its customers and one of its subscriptions, to be merged by '
    'vend.rollup for wider scopes.';
