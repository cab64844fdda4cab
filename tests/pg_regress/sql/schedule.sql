-- When jobs are due: the forms of a schedule, clock changes in zones as PostgreSQL knows them, and what failures mean.
\pset null NULL
SET timezone = 'UTC';
-- The next instants of a schedule.
CREATE FUNCTION next_times(schedule text, timezone text, after timestamptz, times int, until timestamptz DEFAULT 'infinity')
RETURNS SETOF timestamptz
LANGUAGE sql AS $$
    WITH RECURSIVE due(at, n) AS (
        SELECT vend_internal.next_due(schedule, timezone, after), 1
        UNION ALL
        SELECT vend_internal.next_due(schedule, timezone, due.at), due.n + 1 FROM due WHERE due.n < times AND due.at < until
    )
    SELECT at FROM due WHERE at <= until ORDER BY n;
$$;

-- The forms.
SELECT schedule, vend_internal.next_due(schedule, 'UTC', '2026-11-20 17:46:40.5')
FROM unnest(ARRAY['* * * * *', '*/15 * * * *', '5 4 * * *', '5 4 * * sun', '0 22 * * 1-5', '0 0 1,15 * wed', '0 6 L * *',
    '0 6 * * mon#1', '0 6 * * 5L', '0 0 29 2 *', '0 0 29 2 */7', '@hourly', '@daily', '@midnight', '@weekly', '@monthly',
    '@yearly', '@annually', ' @Daily ', 'every 1 second', 'every 5 minutes', 'EVERY 1 HOUR', 'every 744 hours']) AS schedule;

-- An instant that is due itself is not the next one, and the smallest time before it leads to it.
SELECT vend_internal.next_due('0 6 * * *', 'UTC', '2026-11-20 06:00'),
    vend_internal.next_due('0 6 * * *', 'UTC', '2026-11-20 05:59:59.999999');

-- Whatever the session's zone is, the job's counts.
SET timezone = 'Asia/Tokyo';
SELECT vend_internal.next_due('0 6 * * *', 'Europe/Berlin', '2026-11-20 06:00+00') AT TIME ZONE 'Europe/Berlin';
SET timezone = 'UTC';

-- A time that a clock change skips is due at the change, one that it repeats the first time only; a schedule for any hour
-- goes by the hours that pass.
SELECT schedule, ARRAY(SELECT to_char(t, 'HH24:MI') FROM next_times(schedule, 'Europe/Berlin', after, 4) t) AS utc,
    ARRAY(SELECT to_char(t AT TIME ZONE 'Europe/Berlin', 'HH24:MI') FROM next_times(schedule, 'Europe/Berlin', after, 4) t) AS local
FROM (VALUES (timestamptz '2026-03-28 23:59'), ('2026-10-24 22:59')) AS a(after)
CROSS JOIN unnest(ARRAY['30 2 * * *', '*/20 2,3 * * *', '30 * * * *']) AS schedule
ORDER BY schedule, after;
-- Midnight is skipped and repeated in Havana; Lord Howe's clocks move by half an hour; Samoa had no 30 December 2011.
SELECT timezone, schedule, ARRAY(SELECT t AT TIME ZONE timezone FROM next_times(schedule, timezone, after, 2) t) AS local
FROM (VALUES ('America/Havana', '0 0 * * *', timestamptz '2024-03-10 04:30'), ('America/Havana', '0 0 * * *', '2024-11-03 03:30'),
    ('Australia/Lord_Howe', '15 2 * * *', '2024-10-05 15:00'), ('Australia/Lord_Howe', '45 1 * * *', '2024-04-06 14:00'),
    ('Pacific/Apia', '0 9 * * *', '2011-12-29 20:00'), ('Asia/Kathmandu', '0 0 * * *', '2024-01-01')) AS c(timezone, schedule, after);

