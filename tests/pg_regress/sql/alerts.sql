-- Alert rules, alerts, freshness and metrics. No job here falls due before 2100, and each part is one transaction, so that
-- now() stands still.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
\pset null NULL
SET timezone = 'UTC';
CREATE SCHEMA alarm;
SET search_path = alarm;
\getenv inputs PG_ABS_SRCDIR
\set operational_tables :inputs '/sql/include/operational_tables.sql'
\i :operational_tables
CREATE FUNCTION g(n int) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$ SELECT lpad(n::text, 32, '0')::uuid $$;
CREATE FUNCTION job(name text, task text, target text, options jsonb DEFAULT '{}', schedule text DEFAULT 'every 1 hour') RETURNS void
LANGUAGE sql AS $$
    INSERT INTO vend_internal.jobs (job, schedule, timezone, task, target, options, armed_system, armed_database, next_due, created_at)
    SELECT name, schedule, 'UTC', task, target, options, s.system_identifier, d.oid, '2100-01-01', now() - interval '1 day'
    FROM pg_control_system() s, pg_database d
    WHERE d.datname = current_database();
$$;
-- A run that ended so long ago, after so many seconds; without an end it is this process's.
CREATE FUNCTION run(name text, status text, ago interval, seconds numeric, keys bigint DEFAULT 0, rows bigint DEFAULT 0,
    sqlstate text DEFAULT NULL, message text DEFAULT NULL) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO vend_internal.job_runs (job, task, target, due_at, started_at, finished_at, status, pid, process_start, keys, rows, sqlstate, message)
    SELECT j.job, j.task, j.target, now() - ago, CASE WHEN status = 'running' THEN now() - ago ELSE now() - ago - seconds * interval '1 second' END,
        CASE WHEN status <> 'running' THEN now() - ago END, status, a.pid, a.backend_start, keys, rows, sqlstate, message
    FROM vend_internal.jobs j, pg_stat_activity a
    WHERE j.job = name AND a.pid = pg_backend_pid();
$$;
CREATE VIEW open AS
SELECT rule, subject, raised_at = now() AS is_new, details FROM vend.alerts WHERE cleared_at IS NULL ORDER BY rule, subject;
CREATE VIEW history AS
SELECT rule, subject, count(*) AS raised, count(cleared_at) AS cleared FROM vend.alerts GROUP BY rule, subject ORDER BY rule, subject;

-- The rules, and setting them.
\pset expanded on
SELECT rule, threshold, is_enabled, is_default FROM vend.alert_rules ORDER BY rule;
\pset expanded off
SELECT vend.set_alert_rule('report_stale', '{"minutes": 30}');
SELECT vend.set_alert_rule('revenue_outlier', '{"days": 3, "weeks": 8}');
SELECT vend.set_alert_rule('revenue_outlier', '{"weeks": null}', false);
SELECT rule, threshold, is_enabled FROM vend.alert_rules WHERE NOT is_default ORDER BY rule;
SELECT vend.set_alert_rule('revenue_outlier', is_enabled => true);
SELECT vend.set_alert_rule('revenue_outlier', '{"days": null}');
SELECT vend.set_alert_rule('report_stale', '{"minutes": null}');
TABLE vend_internal.alert_settings;
CREATE FUNCTION refused(rule text, threshold jsonb DEFAULT NULL) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    PERFORM vend.set_alert_rule(rule, threshold);
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n', sqlstate, sqlerrm, hint);
END $$;
\pset format unaligned
\pset tuples_only on
SELECT refused(NULL);
SELECT refused('report_late');
SELECT refused('report_stale', '{"hours": 1}');
SELECT refused('job_paused', '{"minutes": 1}');
SELECT refused('report_stale', '[60]');
SELECT refused('report_stale', value) FROM unnest(ARRAY['{"minutes": 0}', '{"minutes": "60"}', '{"minutes": -1}', '{"minutes": 1000001}']::jsonb[]) AS value;
\pset tuples_only off
\pset format aligned
TABLE vend_internal.alert_settings;

-- Nothing is attached, no job: nothing to find.
SELECT vend_internal.check_alerts('{}');
TABLE open;

