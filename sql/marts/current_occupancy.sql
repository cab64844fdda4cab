CREATE OR REPLACE VIEW vend_marts.current_occupancy AS
SELECT g.id AS garage_id, g.name AS garage_name, g.capacity,
    coalesce(v.present, 0) AS current_occupancy,
    CASE WHEN g.capacity > 0 THEN round(100.0 * coalesce(v.present, 0) / g.capacity, 2) END AS occupancy_rate,
    CASE WHEN g.capacity IS NOT NULL THEN greatest(g.capacity - coalesce(v.present, 0), 0) END AS available_spots,
    CASE WHEN g.capacity IS NOT NULL THEN greatest(coalesce(v.present, 0) - g.capacity, 0) END AS over_capacity,
    coalesce(v.stale, 0) AS stale_visits
FROM vend_staging.stg_garages g
LEFT JOIN (
    SELECT garage_id, count(*) FILTER (WHERE now() < ended_at) AS present, count(*) FILTER (WHERE ended_at <= now()) AS stale
    FROM (
        SELECT garage_id, ended_at FROM vend_marts.open_visits WHERE entered_at <= now()
        UNION ALL
        -- An exit that is known ahead.
        SELECT garage_id, exited_at FROM vend_staging.stg_parked
        WHERE vend_internal.is_after(exited_at, now()) AND entered_at <= now()
    ) AS v
    GROUP BY garage_id
) AS v ON v.garage_id = g.id;
COMMENT ON VIEW vend_marts.current_occupancy IS 'What vend_reports.mv_current_occupancy shows, of every garage.';
