CREATE OR REPLACE VIEW vend_marts.current_occupancy AS
SELECT g.id AS garage_id, g.name AS garage_name, g.capacity,
    coalesce(v.present, 0) AS current_occupancy,
    CASE WHEN g.capacity > 0 THEN round(100.0 * coalesce(v.present, 0) / g.capacity, 2) END AS occupancy_rate,
    CASE WHEN g.capacity IS NOT NULL THEN greatest(g.capacity - coalesce(v.present, 0), 0) END AS available_spots,
    CASE WHEN g.capacity IS NOT NULL THEN greatest(coalesce(v.present, 0) - g.capacity, 0) END AS over_capacity,
    coalesce(v.stale, 0) AS stale_visits
FROM vend_staging.stg_garages g
LEFT JOIN (
    SELECT v.garage_id, count(*) FILTER (WHERE now() < v.ended_at) AS present, count(*) FILTER (WHERE v.ended_at <= now()) AS stale
    -- Who came before this and has not left is stale, whatever came next: no next entry need be looked for.
    FROM (SELECT (now() AT TIME ZONE 'UTC' - min(value)) AT TIME ZONE 'UTC' AS since FROM vend_internal.policy_values WHERE policy = 'stale_visit_cap') AS p
    CROSS JOIN LATERAL (
        SELECT o.garage_id, o.ended_at FROM vend_marts.open_visits o
        WHERE o.entered_at <= now() AND (p.since IS NULL OR o.entered_at > p.since)
        UNION ALL
        SELECT s.garage_id, p.since FROM vend_staging.stg_parked s WHERE vend_internal.is_absent(s.exited_at) AND s.entered_at <= p.since
        UNION ALL
        -- An exit that is known ahead.
        SELECT s.garage_id, s.exited_at FROM vend_staging.stg_parked s
        WHERE vend_internal.is_after(s.exited_at, now()) AND s.entered_at <= now()
    ) AS v
    GROUP BY v.garage_id
) AS v ON v.garage_id = g.id;
COMMENT ON VIEW vend_marts.current_occupancy IS 'What vend_reports.mv_current_occupancy shows, of every garage.';
