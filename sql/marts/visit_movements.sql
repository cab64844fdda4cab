-- Whom a visit shows on which days hangs on the day of its entry, where an index finds it; who looks for a day's visitors
-- merges the days before. A visit of no length is an arrival only. Open visits are a branch of their own, as an index is
-- used for tables only.
CREATE OR REPLACE VIEW vend_marts.visit_movements AS
SELECT v.garage_id, vend.local_day(v.entered_at, g.timezone) AS day,
    (d.number = 1)::int AS arrivals, 0 AS exits, 0 AS open_visits, 0 AS bad_visits, 0::numeric AS seconds_parked,
    CASE WHEN v.exited_at > v.entered_at THEN coalesce(v.user_id::text, v.vehicle_plate) END AS visitor,
    vend_internal.noon(vend.local_day(v.entered_at, g.timezone) + d.number::int - 1) AS present_at
FROM vend_staging.stg_parked v
JOIN vend_staging.stg_garages g ON g.id = v.garage_id
CROSS JOIN LATERAL unnest(vend_internal.list_of_length(vend_internal.days_present(v.entered_at, v.exited_at, g.timezone)))
    WITH ORDINALITY AS d(nothing, number)
WHERE v.exited_at >= v.entered_at AND isfinite(v.entered_at)
UNION ALL
SELECT v.garage_id, vend.local_day(v.entered_at, g.timezone), (d.number = 1)::int, 0, (d.number = 1)::int, 0, 0,
    CASE WHEN v.ended_at > v.entered_at THEN coalesce(v.user_id::text, v.vehicle_plate) END,
    vend_internal.noon(vend.local_day(v.entered_at, g.timezone) + d.number::int - 1)
FROM vend_marts.open_visits v
JOIN vend_staging.stg_garages g ON g.id = v.garage_id
CROSS JOIN LATERAL unnest(vend_internal.list_of_length(vend_internal.days_present(v.entered_at, v.ended_at, g.timezone)))
    WITH ORDINALITY AS d(nothing, number)
WHERE isfinite(v.entered_at)
UNION ALL
SELECT v.garage_id, vend.local_day(v.exited_at, g.timezone), 0, 1, 0, 0, extract(epoch FROM v.exited_at - v.entered_at), NULL, NULL
FROM vend_staging.stg_parked v
JOIN vend_staging.stg_garages g ON g.id = v.garage_id
WHERE v.exited_at > v.entered_at AND isfinite(v.entered_at) AND isfinite(v.exited_at)
UNION ALL
SELECT v.garage_id, vend.local_day(v.entered_at, g.timezone), 0, 0, 0, 1, 0, NULL, NULL
FROM vend_staging.stg_parked v
JOIN vend_staging.stg_garages g ON g.id = v.garage_id
WHERE v.exited_at < v.entered_at AND isfinite(v.entered_at);
COMMENT ON VIEW vend_marts.visit_movements IS
    'Entries, exits and bad visits on their garage-local days; an entry once for each of up to 366 further days on which its '
    'visitor is present, by the customer or else the plate.';