-- A failed job: raised at the third failure in a row, kept, cleared by a success, raised anew. One that is unscheduled is clear.
BEGIN;
SELECT job('hourly', 'refresh', NULL), run('hourly', 'failed', '3 hours', 1, sqlstate => '22012', message => 'division by zero');
UPDATE vend_internal.jobs SET failures = 2;
SELECT vend_internal.check_alerts('{}');
TABLE open;
SELECT run('hourly', 'crashed', '2 hours', 1, message => 'its process is gone');
UPDATE vend_internal.jobs SET failures = 3;
SELECT vend_internal.check_alerts('{}');
SELECT vend_internal.check_alerts('{}');
UPDATE vend_internal.jobs SET failures = 4;
SELECT vend_internal.check_alerts('{}');
TABLE open;
SELECT vend.set_alert_rule('job_failed', '{"failures": 5}');
SELECT vend_internal.check_alerts('{}');
TABLE open;
SELECT vend.set_alert_rule('job_failed', '{"failures": null}');
SELECT vend_internal.check_alerts('{}');
UPDATE vend_internal.jobs SET failures = 0;
SELECT vend_internal.check_alerts('{}');
UPDATE vend_internal.jobs SET failures = 3;
SELECT vend_internal.check_alerts('{}');
-- Switched off, what is open is clear; on again, it is raised.
SELECT vend.set_alert_rule('job_failed', is_enabled => false);
SELECT vend_internal.check_alerts('{}');
TABLE open;
SELECT vend.set_alert_rule('job_failed', is_enabled => true);
SELECT vend_internal.check_alerts('{}');
DELETE FROM vend_internal.jobs;
SELECT vend_internal.check_alerts('{}');
TABLE open;
TABLE history;
COMMIT;
TRUNCATE vend_internal.alerts, vend_internal.job_runs;

-- A paused job, and one that was scheduled in another database.
BEGIN;
SELECT job('by hand', 'verify', NULL), job('copied', 'verify', NULL), job('works', 'verify', NULL);
UPDATE vend_internal.jobs SET is_paused = true, pause_reason = '42P01: relation "x" does not exist' WHERE job = 'by hand';
UPDATE vend_internal.jobs SET armed_system = 0 WHERE job = 'copied';
SELECT vend_internal.check_alerts('{}');
TABLE open;
UPDATE vend_internal.jobs SET is_paused = false, armed_system = (SELECT system_identifier FROM pg_control_system());
SELECT vend_internal.check_alerts('{}');
TABLE history;
DELETE FROM vend_internal.jobs;
COMMIT;
TRUNCATE vend_internal.alerts, vend_internal.job_runs;

-- A slow refresh: beside the runs that computed something, not beside the many that had nothing to do.
BEGIN;
SELECT job('sums', 'refresh', 'sums');
SELECT run('sums', 'succeeded', interval '1 hour' * (20 - n), CASE WHEN n % 2 = 0 THEN 2 ELSE 0.01 END, keys => CASE WHEN n % 2 = 0 THEN 50 ELSE 0 END) IS NULL AS ran
FROM generate_series(1, 9) n;
SELECT run('sums', 'succeeded', '5 hours', 11, keys => 10);
SELECT vend_internal.check_alerts('{}');
SELECT count(*) AS open_of_four FROM open WHERE rule = 'refresh_slow';
SELECT run('sums', 'succeeded', '4 hours', 2, keys => 10), run('sums', 'succeeded', '3 hours', 9, keys => 10);
SELECT vend_internal.check_alerts('{}');
SELECT count(*) AS open_below_five_times FROM open WHERE rule = 'refresh_slow';
SELECT run('sums', 'succeeded', '2 hours', 10.5, keys => 10);
SELECT vend_internal.check_alerts('{}');
SELECT rule, subject, details - 'run' AS details FROM open WHERE rule = 'refresh_slow';
SELECT run('sums', 'succeeded', '1 hour', 0.01);
SELECT vend_internal.check_alerts('{}');
-- One that runs is slow before it ends.
SELECT run('sums', 'running', '50 minutes', 0);
SELECT vend_internal.check_alerts('{}');
SELECT rule, subject, details ->> 'status' AS status FROM open WHERE rule = 'refresh_slow';
SELECT vend.set_alert_rule('refresh_slow', '{"seconds": 3600}');
SELECT vend_internal.check_alerts('{}');
SELECT * FROM history WHERE rule = 'refresh_slow';
SELECT vend.set_alert_rule('refresh_slow', '{"seconds": null}');
DELETE FROM vend_internal.jobs;
COMMIT;
TRUNCATE vend_internal.alerts, vend_internal.job_runs;

