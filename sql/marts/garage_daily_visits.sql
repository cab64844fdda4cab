-- Visitors of all days are counted at once, as they hang on the day on which they came.
CREATE OR REPLACE VIEW vend_marts.garage_daily_visits AS
SELECT v.garage_id, d.day::date AS day, coalesce(o.arrivals, 0) AS arrivals, coalesce(o.exits, 0) AS exits,
    coalesce(u.entities, 0) AS unique_visitors, o.seconds_parked / 60 / nullif(o.exits, 0) AS avg_duration_minutes,
    coalesce(o.open_visits, 0) AS open_visits, coalesce(o.bad_visits, 0) AS bad_visits, d.day < v.today AS is_complete
FROM (
    SELECT g.id AS garage_id, vend.local_day(now(), g.timezone) AS today, min(r.day) AS first_day, vend.rollup(r.visitors) AS visitors
    FROM vend_staging.stg_garages g
    JOIN vend_internal.exact_daily_visits r ON r.garage_id = g.id
    GROUP BY g.id, g.timezone
) AS v
CROSS JOIN LATERAL generate_series(v.first_day::timestamp, v.today::timestamp, interval '1 day') AS d(day)
LEFT JOIN LATERAL vend_internal.entities_by_day(v.visitors) AS u ON u.day = d.day::date
LEFT JOIN vend_internal.exact_daily_visits o ON o.garage_id = v.garage_id AND o.day = d.day::date;
COMMENT ON VIEW vend_marts.garage_daily_visits IS
    'Arrivals, exits and distinct visitors present on each local day of a garage from its first visit to today; '
    'avg_duration_minutes is over the visits that exited that day, open_visits are arrivals without an exit.';
