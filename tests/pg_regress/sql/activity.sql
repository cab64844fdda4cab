-- vend.activity and its accessors: NULLs, edges, errors, and slow plain SQL as the oracle on random rows.
\set SHOW_CONTEXT never
SET timezone = 'Asia/Tokyo';
-- Rows that say nothing, and what empty is.
SELECT vend.activity(1::bigint, now(), 'UTC') AS nothing WHERE false;
SELECT vend.activity(e, a, 'UTC') FROM (VALUES (NULL::bigint, now()), (1, NULL)) AS r(e, a);
SELECT count(*) AS no_rows FROM vend.cohort_retention((SELECT vend.activity(1::bigint, NULL, 'UTC')));
SELECT vend.active_entities((SELECT vend.activity(1::bigint, NULL, 'UTC')), '2026-01-01', 30), vend.active_entities(NULL, '2026-01-01', 30) AS of_null;
SELECT count(*) AS no_rows FROM vend.cohort_retention(NULL::vend.activity);
-- The day is that of each row's own zone, whatever the session's.
SELECT vend.activity(e, a, z) FROM (VALUES (-7::bigint, '2026-01-10 23:30Z'::timestamptz, 'UTC'), (-7, '2026-01-10 23:30Z', 'Europe/Berlin'),
    (-7, '2026-01-10 23:30Z', 'America/New_York'), (-7, '2026-01-11 00:10Z', 'UTC'), (8, '0044-03-15 12:00Z BC', 'UTC'), (8, '2526-07-01 12:00Z', 'Europe/Rome')) AS r(e, a, z);
