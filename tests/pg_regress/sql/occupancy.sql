-- vend.occupancy and its accessors: NULLs, edges, errors, and plain SQL over flattened rows as the oracle on random documents.
\set SHOW_CONTEXT never
-- What empty is, and rows that say little.
SELECT vend.occupancy(NULL, 10), vend.occupancy('[]', 10) = vend.occupancy(NULL, 5) AS same, vend.occupancy('[null, null]', 10);
SELECT vend.avg_rate(o), vend.peak_rate(o), vend.min_rate(o), vend.busiest_hour(o), vend.peak_hours(o), vend.peak_hours(o, NULL) AS of_null, (SELECT count(*) FROM vend.hourly_profile(o)) AS profile
FROM (SELECT vend.occupancy('{}', 10) AS o) AS s;
-- The worked example: 9h is busiest, though mean rates say 17.
SELECT vend.occupancy(d, c) AS o FROM (VALUES ('{"9": 6, "17": 9}'::jsonb, 10), ('{"09:00": 18, "17:00": 12}', 40)) AS r(d, c) \gset
SELECT vend.avg_rate(:'o'), vend.peak_rate(:'o'), vend.min_rate(:'o'), vend.busiest_hour(:'o'), vend.peak_hours(:'o'), vend.peak_hours(:'o', 45) AS over_45, vend.peak_hours(:'o', 45.0000001) AS above_45, vend.peak_hours(:'o', -1) AS of_all;
SELECT * FROM vend.hourly_profile(:'o');
SELECT :'o'::vend.occupancy;
-- Without capacity there are counts; zero and negative capacity are not known; a rate may be above 100.
SELECT vend.occupancy('[1, 2.5, null, 4]', c) FROM (VALUES (NULL::int), (0), (-5)) AS r(c);
SELECT vend.avg_rate(o), vend.peak_hours(o), vend.busiest_hour(o) FROM (SELECT vend.occupancy('[1, 2.5, 2.50]', NULL) AS o) AS s;
SELECT * FROM vend.hourly_profile((SELECT vend.occupancy(d, c) FROM (VALUES ('[1, 12]'::jsonb, 8), ('[2, null]', NULL), ('[6.000001, 0]', 0)) AS r(d, c)));
-- What is no document, no count, no threshold.
SELECT vend.occupancy('[1, "x"]', 10);
\echo :LAST_ERROR_SQLSTATE
SELECT vend.occupancy('[3000000000]', 10);
\echo :LAST_ERROR_SQLSTATE
SELECT vend.occupancy('[0.1234567890]', 10), vend.occupancy('[2147483647]', 2147483647);
SELECT vend.occupancy('[0.12345678901]', 10);
\echo :LAST_ERROR_SQLSTATE
SELECT vend.peak_hours(:'o', 'NaN');
\echo :LAST_ERROR_SQLSTATE
-- Values: round trips, equality, bytes and texts from elsewhere.
CREATE TABLE kept AS SELECT n, vend.occupancy(jsonb_build_array(n, n * 7 % 5, n + 0.5), 10 * n) AS occupancy FROM generate_series(1, 4) n GROUP BY n;
SELECT bool_and(occupancy::text::vend.occupancy = occupancy) AS text_round_trip, count(DISTINCT occupancy) AS distinct FROM kept;
SELECT current_setting('data_directory') || '/vend_occupancy.copy' AS file \gset
COPY kept TO :'file' (FORMAT binary);
CREATE TABLE copied (LIKE kept);
COPY copied FROM :'file' (FORMAT binary);
TABLE kept EXCEPT ALL TABLE copied;
SELECT '{"version": 1, "hours": {"25": {"days": 1, "count": "0"}}, "counts": {}}'::vend.occupancy;
\echo :LAST_ERROR_SQLSTATE
CREATE FUNCTION refused(bytes bytea) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('COPY (SELECT 1, %L::bytea) TO %L (FORMAT binary)', bytes, current_setting('data_directory') || '/vend_occupancy.copy');
    EXECUTE format('COPY copied FROM %L (FORMAT binary)', current_setting('data_directory') || '/vend_occupancy.copy');
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT refused(''), refused('\x02'), refused('\x0105'), refused('\x01ff0a010201');
SELECT count(*) FILTER (WHERE answer LIKE 'XX001%') > 3 AS some_refused, count(*) FILTER (WHERE answer NOT LIKE 'XX001%' AND answer <> 'accepted') AS other_errors
FROM (SELECT refused(set_byte(occupancy::bytea, at, (get_byte(occupancy::bytea, at) + step) % 256)) AS answer FROM kept, generate_series(0, length(occupancy::bytea) - 1) at, unnest('{1,77,128}'::int[]) step WHERE n = 1) AS flipped;
SELECT bool_and(occupancy::text::vend.occupancy = occupancy) AS what_passes_is_an_occupancy FROM copied;