-- A rollup whose changes wait, one that is not built, and a materialized view whose job has not succeeded in time.
CREATE TABLE orders (id int PRIMARY KEY, garage_id uuid, day date);
SELECT count(*) > 0 AS attached FROM vend.attach('alarm', create_indexes => true);
SELECT vend.create_rollup('garage_orders', 'SELECT garage_id, day, count(*) AS orders FROM alarm.orders GROUP BY garage_id, day', '{garage_id, day}',
    '{"alarm.orders": ["garage_id", "day"]}');
SELECT vend.create_rollup('order_garages', 'SELECT garage_id, count(*) AS orders FROM alarm.orders GROUP BY garage_id', '{garage_id}',
    '{"alarm.orders": ["garage_id"]}');
SELECT count(*) > 0 AS refreshed FROM vend.refresh();
BEGIN;
CREATE VIEW fresh AS
SELECT rollup, is_built, pending_notes AS notes, dirty_keys AS keys, now() - pending_since AS since, age, refreshed_at IS NOT NULL AS refreshed, reason, last_error
FROM vend.freshness WHERE rollup LIKE '%order%' ORDER BY rollup;
TABLE fresh;
INSERT INTO orders SELECT n, g(n % 2), '2026-01-01'::date + n % 3 FROM generate_series(1, 12) n;
INSERT INTO orders SELECT n, g(n % 2), '2026-01-01'::date + n % 4 FROM generate_series(13, 24) n;
UPDATE vend_internal.notes_garage_orders_1 SET noted_at = now() - interval '61 minutes' WHERE ctid = (SELECT min(ctid) FROM vend_internal.notes_garage_orders_1);
UPDATE vend_internal.notes_order_garages_1 SET noted_at = now() - interval '59 minutes';
-- Errors of a job for this rollup, of one for all, of one for another.
SELECT job('one', 'refresh', 'order_garages'), job('all', 'refresh', NULL), job('other', 'refresh', 'elsewhere'), job('check', 'verify', 'garage_orders'),
    run('all', 'failed', '3 hours', 1, sqlstate => '53100', message => 'disk full'), run('one', 'failed', '2 hours', 1, sqlstate => '22012', message => 'division by zero'),
    run('other', 'failed', '1 hour', 1, sqlstate => '22003', message => 'out of range'), run('check', 'failed', '1 hour', 1, sqlstate => '22003', message => 'out of range');
TABLE fresh;
SELECT vend_internal.check_alerts('{}');
SELECT rule, subject, now() - (details ->> 'since')::timestamptz AS since, details ->> 'pending_notes' AS notes, details ->> 'reason' AS reason FROM open WHERE subject <> 'elsewhere';
SELECT vend.set_alert_rule('report_stale', '{"minutes": 58.5}');
SELECT vend_internal.check_alerts('{}');
SELECT rule, subject FROM open;
DELETE FROM vend_internal.jobs;
COMMIT;
SELECT rollup, keys_refreshed FROM vend.refresh('garage_orders') UNION ALL SELECT rollup, keys_refreshed FROM vend.refresh('order_garages');
-- A verification that found a difference, by a job or by hand, until one of every key finds none: a sample may have missed it.
BEGIN;
CREATE VIEW differing AS SELECT subject, details - 'checked_at' AS details FROM open WHERE rule = 'verify_difference';
SELECT keys_wrong FROM vend.verify('garage_orders');
SELECT vend_internal.check_alerts('{}');
TABLE differing;
UPDATE vend_internal.stored_garage_orders SET orders = orders + 1 WHERE day = '2026-01-02';
SELECT keys_wrong FROM vend.verify('garage_orders');
SELECT vend_internal.check_alerts('{}');
SELECT vend_internal.check_alerts('{}');
TABLE differing;
SELECT keys_wrong, keys_repaired FROM vend.verify('garage_orders', repair => true);
SELECT keys_wrong FROM vend.verify('garage_orders', sample => 99.9);
SELECT vend_internal.check_alerts('{}');
TABLE differing;
SELECT keys_wrong FROM vend.verify('garage_orders');
SELECT vend_internal.check_alerts('{}');
SELECT * FROM history WHERE rule = 'verify_difference';
-- A sample that finds one does count; what is made anew has nothing of it.
UPDATE vend_internal.stored_garage_orders SET orders = orders + 1;
SELECT keys_wrong > 0 AS found FROM vend.verify('garage_orders', sample => 99.9);
SELECT vend_internal.check_alerts('{}');
SELECT subject, details ->> 'sample' AS sample FROM differing;
SELECT vend.create_rollup('garage_orders', 'SELECT garage_id, day, count(*) + 0 AS orders FROM alarm.orders GROUP BY garage_id, day', '{garage_id, day}',
    '{"alarm.orders": ["garage_id", "day"]}');
