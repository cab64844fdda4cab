-- vend.local_day and the start of a local day.
SELECT vend.local_day('2026-03-29 22:30Z'::timestamptz, 'Europe/Berlin'), vend.local_day('2026-03-29 22:30'::timestamp, 'Europe/Berlin'),
    vend.local_day('2026-03-29 22:30'::timestamp, 'UTC'), vend.local_day('infinity'::timestamptz, 'UTC'), vend.local_day(NULL::timestamptz, 'UTC');
-- The session's zone has no say.
SET timezone = 'Asia/Tokyo';
SELECT vend.local_day('2026-03-29 22:30Z'::timestamptz, 'Europe/Berlin'), vend.local_day('2026-03-29 22:30'::timestamp, 'Europe/Berlin');
RESET timezone;
SELECT vend.local_day(now(), 'Europe/Atlantis');
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE indexed (at timestamp);
CREATE INDEX ON indexed (vend.local_day(at, 'UTC'));
DROP TABLE indexed;

-- Days that midnight does not start, or starts twice; one that never was.
SET timezone = 'UTC';
SELECT zone, day, vend_internal.day_start(day, zone), vend_internal.day_start(day + 1, zone) - vend_internal.day_start(day, zone) AS length
FROM (VALUES ('UTC', '2026-01-01'::date), ('Europe/Berlin', '2026-03-29'), ('Europe/Berlin', '2026-10-25'), ('America/Havana', '2024-11-03'),
    ('Africa/Cairo', '2026-04-24'), ('America/Sao_Paulo', '2018-11-04'), ('America/Sao_Paulo', '2018-02-18'), ('Pacific/Apia', '2011-12-30'), ('Asia/Kathmandu', '2026-05-05'), ('America/New_York', '2100-07-01')) AS d(zone, day);
-- The oracle walks quarter hours until the date is reached.
SELECT zone, day, vend_internal.day_start(day, zone), walked.at
FROM unnest(ARRAY['America/Havana', 'Africa/Cairo', 'Asia/Beirut', 'America/Sao_Paulo', 'Europe/Lisbon', 'Pacific/Apia', 'Australia/Lord_Howe', 'Asia/Kathmandu']) AS zone,
    LATERAL (SELECT d::date AS day FROM generate_series('2011-12-01'::timestamp, '2012-12-01', '1 day') d) days,
    LATERAL (SELECT min(t) AS at FROM generate_series(day::timestamp AT TIME ZONE 'UTC' - interval '30 hours', day::timestamp AT TIME ZONE 'UTC' + interval '30 hours', '15 minutes') t
        WHERE (t AT TIME ZONE zone)::date >= day) walked
WHERE vend_internal.day_start(day, zone) <> walked.at;
-- Every date that an instant in an hour has is among those of the hour.
SELECT at, vend_internal.hour_of(at)
FROM unnest(ARRAY['2026-03-29 22:59:59.999999Z', '1999-12-31 23:00Z', '1999-12-31 22:59:59.999999Z', '0001-01-01 00:00Z', '0044-03-15 11:30Z BC', '294276-12-31 23:59:59.999999Z',
    'infinity', '-infinity', NULL]::timestamptz[]) AS at;
SELECT vend_internal.hour_of(at), array_agg(d.day ORDER BY d.day) AS days, count(*) FILTER (WHERE d.day = vend.local_day(at, 'Asia/Kolkata')) AS of_it
FROM unnest('{2026-03-04 18:29:59.999999Z, 2026-03-04 18:30Z, 2026-03-04 19:00Z, 9999-12-30 23:59:59Z, 9999-12-31 00:10Z, 294276-12-31 18:10Z, infinity}'::timestamptz[]) AS at
CROSS JOIN vend_internal.days_of_hour(vend_internal.hour_of(at), 'Asia/Kolkata') AS d GROUP BY at ORDER BY at;
SELECT count(*) > 100000 AS are_many,
    count(*) FILTER (WHERE at < vend_internal.hour_of(at) OR at >= vend_internal.hour_of(at) + interval '1 hour'
        OR vend.local_day(at, zone) NOT IN (SELECT d.day FROM vend_internal.days_of_hour(vend_internal.hour_of(at), zone) d)) AS wrong
FROM (SELECT name AS zone FROM pg_timezone_names WHERE vend_internal.known_timezone(name) IS NOT NULL) AS z,
    generate_series('1850-01-01 00:17:03.123457Z'::timestamptz, '2099-01-01 00:00Z', '283 days 13:41:11.000007') AS at;
SELECT vend_internal.day_start('2026-01-01', 'Mars/Olympus');
\echo :LAST_ERROR_SQLSTATE
SELECT vend_internal.day_start('infinity', 'UTC');
\echo :LAST_ERROR_SQLSTATE
SELECT name, vend_internal.known_timezone(name) AS known
FROM unnest(ARRAY['Europe/Berlin', 'europe/berlin', 'UTC', 'Etc/GMT+5', 'UTC+3', 'Europe/Berlin+2', 'Foo/Bar', 'CET', 'EST5EDT', 'ABC5DEF', '', '../passwd']) AS name;
RESET timezone;