-- Random days of five garages, one without capacity; some hours unknown, some counts fractional or large, objects and arrays.
CREATE TABLE days AS
SELECT n, n % 5 AS garage, CASE WHEN n % 5 > 0 THEN (n % 5)::int * 50 END AS capacity,
    CASE WHEN n % 7 > 0 THEN jsonb_agg(v ORDER BY h) ELSE jsonb_object_agg(h, v) END AS hourly
FROM generate_series(1, 900::bigint) n, generate_series(0, 23) h,
    LATERAL (SELECT CASE (n * 31 + h * 7) % 11 WHEN 0 THEN NULL WHEN 1 THEN (n * h % 900) / 8.0 WHEN 2 THEN 4000 + n * h % 300 ELSE n * h * 7919 % 260 END AS v) x
GROUP BY n;
ALTER TABLE days SET (parallel_workers = 2);
SELECT vend.occupancy(hourly, capacity) AS o FROM days \gset
CREATE VIEW flat AS SELECT f.key::int AS hour, f.value::numeric AS count, nullif(capacity, 0)::numeric AS capacity
FROM (SELECT capacity, CASE jsonb_typeof(hourly) WHEN 'object' THEN hourly ELSE (SELECT jsonb_object_agg(n - 1, e) FROM jsonb_array_elements(hourly) WITH ORDINALITY AS a(e, n)) END AS hourly FROM days) d,
    jsonb_each_text(hourly) f WHERE f.value IS NOT NULL;
SELECT count(*) AS hours FROM flat;
SELECT round(vend.avg_rate(:'o'), 12) = (SELECT round(100 * sum(count) / sum(capacity), 12) FROM flat WHERE capacity IS NOT NULL) AS avg, vend.peak_rate(:'o') = (SELECT max(100 * count / capacity) FROM flat) AS peak,
    vend.min_rate(:'o') = (SELECT min(100 * count / capacity) FROM flat) AS min,
    vend.busiest_hour(:'o') = (SELECT hour FROM flat WHERE capacity IS NOT NULL GROUP BY hour ORDER BY sum(count) / sum(capacity) DESC, hour LIMIT 1) AS busiest;
SELECT threshold, vend.peak_hours(:'o', threshold) - (SELECT count(*) FROM flat WHERE 100 * count >= threshold * capacity) AS off FROM unnest('{0,0.5,80,99.999,100,800}'::numeric[]) threshold;
WITH expected AS (
    SELECT hour, count(*) AS days, sum(count) / count(*) AS avg_count, 100 * sum(count) FILTER (WHERE capacity IS NOT NULL) / sum(capacity) AS avg_rate, max(100 * count / capacity) AS max_rate FROM flat GROUP BY hour)
SELECT count(*) AS hours, count(*) FILTER (WHERE e.days <> p.days OR round(e.avg_count, 12) <> round(p.avg_count, 12) OR round(e.avg_rate, 12) <> round(p.avg_rate, 12) OR e.max_rate <> p.max_rate) AS wrong
FROM expected e FULL JOIN vend.hourly_profile(:'o') p USING (hour);
-- Parallel workers, one process, rollup and any order make the same bytes.
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT vend.occupancy(hourly, capacity) FROM days;
SELECT vend.occupancy(hourly, capacity) = :'o'::vend.occupancy AS same FROM days;
SELECT vend.rollup(part) = :'o'::vend.occupancy AS same FROM (SELECT vend.occupancy(hourly, capacity) AS part FROM days GROUP BY garage, n % 40 UNION ALL SELECT NULL) p;
SET max_parallel_workers_per_gather = 0;
SELECT vend.occupancy(hourly, capacity ORDER BY md5(n::text)) = :'o'::vend.occupancy AS same FROM days;
-- A window calls the final function for each row, in every size of a state.
SELECT bool_and((SELECT sum(days) FROM vend.hourly_profile(o)) = n * 24) AS running
FROM (SELECT n, vend.occupancy('[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24]', 40) OVER (ORDER BY n) AS o FROM generate_series(1, 120) n) w;
DROP VIEW flat;
DROP TABLE kept, copied, days;
DROP FUNCTION refused;