-- Against the definition, minute by minute: due is a minute that matches; for fixed hours, one that the clock reaches or
-- passes for the first time.
CREATE FUNCTION due_by_walking(timezone text, hours int[], minutes int[], since timestamptz, until timestamptz)
RETURNS SETOF timestamptz
LANGUAGE sql AS $$
    SELECT w.at
    FROM (
        SELECT m.at, m.at AT TIME ZONE timezone AS wall, max(m.at AT TIME ZONE timezone) OVER (ORDER BY m.at
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS furthest
        FROM generate_series(since - interval '2 days', until, interval '1 minute') AS m(at)
    ) AS w
    WHERE w.at > since AND EXISTS (
        SELECT
        FROM generate_series(CASE WHEN hours IS NULL THEN w.wall ELSE w.furthest + interval '1 minute' END, w.wall,
            interval '1 minute') AS passed
        WHERE extract(minute FROM passed) = ANY (minutes) AND (hours IS NULL OR extract(hour FROM passed) = ANY (hours)))
    ORDER BY w.at;
$$;
SELECT count(*) AS compared, count(*) FILTER (WHERE walked <> computed) AS different, sum(cardinality(walked)) AS times
FROM unnest(ARRAY['Europe/Berlin', 'America/New_York', 'America/Havana', 'Australia/Lord_Howe', 'Pacific/Apia', 'Asia/Kathmandu']) AS timezone
CROSS JOIN (VALUES (timestamptz '2011-12-28', timestamptz '2012-01-02'), ('2024-03-08', '2024-03-12'), ('2024-03-29', '2024-04-08'),
    ('2024-10-04', '2024-10-07'), ('2024-10-25', '2024-11-05')) AS s(since, until)
CROSS JOIN (VALUES ('30 2 * * *', '{2}'::int[], '{30}'::int[]), ('0,20,40 0-2 * * *', '{0,1,2}', '{0,20,40}'),
    ('*/30 * * * *', NULL, '{0,30}'), ('0 0 * * *', '{0}', '{0}')) AS c(schedule, hours, minutes)
CROSS JOIN LATERAL (SELECT
    ARRAY(SELECT due_by_walking(timezone, hours, minutes, since, until)) AS walked,
    ARRAY(SELECT t FROM next_times(schedule, timezone, since, 1000, until) t) AS computed) AS r;

-- What is no schedule.
CREATE FUNCTION refused(schedule text, timezone text DEFAULT 'UTC', after timestamptz DEFAULT '2026-11-20') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    RETURN vend_internal.next_due(schedule, timezone, after);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n', sqlstate, sqlerrm, hint);
END $$;
\pset format unaligned
\pset tuples_only on
SELECT refused(schedule)
FROM unnest(ARRAY['', 'now', '61 * * * *', '* * * * * *', '* * * * mon-', '0 0 30 2 *', '@reboot', '@noon', 'every 0 seconds',
    'every 32 days', 'every 2678401 seconds']) AS schedule;
SELECT refused('@daily', 'Mars/Olympus'), refused('@daily', 'CET');
SELECT refused('@daily', after => 'infinity');
\pset tuples_only off
\pset format aligned
SELECT vend_internal.next_due('@daily', 'UTC', '200000-01-01') AS calendar_ended, vend_internal.next_due(NULL, 'UTC', now()) AS of_null;

-- What failures mean, and how long to wait.
SELECT vend_internal.failure_class(sqlstate) AS class, array_agg(sqlstate ORDER BY sqlstate)
FROM unnest(ARRAY['40001', '40P01', '55P03', '53100', '53200', '53300', '57014', '57P01', '42501', '42P01', '42703', '42704', '42883',
    '3F000', '22012', 'XX001', '23505', '']) AS sqlstate
GROUP BY class ORDER BY class;
SELECT failures, vend_internal.retry_delay('53100', failures, 1) AS resource, vend_internal.retry_delay('22012', failures, 1) AS error,
    vend_internal.retry_delay('57P01', failures, 1) AS interrupted, vend_internal.retry_delay('42501', failures, 1) AS pause,
    (SELECT bool_and(d.delay BETWEEN d.base / 2 AND d.base * 1.5) AND count(DISTINCT d.delay) > 30
        FROM generate_series(1, 50) seed
        CROSS JOIN LATERAL (SELECT vend_internal.retry_delay('40001', failures, seed) AS delay,
            least(interval '1 second' * 2 ^ greatest(failures - 1, 0), interval '1 minute') AS base) AS d) AS retry_scatters
FROM generate_series(0, 8) AS failures;

-- A late run.
SELECT misfire, late, vend_internal.still_runs(misfire, '2026-11-20', timestamptz '2026-11-20' + late, '1 minute')
FROM unnest(ARRAY['once', 'skip']) AS misfire, unnest(ARRAY['0', '1 minute', '61 seconds', '3 days']::interval[]) AS late
ORDER BY misfire, late;
SELECT vend_internal.still_runs('maybe', now(), now(), '0');
\echo :LAST_ERROR_SQLSTATE
