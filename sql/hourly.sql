-- Plain SQL over the counts, so that the planner inlines it.
CREATE FUNCTION vend.flatten_hourly(hourly jsonb) RETURNS TABLE (hour int, occupancy_count int)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 24
BEGIN ATOMIC
    SELECT (packed >> 32)::int, (packed & 4294967295)::int
    FROM (SELECT vend_internal.hourly_counts($1) AS packed) AS counts;
END;
COMMENT ON FUNCTION vend.flatten_hourly(jsonb) IS
    'One row per known hour (hours since local midnight) of an array of counts, or of an object keyed "0" to "23" or '
    '"00:00" to "23:00". A JSON null is unknown and has no row; a fraction is rounded. '
    '22023: anything else, naming the position.';

-- Rates are of the unrounded count; the threshold is compared without the rounding of a division.
CREATE FUNCTION vend.flatten_hourly(hourly jsonb, capacity int, peak_threshold numeric DEFAULT 80)
RETURNS TABLE (hour int, occupancy_count int, capacity int, occupancy_rate numeric, is_peak_hour bool)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 24
BEGIN ATOMIC
    SELECT (packed >> 32)::int, (packed & 4294967295)::int, $2,
        CASE WHEN $2 > 0 THEN 100 * value / $2 END,
        CASE WHEN $2 > 0 THEN 100 * value >= $3 * $2 END
    FROM (SELECT vend_internal.hourly_counts($1) AS packed, vend_internal.hourly_values($1) AS value) AS counts;
END;
COMMENT ON FUNCTION vend.flatten_hourly(jsonb, int, numeric) IS
    'flatten_hourly with the rate (percent of capacity, not cut off at 100) and whether it reaches peak_threshold (percent). '
    'Rate and is_peak_hour are NULL if capacity is NULL or not positive. 22023: as flatten_hourly(jsonb).';

COMMENT ON FUNCTION vend_internal.hourly_counts(jsonb) IS 'The known hours of a document, each as hour * 2^32 + count.';
COMMENT ON FUNCTION vend_internal.hourly_values(jsonb) IS 'The unrounded counts of the known hours of a document, in the order of hourly_counts.';
COMMENT ON FUNCTION vend_internal.hourly_problem(jsonb) IS
    'Why flatten_hourly would refuse a document; NULL if it takes it.';
