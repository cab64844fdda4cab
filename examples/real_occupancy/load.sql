-- Readings to garages and to one document a day: per hour since local midnight the mean of its readings, NULL where
-- there is none. Counting hours from midnight, and not off the clock, keeps the two days of a clock change right.
\set zone 'Europe/London'

INSERT INTO garages (id, name, capacity, created_at, updated_at)
SELECT DISTINCT ON (code) md5('garage ' || code)::uuid, code, capacity,
    min(at) OVER garage AT TIME ZONE :'zone' AT TIME ZONE 'UTC', at AT TIME ZONE :'zone' AT TIME ZONE 'UTC'
FROM reading.valid WINDOW garage AS (PARTITION BY code) ORDER BY code, at DESC;

WITH dated AS (
    SELECT code, occupancy, at::date AS day,
        at AT TIME ZONE :'zone' AS instant, at::date::timestamp AT TIME ZONE :'zone' AS midnight,
        (at::date + 1)::timestamp AT TIME ZONE :'zone' AS next_midnight
    FROM reading.valid
), hourly AS (
    SELECT code, day, extract(epoch FROM next_midnight - midnight)::int / 3600 AS hours,
        floor(extract(epoch FROM instant - midnight) / 3600)::int AS hour, round(avg(occupancy), 6) AS occupancy
    FROM dated GROUP BY code, day, hours, hour
)
INSERT INTO garage_daily_occupancy (id, garage_id, day, hourly_occupancy, created_at)
SELECT md5(d.code || ' ' || d.day)::uuid, md5('garage ' || d.code)::uuid, d.day,
    jsonb_agg(h.occupancy ORDER BY slot), d.day + 1
FROM (SELECT DISTINCT code, day, hours FROM hourly) AS d
CROSS JOIN LATERAL generate_series(0, d.hours - 1) AS slot
LEFT JOIN hourly h ON (h.code, h.day, h.hour) = (d.code, d.day, slot)
GROUP BY d.code, d.day;
ANALYZE;

CREATE EXTENSION vend_analytics;
\o /dev/null
SELECT * FROM vend.attach('public', timezone => :'zone');
\o
