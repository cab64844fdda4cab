-- Garage by garage, as who asks for one should not read the visits of all. A day on which nobody came has zeros.
CREATE OR REPLACE VIEW vend_marts.occupancy_documents AS
SELECT garage_id, day, capacity, hourly, 'recorded' AS source
FROM vend_marts.hourly_documents
UNION ALL
SELECT g.id, d.day, c.capacity, d.hourly, 'visits'
FROM vend_staging.stg_garages g
CROSS JOIN LATERAL (
    SELECT n.day::date AS day, vend.hourly_occupancy(v.entered_at, v.ended_at, n.day::date, g.timezone) AS hourly
    FROM (SELECT min(r.day) AS day FROM vend_internal.exact_daily_visits r WHERE r.garage_id = g.id AND isfinite(r.day)) AS first
    CROSS JOIN generate_series(first.day::timestamp, vend.local_day(now(), g.timezone)::timestamp, interval '1 day') AS n(day)
    LEFT JOIN (
        SELECT vend.local_day(v.entered_at, g.timezone) + k.number::int - 1 AS day, v.entered_at, v.ended_at
        FROM vend_marts.visits v
        CROSS JOIN unnest(vend_internal.list_of_length(vend_internal.days_present(v.entered_at, v.ended_at, g.timezone)))
            WITH ORDINALITY AS k(nothing, number)
        WHERE v.garage_id = g.id AND isfinite(v.entered_at)
    ) AS v ON v.day = n.day::date
    WHERE NOT EXISTS (SELECT FROM vend_staging.stg_garage_daily_occupancy o WHERE o.garage_id = g.id AND o.day = n.day::date)
    GROUP BY n.day
) AS d
LEFT JOIN vend_marts.capacity_periods c ON c.garage_id = g.id AND c.valid_from <= d.day AND d.day < c.valid_to;
COMMENT ON VIEW vend_marts.occupancy_documents IS
    'The hourly counts of each garage and local day: as recorded, or where nothing was, from its visits, from the first one to today.';