SELECT vend.activity('Ada', '2026-01-10 00:00Z', 'UTC');
SELECT vend.activity('6b2f0f2e-0000-4000-8000-00000000000a'::uuid, '2026-01-10 00:00Z', 'UTC');
-- Both midnights of Havana's long day belong to it.
SELECT vend.activity(1::bigint, a, 'America/Havana') FROM (VALUES ('2025-11-02 04:00Z'::timestamptz), ('2025-11-02 05:30Z'), ('2025-11-03 04:59:59Z'), ('2025-11-02 03:59:59Z')) AS r(a);
SELECT vend.activity(1::bigint, now(), NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT vend.activity(1::bigint, now(), 'Mars/Olympus');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.activity(1::bigint, 'infinity', 'UTC');
\echo :LAST_ERROR_SQLSTATE
-- Values: text and binary round trips, equality, bytes and texts from elsewhere.
CREATE TABLE kept AS SELECT n % 2 AS n, vend.activity(n, '2026-01-01 12:00Z'::timestamptz + n * n * interval '1 day', 'UTC') AS activity FROM generate_series(1, 9::bigint) n GROUP BY n % 2;
SELECT bool_and(activity::text::vend.activity = activity) AS text_round_trip, count(DISTINCT activity) AS distinct FROM kept;
SELECT current_setting('data_directory') || '/vend_activity.copy' AS file \gset
COPY kept TO :'file' (FORMAT binary);
CREATE TABLE copied (LIKE kept);
COPY copied FROM :'file' (FORMAT binary);
TABLE kept EXCEPT ALL TABLE copied;
SELECT ' {"days":{"1":["2026-02-01","2026-01-01","2026-02-01"]},"entities":"bigint","version":1}'::vend.activity;
SELECT '{"version": 1, "entities": "bigint", "days": {"1": ["2026-02-30"]}}'::vend.activity;
\echo :LAST_ERROR_SQLSTATE
CREATE FUNCTION refused(bytes bytea) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('COPY (SELECT 1::bigint, %L::bytea) TO %L (FORMAT binary)', bytes, current_setting('data_directory') || '/vend_activity.copy');
    EXECUTE format('COPY copied FROM %L (FORMAT binary)', current_setting('data_directory') || '/vend_activity.copy');
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT refused(''), refused('\x02'), refused('\x01ff00'), refused('\x010001');
SELECT count(*) FILTER (WHERE answer LIKE 'XX001%') > 10 AS many_refused, count(*) FILTER (WHERE answer NOT LIKE 'XX001%' AND answer <> 'accepted') AS other_errors
FROM (SELECT refused(set_byte(activity::bytea, at, (get_byte(activity::bytea, at) + 77) % 256)) AS answer FROM kept, generate_series(0, length(activity::bytea) - 1) at WHERE n = 1) AS flipped;
SELECT bool_and(activity::text::vend.activity = activity) AS what_passes_is_an_activity FROM copied;
-- Merging.
SELECT vend.rollup(activity) = (SELECT vend.activity(n, '2026-01-01 12:00Z'::timestamptz + n * n * interval '1 day', 'UTC') FROM generate_series(1, 9::bigint) n) AS rolled FROM (TABLE kept UNION ALL SELECT 1, NULL) k;
SELECT vend.rollup(part) FROM (SELECT vend.activity(1::bigint, now(), 'UTC') UNION ALL SELECT vend.activity('1', now(), 'UTC')) AS p(part);
\echo :LAST_ERROR_SQLSTATE

-- Random events: 700 entities, 20000 events over 14 months, many on one day; large enough for the tables of a large state.
CREATE TABLE events AS
SELECT 'user ' || (n * n + n * 7919) % 700 AS entity, timestamptz '2025-01-01 00:00Z' + (n * 104729 % 36000000) * interval '1 second' AS at
FROM generate_series(1, 20000::bigint) n;
ALTER TABLE events SET (parallel_workers = 2);
SELECT vend.activity(entity, at, 'America/New_York') AS a FROM events \gset
CREATE FUNCTION wrong(bucket text, variant text, as_of date) RETURNS bigint LANGUAGE sql AS $$
    WITH day AS (SELECT DISTINCT entity, (at AT TIME ZONE 'America/New_York')::date AS day FROM events),
    step AS (SELECT ('1 ' || replace(bucket, 'quarter', 'month'))::interval * CASE bucket WHEN 'quarter' THEN 3 ELSE 1 END AS step),
    until AS (SELECT coalesce(as_of, (date_trunc(bucket, max(day)::timestamp) + max(step))::date - 1) AS last FROM day, step),
    seen AS (SELECT entity, day, date_trunc(bucket, day::timestamp) AS bucket FROM day, until WHERE day <= last),
    member AS (SELECT entity, min(bucket) AS cohort FROM seen GROUP BY entity),
    calendar AS (SELECT b, row_number() OVER (ORDER BY b) AS n, (b + step)::date - 1 AS last_day FROM until, step, generate_series((SELECT min(cohort) FROM member), last::timestamp, step) b),
    expected AS (
        SELECT c.b::date AS cohort, (p.n - c.n)::int AS period, count(DISTINCT m.entity) AS size,
            count(DISTINCT m.entity) FILTER (WHERE s.bucket = p.b OR variant = 'on_or_after' AND s.bucket > p.b) AS retained, p.last_day <= last AS complete
        FROM until, member m JOIN calendar c ON c.b = m.cohort JOIN calendar p ON p.n >= c.n JOIN seen s USING (entity) GROUP BY c.b, c.n, p.b, p.n, p.last_day, last),
    actual AS (
        SELECT cohort, period, cohort_size, retained, is_complete FROM vend.cohort_retention((SELECT vend.activity(entity, at, 'America/New_York') FROM events), bucket, variant, as_of)
        WHERE retention_rate = 100::numeric * retained / cohort_size)
    SELECT count(*) + CASE WHEN (SELECT count(*) FROM expected) < 3 THEN 1000 ELSE 0 END
    FROM ((TABLE expected EXCEPT ALL TABLE actual) UNION ALL (TABLE actual EXCEPT ALL TABLE expected)) d $$;
SELECT bucket, variant, wrong(bucket, variant, NULL), wrong(bucket, variant, '2025-11-20') AS wrong_as_of, wrong(bucket, variant, '2025-11-30') AS wrong_at_end
FROM unnest('{week,month,quarter,year}'::text[]) bucket, unnest('{on,on_or_after}'::text[]) variant WHERE bucket <> 'year' ORDER BY 1, 2;
SELECT wrong('day', 'on', '2025-02-03') AS days, wrong('day', 'on_or_after', '2025-02-03') AS days_after;
SELECT count(*) AS as_of_before_everything FROM vend.cohort_retention(:'a'::vend.activity, as_of => '2020-01-01');
SELECT count(*) AS wrong FROM generate_series(date '2024-12-25', '2026-03-05', '3 days') AS d, unnest('{1,7,30}'::int[]) AS days
WHERE vend.active_entities(:'a', d::date, days) <> (SELECT count(DISTINCT entity) FROM events WHERE (at AT TIME ZONE 'America/New_York')::date BETWEEN d::date - days + 1 AND d::date);
-- on is at most on_or_after, which never rises; everybody is there at period 0.
SELECT bool_and(o.retained <= a.retained) AS below, bool_and(a.retained <= before) AS never_rises, bool_and(o.period > 0 OR o.retained = o.cohort_size AND a.retained = a.cohort_size) AS all_at_0
FROM vend.cohort_retention(:'a'::vend.activity, 'week') o
JOIN (SELECT *, lag(retained, 1, cohort_size) OVER (PARTITION BY cohort ORDER BY period) AS before FROM vend.cohort_retention(:'a'::vend.activity, 'week', 'on_or_after')) a USING (cohort, period);
-- What is not an option.
SELECT * FROM vend.cohort_retention(:'a'::vend.activity, 'fortnight');
SELECT * FROM vend.cohort_retention(:'a'::vend.activity, variant => 'closing');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM vend.cohort_retention(:'a'::vend.activity, NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM vend.cohort_retention(:'a'::vend.activity, as_of => 'infinity');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM vend.cohort_retention((SELECT vend.activity(n, '0001-01-01'::timestamptz + n * interval '1 day', 'UTC') FROM generate_series(0, 5000::bigint) n), 'day', as_of => '0030-01-01');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.active_entities(:'a', '2026-01-01', 0);
\echo :LAST_ERROR_SQLSTATE
-- Parallel workers, one process, and any order make the same bytes.
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT vend.activity(entity, at, 'America/New_York') FROM events;
SELECT vend.activity(entity, at, 'America/New_York') = :'a'::vend.activity AS same FROM events;
SELECT vend.rollup(part) = :'a'::vend.activity AS same FROM (SELECT vend.activity(entity, at, 'America/New_York') AS part FROM events GROUP BY extract(month FROM at)) p;
SET max_parallel_workers_per_gather = 0;
SELECT vend.activity(entity, at, 'America/New_York' ORDER BY md5(at::text)) = :'a'::vend.activity AS same FROM events;
-- A window calls the final function for each row, in every size of a state.
SELECT bool_and(vend.active_entities(a, '2026-03-01', 2000) = least(n, 97)) AS running
FROM (SELECT n, vend.activity(n % 97, '2025-01-01 00:00Z'::timestamptz + n * interval '1 hour', 'UTC') OVER (ORDER BY n) AS a FROM generate_series(1, 5000::bigint) n) w
WHERE n % 61 = 0 OR n BETWEEN 4090 AND 4100;
DROP TABLE kept, copied, events;
DROP FUNCTION refused, wrong;
