-- The next entry is looked for on each day until the visit is stale (or a year has passed), by a look-up of its own that an
-- index answers: as a join it would read all of the garage's visits. Exact time is added in UTC, where it means the same to
-- every reader.
CREATE OR REPLACE VIEW vend_marts.open_visits AS
SELECT v.id AS parking_id, v.garage_id, v.user_id, v.pass_id, v.vehicle_plate, v.entered_at,
    coalesce(least(next_entry.at, (v.entered_at AT TIME ZONE 'UTC' + p.stale_after) AT TIME ZONE 'UTC'), 'infinity') AS ended_at
FROM vend_staging.stg_parked v
CROSS JOIN (
    SELECT min(value) AS stale_after, coalesce(least(366, ceil(extract(epoch FROM min(value)) / 86400)), 366)::int AS stale_days
    FROM vend_internal.policy_values
    WHERE policy = 'stale_visit_cap'
) AS p
CROSS JOIN LATERAL (
    SELECT min((
        SELECT min(n.entered_at)
        FROM vend_staging.stg_parked n
        WHERE n.garage_id = v.garage_id AND n.vehicle_plate = v.vehicle_plate AND (n.entered_at, n.id) > (v.entered_at, v.id)
            AND vend_internal.same_day(vend.local_day(n.entered_at, 'UTC'), vend.local_day(v.entered_at, 'UTC') + d.number::int - 1))) AS at
    FROM unnest(vend_internal.list_of_length(p.stale_days + 1)) WITH ORDINALITY AS d(nothing, number)
    WHERE isfinite(v.entered_at)
) AS next_entry
WHERE vend_internal.is_absent(v.exited_at);
COMMENT ON VIEW vend_marts.open_visits IS
    'Visits without an exit. One ends at its plate''s next entry to the garage within a year, or stale_visit_cap after it began.';
