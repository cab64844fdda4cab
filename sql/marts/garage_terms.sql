-- Grouped, so that zone and fees are looked up once for a garage, not for each of its payments; min() is of one zone.
CREATE OR REPLACE VIEW vend_marts.garage_terms AS
SELECT g.id AS garage_id, min(g.timezone) AS timezone,
    array_agg(f.valid_from ORDER BY f.valid_from) FILTER (WHERE f.rate IS NOT NULL) AS fee_since,
    array_agg(f.rate ORDER BY f.valid_from) FILTER (WHERE f.rate IS NOT NULL) AS fee_rates
FROM vend_staging.stg_garages g
LEFT JOIN (SELECT garage_id, min(valid_from) AS since FROM vend_internal.platform_fees GROUP BY garage_id) AS own ON own.garage_id = g.id
-- Until the garage has a fee of its own, the platform's holds.
LEFT JOIN vend_internal.platform_fees f
    ON f.garage_id = g.id OR f.garage_id IS NULL AND (own.since IS NULL OR f.valid_from < own.since)
GROUP BY g.id;
COMMENT ON VIEW vend_marts.garage_terms IS
    'Each garage''s time zone and platform fees: fee_rates[n] percent from fee_since[n] until fee_since[n + 1]; NULL without any.';