SELECT vend_internal.check_alerts('{}');
TABLE differing;
ROLLBACK;
BEGIN;
SELECT vend_internal.check_alerts('{}');
TABLE fresh;
INSERT INTO vend_internal.stale_rollups (rollup, reason, noted_at) VALUES ('garage_orders', 'not built yet', now() - interval '2 days');
SELECT vend_internal.check_alerts('{}');
TABLE fresh;
SELECT subject, details ->> 'reason' AS reason FROM open;
TABLE history;
DELETE FROM vend_internal.stale_rollups WHERE rollup = 'garage_orders';
SELECT vend.set_alert_rule('report_stale', '{"minutes": null}');
SELECT vend_internal.check_alerts('{}');
-- Where changes are not seen, none of them waits.
ALTER TABLE orders DISABLE TRIGGER USER;
DELETE FROM vend_internal.stale_rollups;
SELECT vend_internal.check_alerts('{}');
SELECT subject, details ->> 'since' AS since, details ->> 'reason' AS reason FROM open;
ROLLBACK;
SELECT vend.set_alert_rule('report_stale', '{"minutes": null}');
TRUNCATE vend_internal.alerts, vend_internal.job_runs;
-- A materialized view: its schedule wanted a run more than an hour ago, and none has succeeded since.
BEGIN;
SELECT job('view', 'refresh', 'alarm.monthly', schedule => 'every 24 hours');
UPDATE vend_internal.jobs SET created_at = now() - interval '49 hours';
SELECT vend_internal.check_alerts('{}');
SELECT subject, details ->> 'refreshed_at' AS refreshed_at FROM open;
SELECT run('view', 'succeeded', '1 second', 0);
SELECT vend_internal.check_alerts('{}');
SELECT run('view', 'failed', '1 second', 0);
UPDATE vend_internal.job_runs SET started_at = now() - interval '25 hours 1 minute' WHERE status = 'succeeded';
UPDATE vend_internal.jobs SET schedule = 'every 1 second';
SELECT vend_internal.check_alerts('{}');
SELECT subject, now() - (details ->> 'refreshed_at')::timestamptz AS refreshed, count(*) OVER () FROM open;
-- Another job for the same view that is not due for long changes nothing, but keeps it fresh when it has run.
SELECT job('view too', 'refresh', 'alarm.monthly', schedule => 'every 744 hours');
SELECT vend_internal.check_alerts('{}');
SELECT count(*) FROM open;
SELECT run('view too', 'succeeded', '1 second', 0);
SELECT vend_internal.check_alerts('{}');
TABLE history;
DELETE FROM vend_internal.jobs;
COMMIT;
TRUNCATE vend_internal.alerts, vend_internal.job_runs;

-- Revenue: garage 1 takes nothing on a day, 2 ten times as much, 3 varies as ever, 4 is constant but for a tenth, 5 but for
-- three, 6 is three weeks old, 7 has two currencies, 8 has never had any on that weekday. What happens today is not looked at.
INSERT INTO garages (id, name, capacity, created_at, updated_at) SELECT g(n), 'garage ' || n, 10, '2020-01-01', '2020-01-01' FROM generate_series(1, 8) n;
BEGIN;
INSERT INTO payments (id, garage_id, amount, stripe_fee, net_amount, status, currency, payment_date, created_at, updated_at)
SELECT gen_random_uuid(), g(garage), amount, 0, amount, 'succeeded', currency, at, at, at
FROM (
    SELECT garage, now()::date - ago + interval '12 hours' AS at, 'eur' AS currency, CASE
        WHEN ago = 0 THEN 100000
        WHEN garage = 1 AND ago = 2 THEN 0
        WHEN garage = 2 AND ago = 3 THEN 1000
        WHEN garage = 4 THEN CASE WHEN ago = 1 THEN 110 ELSE 100 END
        WHEN garage = 5 THEN CASE WHEN ago = 1 THEN 70 ELSE 100 END
        ELSE 100 + ago * 7 % 31 - 15 END AS amount
    FROM generate_series(1, 7) garage, generate_series(0, CASE WHEN garage = 6 THEN 20 ELSE 100 END) ago
    UNION ALL
    SELECT 7, now()::date - ago + interval '13 hours', 'usd', CASE WHEN ago = 4 THEN 500 ELSE 50 + ago % 5 END FROM generate_series(0, 100) ago
    UNION ALL
    SELECT 8, now()::date - 86 + interval '12 hours', 'eur', 5
    UNION ALL
    SELECT 8, now()::date - 1 + interval '12 hours', 'eur', 100
    UNION ALL
    SELECT 6, now()::date - 1 + interval '12 hours', 'eur', 100000
) AS p
WHERE amount > 0;
SELECT vend_internal.check_alerts('{}');
CREATE VIEW outliers AS
SELECT right(details ->> 'garage_id', 1) AS garage, now()::date - (details ->> 'day')::date AS days_ago, details ->> 'currency' AS currency,
    (details ->> 'revenue')::numeric AS revenue, (details ->> 'median')::numeric AS median, (details ->> 'deviation')::numeric AS deviation, details ->> 'weeks' AS weeks,
    subject = concat_ws(' ', details ->> 'garage_id', details ->> 'day', details ->> 'currency') AS named
