-- Runs as vend_owner for whoever reads dim_date; it tells years and nothing else. Of rollups only what lies outside the usual
-- years is looked for, garage by garage, as their keys begin so.
CREATE FUNCTION vend_internal.calendar_years(OUT since int, OUT until int)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    usual_first CONSTANT date := '2020-01-01';
    usual_last CONSTANT date := '2034-12-31';
BEGIN
    SELECT extract(year FROM least(usual_first, min(d.day))), extract(year FROM greatest(usual_last, max(d.day)))
    INTO since, until
    FROM (
        SELECT r.day
        FROM vend_staging.stg_garages g
        CROSS JOIN LATERAL (
            SELECT r.day FROM vend_internal.exact_daily_revenue r WHERE r.garage_id = g.id AND r.day < usual_first
            UNION ALL
            SELECT r.day FROM vend_internal.exact_daily_revenue r WHERE r.garage_id = g.id AND r.day > usual_last
            UNION ALL
            SELECT r.day FROM vend_internal.exact_daily_visits r WHERE r.garage_id = g.id AND r.day < usual_first
            UNION ALL
            SELECT r.day FROM vend_internal.exact_daily_visits r WHERE r.garage_id = g.id AND r.day > usual_last
            UNION ALL
            SELECT r.day FROM vend_internal.exact_hourly_occupancy r WHERE r.garage_id = g.id AND r.day < usual_first
            UNION ALL
            SELECT r.day FROM vend_internal.exact_hourly_occupancy r WHERE r.garage_id = g.id AND r.day > usual_last
        ) AS r
        UNION ALL
        -- No zone is further than a day from UTC.
        SELECT vend.local_day(l.valid_from, 'UTC') + n
        FROM vend_internal.ledger l
        CROSS JOIN unnest('{-1, 1}'::int[]) AS n
        WHERE isfinite(l.valid_from) AND (l.valid_from < usual_first + 1 OR l.valid_from > usual_last - 1)
    ) AS d
    WHERE isfinite(d.day);
END $$;
COMMENT ON FUNCTION vend_internal.calendar_years() IS 'The years of vend_marts.dim_date: 2020 to 2034 and those of the data.';
