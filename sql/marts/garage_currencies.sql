-- Of a day that is not stored as it is, a payment tells its currency without its fee and pass, which are most of what it costs. What is as a
-- rule not asked for is an array: taken for ten currencies of a garage, not for its payments, for which a hash table would be made.
CREATE OR REPLACE VIEW vend_marts.garage_currencies AS
SELECT garage_id, currency
FROM vend_internal.clean_daily_revenue
WHERE payment_count > 0
UNION
SELECT d.garage_id, p.currency
FROM vend_internal.due_daily_revenue d
CROSS JOIN LATERAL (
    SELECT p.currency FROM vend_marts.local_payments p WHERE p.garage_id = d.garage_id AND vend_internal.same_day(p.payment_day, d.day) AND p.is_counted OFFSET 0
) AS p
UNION
SELECT g.id, c.currency
FROM vend_staging.stg_garages g
CROSS JOIN LATERAL unnest(ARRAY(
    SELECT DISTINCT p.currency
    FROM vend_marts.local_payments p
    WHERE p.garage_id = g.id AND p.is_counted AND p.payment_day IS NOT NULL)) AS c(currency)
WHERE (SELECT is_odd FROM vend_internal.is_odd_daily_revenue);
COMMENT ON VIEW vend_marts.garage_currencies IS 'The currencies that each garage has captured payments in.';