FROM open WHERE rule = 'revenue_outlier' ORDER BY 1, 2, 3;
TABLE outliers;
-- Beside the definition, computed one step after the other.
WITH revenue AS (SELECT garage_id, currency, payment_date::date AS day, sum(amount) AS amount FROM payments GROUP BY 1, 2, 3),
past AS (
    SELECT d.garage_id, d.currency, d.day, ARRAY(SELECT coalesce((SELECT r.amount FROM revenue r WHERE (r.garage_id, r.currency, r.day) = (d.garage_id, d.currency, d.day - 7 * w)), 0)
        FROM generate_series(1, 12) w WHERE d.day - 7 * w >= d.first_day) AS amounts
    FROM (SELECT garage_id, currency, now()::date - n AS day, min(day) FILTER (WHERE day >= now()::date - 92) AS first_day FROM revenue, generate_series(1, 7) n GROUP BY 1, 2, 3) d
),
judged AS (
    SELECT p.*, m.median, (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(a - m.median)) FROM unnest(p.amounts) a) AS mad,
        coalesce((SELECT r.amount FROM revenue r WHERE (r.garage_id, r.currency, r.day) = (p.garage_id, p.currency, p.day)), 0) AS amount
    FROM past p, LATERAL (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a) AS median FROM unnest(p.amounts) a) m
    WHERE cardinality(p.amounts) >= 6
)
SELECT count(*) AS judged, count(*) FILTER (WHERE far) AS far, count(*) FILTER (WHERE far <> (o.rule IS NOT NULL)) AS different
FROM (SELECT *, abs(amount - median) > 5 * greatest(1.4826 * mad, 0.05 * abs(median)) AND greatest(mad, abs(median)) > 0 AS far FROM judged) j
LEFT JOIN open o ON o.rule = 'revenue_outlier' AND o.subject = concat_ws(' ', j.garage_id, to_char(j.day, 'YYYY-MM-DD'), j.currency);
SELECT vend.set_alert_rule('revenue_outlier', '{"deviations": 20}');
SELECT vend_internal.check_alerts('{}');
SELECT garage, days_ago FROM outliers;
SELECT vend.set_alert_rule('revenue_outlier', '{"deviations": null, "days": 1, "least_weeks": 2}');
SELECT vend_internal.check_alerts('{}');
SELECT garage, days_ago, weeks FROM outliers;
-- What is put right is clear.
UPDATE payments SET amount = 100 WHERE payment_date::date = now()::date - 1;
SELECT vend_internal.check_alerts('{}');
TABLE outliers;
SELECT vend.set_alert_rule('revenue_outlier', '{"deviations": null, "days": null, "least_weeks": null}');
COMMIT;
TRUNCATE vend_internal.alerts;

-- A rule that cannot be checked does not keep the others from it.
BEGIN;
SELECT job('view', 'refresh', 'alarm.monthly'), job('paused', 'verify', NULL);
UPDATE vend_internal.jobs SET timezone = 'Mars/Olympus' WHERE job = 'view';
UPDATE vend_internal.jobs SET is_paused = true, pause_reason = 'by hand' WHERE job = 'paused';
SELECT vend_internal.check_alerts('{}');
SELECT rule, subject, details FROM open WHERE rule <> 'revenue_outlier';
DELETE FROM vend_internal.jobs;
SELECT vend_internal.check_alerts('{}');
SELECT * FROM history WHERE rule <> 'revenue_outlier';
COMMIT;

