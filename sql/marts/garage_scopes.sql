-- A customer of two passes is one customer: the timelines are merged before anything is counted.
CREATE OR REPLACE VIEW vend_marts.garage_scopes AS
SELECT g.id AS garage_id, s.currency, vend.rollup(s.customers) AS customers, vend.rollup(s.subscriptions) AS subscriptions
FROM vend_staging.stg_garages g
LEFT JOIN (
    SELECT garage_id, currency, customers, subscriptions FROM vend_marts.subscription_scopes
    UNION ALL
    SELECT garage_id, currency, NULL::vend.timeline, NULL::vend.timeline FROM vend_marts.garage_currencies
) AS s ON s.garage_id = g.id
GROUP BY g.id, s.currency;
COMMENT ON VIEW vend_marts.garage_scopes IS
    'The currencies in which a garage has payments or subscriptions (one NULL for a garage with neither) and its paid time in '
    'each: a timeline of its customers and one of its subscriptions.';
