CREATE OR REPLACE VIEW vend_marts.current_occupancy AS
SELECT g.id AS garage_id, g.name AS garage_name, g.capacity,
    coalesce(v.present, 0) AS current_occupancy,
    CASE WHEN g.capacity > 0 THEN round(100.0 * coalesce(v.present, 0) / g.capacity, 2) END AS occupancy_rate,
    CASE WHEN g.capacity IS NOT NULL THEN greatest(g.capacity - coalesce(v.present, 0), 0) END AS available_spots,
    CASE WHEN g.capacity IS NOT NULL THEN greatest(coalesce(v.present, 0) - g.capacity, 0) END AS over_capacity,
    coalesce(v.stale, 0) AS stale_visits
FROM vend_staging.stg_garages g
LEFT JOIN (
    SELECT garage_id,
        count(*) FILTER (WHERE now() < ended_at) AS present,
        count(*) FILTER (WHERE exited_at IS NULL AND ended_at <= now()) AS stale
    FROM vend_marts.visits
    WHERE entered_at <= now() AND (exited_at IS NULL OR now() < exited_at)
    GROUP BY garage_id
) AS v ON v.garage_id = g.id;
COMMENT ON VIEW vend_marts.current_occupancy IS 'What vend_reports.mv_current_occupancy shows, of every garage.';