-- Alerts are forgotten three months after they were cleared, or as the job says; open ones never.
TRUNCATE vend_internal.alerts;
SELECT vend.set_alert_rule('revenue_outlier', is_enabled => false), vend.set_alert_rule('report_stale', is_enabled => false);
INSERT INTO vend_internal.alerts (rule, subject, raised_at, cleared_at, details)
SELECT 'job_failed', n::text, now() - interval '1 year', now() - n * interval '1 day', '{}' FROM unnest(ARRAY[1, 89, 91]) n;
SELECT vend_internal.check_alerts('{}');
SELECT array_agg(subject ORDER BY subject) FROM vend.alerts;
SELECT vend_internal.check_alerts('{"keep": "2 days"}');
SELECT array_agg(subject ORDER BY subject) FROM vend.alerts;

-- Metrics: names and labels are what a scraper accepts, none comes twice.
SELECT job('m"1', 'refresh', 'garage_orders'), run('m"1', 'succeeded', '1 minute', 2, keys => 3), run('m"1', 'failed', '30 seconds', 1),
    job('m2', 'verify', NULL), job('m3', 'verify', NULL);
UPDATE vend_internal.jobs SET is_paused = true, failures = 2 WHERE job = 'm2';
INSERT INTO orders VALUES (100, g(1), '2026-01-01');
SELECT vend_internal.check_alerts('{}');
SELECT name, labels, CASE WHEN name LIKE '%age%' THEN value >= 0 ELSE value = round(value) END AS sound, CASE WHEN name NOT LIKE '%age%' THEN round(value) END AS value
FROM vend.metrics()
WHERE coalesce(labels ->> 'rollup', '') IN ('', 'garage_orders') AND name <> 'vend_scheduler_running'
ORDER BY name, labels;
SELECT count(*) - count(DISTINCT (name, labels)) AS twice, count(*) FILTER (WHERE name !~ '^vend_[a-z_]+$') AS misnamed,
    count(*) FILTER (WHERE value IS NULL OR jsonb_typeof(labels) <> 'object') AS without_value,
    count(*) FILTER (WHERE name = 'vend_scheduler_running' AND value IN (0, 1)) AS schedulers
FROM vend.metrics();

-- Nobody sees any of it but the DBA; who is given metrics needs nothing else. Everybody may listen.
CREATE ROLE alarm_app IN ROLE vend_api;
CREATE ROLE alarm_bi IN ROLE vend_bi;
CREATE ROLE alarm_scraper;
CREATE FUNCTION try(role name, command text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    EXECUTE command;
    RESET ROLE;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate;
END $$;
SELECT t.command, try('alarm_app', t.command) AS app, try('alarm_bi', t.command) AS bi
FROM (VALUES ('TABLE vend.jobs'), ('TABLE vend.job_runs'), ('TABLE vend.job_stats'), ('TABLE vend.alerts'), ('TABLE vend.alert_rules'), ('TABLE vend_internal.alerts'),
    ('SELECT vend.metrics()'), ('SELECT vend.set_alert_rule(''job_failed'', is_enabled => false)'), ('SELECT vend_internal.check_alerts(''{}'')'),
    ('SELECT vend_internal.settle_alerts(''job_failed'', ''{}'')'), ('DELETE FROM vend_internal.alert_settings'), ('LISTEN vend_alerts')) AS t(command)
ORDER BY t.command;
UNLISTEN *;
GRANT EXECUTE ON FUNCTION vend.metrics() TO alarm_scraper;
SET ROLE alarm_scraper;
SELECT count(*) > 20 AS metrics FROM vend.metrics();
SELECT count(*) FROM vend.alerts;
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
SET ROLE vend_owner;
SELECT vend_internal.check_alerts('{}');
SELECT count(*) AS open FROM vend.alerts WHERE cleared_at IS NULL;
RESET ROLE;

DELETE FROM vend_internal.jobs;
TRUNCATE vend_internal.alerts, vend_internal.job_runs, vend_internal.alert_settings;
SELECT vend.drop_rollup('garage_orders'), vend.drop_rollup('order_garages');
SELECT vend.detach();
REVOKE EXECUTE ON FUNCTION vend.metrics() FROM alarm_scraper;
DROP SCHEMA alarm CASCADE;
DROP ROLE alarm_app, alarm_bi, alarm_scraper;
