-- What became of every line, then occupancy per garage and by hour, all through vend.flatten_hourly.
\pset footer off
\pset linestyle unicode
\pset border 1
\pset title 'Lines of the file'
SELECT kind, lines, treatment
FROM (SELECT count(*) AS all_lines FROM reading.line) AS l,
    (SELECT count(*) AS parsed FROM reading.parsed) AS p,
    (SELECT count(*) FILTER (WHERE is_negative) AS negative,
        count(*) FILTER (WHERE is_repeat AND NOT is_conflicting) AS identical,
        count(*) FILTER (WHERE is_repeat AND is_conflicting) AS conflicting FROM reading.judged) AS j,
    (SELECT count(*) AS valid, count(*) FILTER (WHERE occupancy > capacity AND capacity > 0) AS above,
        count(*) FILTER (WHERE capacity <= 0) AS no_capacity FROM reading.valid) AS v,
    LATERAL (VALUES
        (1, 'in the file', all_lines, ''),
        (2, 'unreadable', all_lines - parsed, 'dropped: not code, whole number, whole number, time'),
        (3, 'negative occupancy', negative, 'dropped: says nothing'),
        (4, 'repeat, same values', identical, 'counted once'),
        (5, 'repeat, other values', conflicting, 'dropped: the last line for a car park and time holds'),
        (6, 'used', valid, 'mean of the hour; an hour without readings is unknown'),
        (7, '  above capacity', above, 'used as it is: the rate exceeds 100 %'),
        (8, '  capacity not positive', no_capacity, 'used as it is: there is no rate')
    ) AS outcome(n, kind, lines, treatment)
ORDER BY n;

CREATE TEMP VIEW hours AS
SELECT g.name, g.capacity, o.day, f.hour, f.occupancy_count, f.occupancy_rate, f.is_peak_hour
FROM vend_staging.stg_garage_daily_occupancy o
JOIN vend_staging.stg_garages g ON g.id = o.garage_id,
    vend.flatten_hourly(o.hourly_occupancy, g.capacity) AS f;
CREATE FUNCTION pg_temp.bar(rate numeric) RETURNS text LANGUAGE sql AS $$
    SELECT repeat('█', round(least(rate, 120) / 4)::int)
$$;

\pset title 'Occupancy per garage (percent of capacity over the known hours; a peak hour has 80 or more)'
SELECT name AS garage, capacity, count(DISTINCT day) AS days, count(*) AS known_hours, round(avg(occupancy_rate), 2) AS avg_rate,
    round(max(occupancy_rate), 2) AS peak_rate, count(*) FILTER (WHERE is_peak_hour) AS peak_hours,
    pg_temp.bar(avg(occupancy_rate)) AS " "
FROM hours GROUP BY name, capacity ORDER BY avg(occupancy_rate) DESC NULLS LAST, name;

\pset title 'By hour since local midnight, all garages (pooled: cars over spaces)'
SELECT to_char(hour, 'FM00') AS hour, count(*) AS known_hours, round(avg(occupancy_count), 1) AS avg_count,
    round(sum(occupancy_rate * capacity) / nullif(sum(capacity) FILTER (WHERE occupancy_rate IS NOT NULL), 0), 2) AS avg_rate,
    round(max(occupancy_rate), 2) AS max_rate,
    pg_temp.bar(sum(occupancy_rate * capacity) / nullif(sum(capacity) FILTER (WHERE occupancy_rate IS NOT NULL), 0)) AS " "
FROM hours GROUP BY hour ORDER BY hour;
