CREATE OR REPLACE VIEW vend_marts.garage_currencies AS
SELECT g.id AS garage_id, used.currency
FROM vend_staging.stg_garages g
LEFT JOIN (
    SELECT garage_id, currency FROM vend_internal.exact_daily_revenue
    UNION
    SELECT garage_id, currency FROM vend_marts.subscription_scopes
) AS used ON used.garage_id = g.id;
COMMENT ON VIEW vend_marts.garage_currencies IS
    'The currencies in which a garage has payments or subscriptions; one NULL for a garage with neither.';
