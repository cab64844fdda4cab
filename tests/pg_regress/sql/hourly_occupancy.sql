-- vend.hourly_occupancy: visits to the slots of one local day, against minute by minute plain SQL.
\set SHOW_CONTEXT never
SET timezone = 'Asia/Tokyo';
SELECT vend.hourly_occupancy('2026-05-04 08:45Z', '2026-05-04 10:15Z', '2026-05-04', 'UTC');
-- No rows; rows that say nothing; exit before entry, no length, another day, open, overnight, for ever.
SELECT vend.hourly_occupancy(now(), now(), '2026-05-04', 'UTC') AS no_rows WHERE false;
SELECT note, vend.hourly_occupancy(f, t, '2026-05-04', 'UTC') FROM (VALUES
    (1, 'no entry', NULL::timestamptz, '2026-05-04 10:00Z'::timestamptz), (2, 'backwards', '2026-05-04 10:00Z', '2026-05-04 09:00Z'), (3, 'no length', '2026-05-04 10:00Z', '2026-05-04 10:00Z'),
    (4, 'another day', '2026-05-05 00:00Z', '2026-05-05 10:00Z'), (5, 'open', '2026-05-04 22:20Z', NULL), (6, 'overnight', '2026-05-03 20:00Z', '2026-05-04 01:30Z'),
    (7, 'for ever', '-infinity', 'infinity'), (8, 'a third of an hour', '2026-05-04 00:00Z', '2026-05-04 00:20Z'), (9, 'microseconds', '2026-05-04 00:00Z', '2026-05-04 00:00:00.0018Z'), (10, 'half of the last place', '2026-05-04 00:00Z', '2026-05-04 00:00:00.0054Z')) AS v(n, note, f, t)
GROUP BY n, note ORDER BY n;
-- The longest and shortest days, one that a zone skipped, and a part hour as last slot.
SELECT zone, day, jsonb_array_length(h) AS slots, h -> 0 AS first, h -> -1 AS last
FROM (SELECT zone, day, vend.hourly_occupancy('-infinity', NULL, day, zone) AS h FROM (VALUES ('Europe/Berlin', date '2025-10-26'), ('Europe/Berlin', '2026-03-29'), ('America/Havana', '2025-11-02'), ('Australia/Lord_Howe', '2026-04-05'), ('Australia/Lord_Howe', '2025-10-05'), ('Pacific/Apia', '2011-12-30')) AS d(zone, day) GROUP BY zone, day) AS s ORDER BY day;
SELECT vend.hourly_occupancy(now(), NULL, NULL, 'UTC');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.hourly_occupancy(now(), NULL, '2026-05-04', NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT vend.hourly_occupancy(now(), NULL, 'infinity', 'UTC');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.hourly_occupancy(now(), NULL, '2026-05-04', 'Mars/Olympus');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.hourly_occupancy(now(), NULL, d, 'UTC') FROM (VALUES (date '2026-05-04'), ('2026-05-05')) AS v(d);
\echo :LAST_ERROR_SQLSTATE
-- Random visits around clock changes: each minute of a day asks who is there.
CREATE TABLE visits AS
SELECT d.zone, d.day, d.day::timestamptz + (n * 7919 % 3600 - 900) * interval '1 minute' AS entered_at,
    CASE WHEN n % 9 > 0 THEN d.day::timestamptz + (n * 7919 % 3600 - 900 + n * 31 % 700 - 20) * interval '1 minute' END AS exited_at
FROM (VALUES ('Europe/Berlin', date '2025-10-26'), ('Europe/Berlin', '2026-03-29'), ('America/Havana', '2025-11-02'), ('Australia/Lord_Howe', '2026-04-05'), ('Australia/Lord_Howe', '2025-10-05'), ('America/New_York', '2026-06-01')) AS d(zone, day),
    generate_series(1, 120) n;
ALTER TABLE visits SET (parallel_workers = 2);
CREATE FUNCTION day_start(day date, zone text) RETURNS timestamptz LANGUAGE sql AS $$
    SELECT min(m) FROM generate_series(day::timestamptz - interval '2 days', day::timestamptz + interval '2 days', '30 minutes') m WHERE (m AT TIME ZONE zone)::date = day $$;
CREATE FUNCTION expected(zone text, day date) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_agg(trim_scale(round(spent / minutes, 6)) ORDER BY slot) FROM (
        SELECT floor(extract(epoch FROM m - day_start(day, zone)) / 3600)::int AS slot, count(DISTINCT m) AS minutes, count(v.entered_at)::numeric AS spent
        FROM generate_series(day_start(day, zone), day_start(day + 1, zone) - interval '1 minute', '1 minute') m
        LEFT JOIN visits v ON (v.zone, v.day) = ($1, $2) AND v.entered_at <= m AND (v.exited_at IS NULL OR m < v.exited_at)
        GROUP BY 1) s $$;
SELECT zone, day, jsonb_array_length(found) AS slots, found = expected(zone, day) AS same, round((SELECT sum(v::numeric) FROM jsonb_array_elements_text(found) v), 2) AS visitor_hours
FROM (SELECT zone, day, vend.hourly_occupancy(entered_at, exited_at, day, zone) AS found FROM visits GROUP BY zone, day) f ORDER BY day, zone;
-- Parallel workers; and the summary of what it gives.
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT vend.hourly_occupancy(entered_at, exited_at, '2026-06-01', 'America/New_York') FROM visits;
SELECT vend.hourly_occupancy(entered_at, exited_at, '2026-06-01', 'America/New_York') = expected('America/New_York', '2026-06-01') AS same FROM visits WHERE zone = 'America/New_York';
SELECT vend.busiest_hour(vend.occupancy(h, 40)) AS busiest, round(vend.avg_rate(vend.occupancy(h, 40)), 2) AS rate
FROM (SELECT vend.hourly_occupancy(entered_at, exited_at, day, zone) AS h FROM visits GROUP BY zone, day) s;
DROP TABLE visits;
DROP FUNCTION expected, day_start;
