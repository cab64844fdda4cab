-- An aggregate, so that zone and fees are looked up once for a garage, not for each of its payments.
CREATE OR REPLACE VIEW vend_marts.garage_terms AS
SELECT g.id AS garage_id, t.timezone, t.fee_since, t.fee_rates
FROM vend_staging.stg_garages g
CROSS JOIN LATERAL (
    SELECT g.timezone, array_agg(f.valid_from ORDER BY f.valid_from) AS fee_since, array_agg(f.rate ORDER BY f.valid_from) AS fee_rates
    FROM vend_internal.platform_fees f
    -- The garage's own; the platform's before it has one.
    WHERE f.garage_id = g.id OR f.garage_id IS NULL AND NOT EXISTS (
        SELECT FROM vend_internal.platform_fees own WHERE own.garage_id = g.id AND own.valid_from <= f.valid_from)
) AS t;
COMMENT ON VIEW vend_marts.garage_terms IS
    'Each garage''s time zone and platform fees: fee_rates[n] percent from fee_since[n] until fee_since[n + 1].';
