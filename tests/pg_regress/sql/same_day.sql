-- What the planner is told of same_day(vend.local_day(at, zone), day) finds the rows that the dates being equal finds.
\getenv inputs PG_ABS_SRCDIR
\set plan :inputs '/sql/include/plan.sql'
\set ECHO none
\i :plan
\set ECHO all
SET timezone = 'UTC';
CREATE TEMP TABLE instants AS
SELECT zone, utc AT TIME ZONE 'UTC' AS at, utc
FROM (VALUES ('Europe/Berlin', '2026-03-29'::date), ('Europe/Berlin', '2026-10-25'), ('America/Havana', '2026-03-08'), ('America/Havana', '2026-11-01'),
    ('Asia/Beirut', '2026-03-29'), ('Pacific/Apia', '2011-12-30'), ('Pacific/Kwajalein', '1993-08-21'), ('Africa/Cairo', '2010-09-10'), ('America/Sao_Paulo', '2018-02-18'),
    ('Antarctica/Troll', '2026-10-25'), ('Australia/Lord_Howe', '2026-04-05'), ('Asia/Kathmandu', '1986-01-01'), ('America/Juneau', '1867-10-18'), ('Asia/Manila', '1844-12-31'),
    ('Pacific/Kiritimati', '2300-01-01'), ('<odd>+23', '2026-01-01'), ('UTC', '2026-01-01')) AS v(zone, day),
    generate_series(day - interval '3 days', day + interval '3 days', interval '15 minutes') AS utc
UNION ALL SELECT zone, at, at AT TIME ZONE 'UTC' FROM unnest('{UTC, Europe/Berlin}'::text[]) zone, unnest('{infinity, -infinity}'::timestamptz[]) at;
CREATE INDEX ON instants (zone, at);
CREATE INDEX ON instants (zone, utc);
ANALYZE instants;
SELECT count(*) > 9000 AS enough, count(DISTINCT (zone, vend.local_day(at, zone))) AS days FROM instants;
CREATE TEMP VIEW days AS SELECT DISTINCT zone, vend.local_day(at, zone) AS day FROM instants UNION SELECT 'Pacific/Apia', '2011-12-30' UNION SELECT 'UTC', '0001-01-01 BC' UNION SELECT 'UTC', '5000000-01-01' UNION SELECT 'UTC', NULL;
CREATE TEMP TABLE found (way text, zone text, day date, at timestamptz);
INSERT INTO found SELECT 'equal', d.zone, d.day, i.at FROM days d JOIN instants i ON i.zone = d.zone AND vend.local_day(i.at, i.zone) = d.day;
INSERT INTO found SELECT 'instant', d.zone, d.day, i.at FROM days d, LATERAL (SELECT * FROM instants i WHERE i.zone = d.zone AND vend_internal.same_day(vend.local_day(i.at, i.zone), d.day) OFFSET 0) i;
INSERT INTO found SELECT 'utc', d.zone, d.day, i.at FROM days d, LATERAL (SELECT * FROM instants i WHERE i.zone = d.zone AND vend_internal.same_day(vend.local_day(i.utc, i.zone), d.day) OFFSET 0) i;
SELECT way, count(*) FROM found GROUP BY way ORDER BY way;
SELECT count(*) AS wrong FROM (SELECT zone, day, at FROM found GROUP BY 1, 2, 3 HAVING count(*) <> 3) AS d;
-- By an index on the instant, or on the timestamp in UTC that the instant is.
SET enable_seqscan = off; SET enable_bitmapscan = off;
SELECT * FROM pg_temp.plan($q$SELECT count(*) FROM instants WHERE zone = 'UTC' AND vend_internal.same_day(vend.local_day(at, 'Europe/Berlin'), '2026-03-29')$q$);
SELECT * FROM pg_temp.plan($q$SELECT count(*) FROM instants WHERE zone = 'UTC' AND vend_internal.same_day(vend.local_day(utc, 'Europe/Berlin'), '2026-03-29')$q$);
SELECT * FROM pg_temp.plan($q$SELECT count(*) FROM instants WHERE zone = 'UTC' AND vend_internal.same_day(vend.local_day(utc, zone), '2026-03-29')$q$);
SELECT * FROM pg_temp.plan($q$SELECT count(*) FROM instants WHERE zone = 'UTC' AND vend_internal.same_day((at AT TIME ZONE 'Europe/Berlin' + interval '1 hour')::date, '2026-03-29')$q$);
-- Below a GROUP BY, whatever the day is called.
CREATE TEMP VIEW grouped AS SELECT zone, vend.local_day(utc, 'Europe/Berlin') AS day, count(*) AS n FROM instants GROUP BY 1, 2;
SELECT * FROM pg_temp.plan($q$SELECT g.n FROM (VALUES ('UTC', '2026-01-02'::date), ('UTC', '2026-01-03')) AS d(zone, day), LATERAL (SELECT * FROM grouped g WHERE g.zone = d.zone AND vend_internal.same_day(g.day, d.day) OFFSET 0) g$q$);
-- By an index on the day, where it is a column; not before it is known to be one.
CREATE TEMP TABLE daily AS SELECT zone, at::date AS day FROM instants;
CREATE INDEX ON daily (zone, day);
SELECT * FROM pg_temp.plan($q$SELECT count(*) FROM daily WHERE zone = 'UTC' AND vend_internal.same_day(day, '2026-01-01')$q$);
CREATE TEMP VIEW grouped_daily AS SELECT zone, day, count(*) AS n FROM daily GROUP BY 1, 2;
SELECT * FROM pg_temp.plan($q$SELECT g.n FROM (VALUES ('UTC', '2026-01-02'::date), ('UTC', '2026-01-03')) AS d(zone, day), LATERAL (SELECT * FROM grouped_daily g WHERE g.zone = d.zone AND vend_internal.same_day(g.day, d.day) OFFSET 0) g$q$);
SELECT count(*) AS wrong FROM (SELECT * FROM daily d WHERE vend_internal.same_day(day, '2026-03-29') EXCEPT ALL SELECT * FROM daily WHERE day = '2026-03-29') AS d;
-- Whether an instant is absent or later than another is found by an index on a timestamp in UTC as well.
CREATE TEMP TABLE visits AS SELECT n, CASE n % 5 WHEN 0 THEN NULL WHEN 1 THEN 'infinity' WHEN 2 THEN '-infinity' ELSE timestamp '2026-03-29' + n * interval '1 minute' END AS utc FROM generate_series(1, 500) n;
ALTER TABLE visits ADD at timestamptz; UPDATE visits SET at = utc AT TIME ZONE 'UTC';
CREATE INDEX ON visits (utc); CREATE INDEX ON visits (at);
SELECT count(*) AS wrong FROM visits, unnest('{infinity, -infinity, 2026-03-29 04:00+00, NULL}'::timestamptz[]) bound WHERE (vend_internal.is_after(at, bound), vend_internal.is_after(utc AT TIME ZONE 'UTC', bound), vend_internal.is_absent(at), vend_internal.is_absent(utc AT TIME ZONE 'UTC'))
    IS DISTINCT FROM (at > bound, at > bound, at IS NULL, at IS NULL);
