-- The rollup of recorded hours: after any write its rows are those of its query, and its rates those of plain SQL.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
SET jit = off;
CREATE SCHEMA hours;
SET search_path = hours;
\getenv inputs PG_ABS_SRCDIR
\set operational_tables :inputs '/sql/include/operational_tables.sql'
\set ECHO none
\i :operational_tables
\set ECHO all
ALTER TABLE garages ADD timezone text;
CREATE FUNCTION g(n int) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$ SELECT lpad(n::text, 32, '0')::uuid $$;
INSERT INTO garages (id, name, capacity, timezone, created_at, updated_at) SELECT g(n), 'G' || n, (ARRAY[10, 40, 0])[n], 'Europe/Berlin', '2026-01-01', '2026-01-01' FROM generate_series(1, 3) n;
INSERT INTO garage_daily_occupancy (id, garage_id, day, hourly_occupancy, created_at)
SELECT gen_random_uuid(), g(1 + n % 3), '2026-01-01'::timestamp + n * interval '1 day', (SELECT jsonb_agg((n * h) % 47) FROM generate_series(0, 23) h), '2026-05-01' FROM generate_series(0, 99) n;
-- Twice, with a later reading; malformed; the short and the long day of the year; none.
INSERT INTO garage_daily_occupancy (id, garage_id, day, hourly_occupancy, created_at) VALUES
    (g(1), g(1), '2026-01-01', '[1, 2, 3]', '2026-05-02'), (g(2), g(2), '2026-01-02', '[9]', '2026-04-30'), (g(3), g(1), '2026-06-01', '["x"]', '2026-05-02'), (g(4), g(1), '2026-06-02', '{"7": 5, "23:00": 4}', '2026-05-02'),
    (g(5), g(1), '2026-03-29', (SELECT jsonb_agg(h) FROM generate_series(0, 24) h), '2026-05-02'), (g(6), g(2), '2026-03-29', '{"22": 5, "23:00": 4}', '2026-05-02'), (g(7), g(1), '2026-10-25', (SELECT jsonb_agg(h) FROM generate_series(0, 24) h), '2026-05-02'),
    (g(8), g(1), '2026-06-03', (SELECT jsonb_agg(h) FROM generate_series(0, 24) h), '2026-05-02'), (g(9), g(1), NULL, '[1]', '2026-05-02'), (g(10), g(77), '2026-06-03', '[1]', '2026-05-02');
SELECT count(*) > 0 AS attached FROM vend.attach('hours');
CREATE TABLE known AS SELECT id, capacity FROM garages;
SELECT right(garage_id::text, 2) AS n, day, h.hours, h.last, round(vend.avg_rate(occupancy), 2) AS avg, round(vend.peak_rate(occupancy), 2) AS peak
FROM vend_reports.hourly_occupancy, LATERAL (SELECT count(*) AS hours, max(hour) AS last FROM vend.hourly_profile(occupancy)) h
WHERE day IN ('2026-01-01', '2026-01-02', '2026-03-29', '2026-06-01', '2026-06-02', '2026-06-03', '2026-10-25') ORDER BY 1, 2;
SELECT problem FROM vend.check_source('hours') WHERE table_name = 'garage_daily_occupancy' AND column_name = 'hourly_occupancy' AND problem LIKE '%is not an hourly document%';
CREATE FUNCTION wrong(OUT rollup bigint, OUT rates bigint) LANGUAGE sql AS $$
    SELECT (SELECT count(*) FROM ((TABLE vend_reports.hourly_occupancy EXCEPT ALL TABLE vend_internal.query_hourly_occupancy)
            UNION ALL (TABLE vend_internal.query_hourly_occupancy EXCEPT ALL TABLE vend_reports.hourly_occupancy)) d),
        (SELECT count(*) FROM (
            SELECT DISTINCT ON (o.garage_id, o.day::date) o.garage_id, o.day::date AS day, o.hourly_occupancy AS doc, k.capacity
            FROM hours.garage_daily_occupancy o JOIN hours.garages g ON g.id = o.garage_id JOIN hours.known k ON k.id = o.garage_id WHERE o.day < '2026-03-01' ORDER BY o.garage_id, o.day::date, o.created_at DESC, o.id DESC) o
        FULL JOIN (SELECT * FROM vend_reports.hourly_occupancy WHERE day < '2026-03-01') r USING (garage_id, day)
        WHERE round((SELECT 100.0 * sum(v::int) / nullif(count(*) * nullif(o.capacity, 0), 0) FROM jsonb_array_elements(doc) v), 6) IS DISTINCT FROM round(vend.avg_rate(r.occupancy), 6)
            OR (SELECT count(*) FROM jsonb_array_elements(doc)) IS DISTINCT FROM (SELECT count(*) FROM vend.hourly_profile(r.occupancy)))
$$;
CREATE VIEW state AS SELECT is_built, pending_notes > 0 AS notes, w.* FROM vend.freshness, wrong() AS w WHERE freshness.rollup = 'hourly_occupancy';
TABLE state;
SELECT keys_refreshed > 0 AS built FROM vend.refresh('hourly_occupancy'); TABLE state;
UPDATE garage_daily_occupancy SET hourly_occupancy = '[4, 5]' WHERE day = '2026-01-05'; TABLE state;
SELECT keys_refreshed FROM vend.refresh('hourly_occupancy'); TABLE state;
UPDATE garage_daily_occupancy SET garage_id = g(2), day = '2026-02-01' WHERE day = '2026-01-07'; TABLE state;
DELETE FROM garage_daily_occupancy WHERE id = g(1); TABLE state;
INSERT INTO garage_daily_occupancy VALUES (g(20), g(2), '2026-01-02', '[7, null]', '2026-06-01'); DELETE FROM garage_daily_occupancy WHERE id = g(20); TABLE state;
SELECT keys_refreshed > 0 AS any FROM vend.refresh('hourly_occupancy'); TABLE state;
UPDATE garages SET name = 'renamed'; TABLE state;
-- Days before a change keep the capacity that was known (the rest of dated capacities: test capacities).
UPDATE garages SET capacity = 20 WHERE id = g(1); TABLE state;
SELECT keys_refreshed > 0 AS any FROM vend.refresh('hourly_occupancy'); TABLE state;
UPDATE garages SET timezone = 'America/New_York'; TABLE state;
SELECT h.hours FROM vend_reports.hourly_occupancy, LATERAL (SELECT count(*) AS hours FROM vend.hourly_profile(occupancy)) h WHERE day = '2026-03-29' AND garage_id = g(1);
INSERT INTO garage_daily_occupancy VALUES (g(21), g(2), 'infinity', '[7]', '2026-06-01'); TABLE state;
TRUNCATE garage_daily_occupancy; TABLE state;
SELECT keys_refreshed FROM vend.refresh('hourly_occupancy'); SELECT keys_wrong FROM vend.verify('hourly_occupancy');
DROP VIEW state CASCADE;
SELECT vend.detach();
RESET search_path;
DROP SCHEMA hours CASCADE;