SELECT * FROM pg_temp.plan($q$SELECT n FROM visits WHERE vend_internal.is_absent(utc AT TIME ZONE 'UTC')$q$);
SELECT * FROM pg_temp.plan($q$SELECT n FROM visits WHERE vend_internal.is_absent(at)$q$);
SELECT * FROM pg_temp.plan($q$SELECT n FROM visits WHERE vend_internal.is_after(utc AT TIME ZONE 'UTC', now())$q$);
SELECT * FROM pg_temp.plan($q$SELECT n FROM visits WHERE vend_internal.is_after(at, now())$q$);
-- As staging writes it, without a name.
SELECT count(*) AS wrong FROM visits, unnest('{infinity, -infinity, 2026-03-29 04:00+00, NULL}'::timestamptz[]) bound WHERE (vend_internal.is_after(utc AT TIME ZONE interval '0', bound), vend_internal.is_absent(utc AT TIME ZONE interval '0'))
    IS DISTINCT FROM (at > bound, at IS NULL);
SELECT * FROM pg_temp.plan($q$SELECT n FROM visits WHERE vend_internal.is_absent(utc AT TIME ZONE interval '0')$q$);
SELECT * FROM pg_temp.plan($q$SELECT n FROM visits WHERE vend_internal.is_after(utc AT TIME ZONE interval '0', now())$q$);
-- Of another zone's it is the cast that is asked.
SELECT * FROM pg_temp.plan($q$SELECT n FROM visits WHERE vend_internal.is_after(utc AT TIME ZONE interval '1 hour', now())$q$);
SELECT * FROM pg_temp.plan($q$SELECT n FROM visits WHERE vend_internal.is_after(utc AT TIME ZONE 'Europe/Berlin', now())$q$);
-- As values.
CREATE TEMP TABLE called AS SELECT vend_internal.is_after(at, 'infinity') AS after, vend_internal.is_absent(at) AS absent FROM visits;
SELECT after, absent, count(*) FROM called GROUP BY 1, 2 ORDER BY 1, 2;
