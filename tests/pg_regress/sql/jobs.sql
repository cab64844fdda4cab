-- Scheduling: what is taken, what is refused and how it says so. What jobs do is tested where servers can be stopped (tests/tap).
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT count(*) > 0 AS demo FROM vend.create_demo('vend_jobs', garages => 1, customers_per_garage => 2, months => 1);
-- Reports are refreshed every five minutes if attach is told so, and once however often it is.
SELECT count(*) > 0 AS attached FROM vend.attach('vend_jobs', schedule => true);
SELECT count(*) > 0 AS attached FROM vend.attach('vend_jobs', schedule => true);
SELECT job, schedule, timezone, task, target, options, is_paused, failures, next_due > created_at AS is_due_later FROM vend.jobs ORDER BY job;
SELECT vend.attach('vend_jobs', schedule => NULL);
\echo :LAST_ERROR_SQLSTATE

SELECT vend.schedule('  nightly check ', 'every 700 hours', 'verify', 'daily_revenue', '{"sample": 10, "repair": true, "misfire": "skip"}', 'Europe/Berlin');
SELECT vend.schedule('everything', 'every 700 hours', 'refresh');
SELECT vend.schedule('old runs', 'every 700 hours', 'retention', options => '{"keep": "90 days", "statement_timeout": "5 min"}');
SELECT job, task, target, options, timezone FROM vend.jobs WHERE NOT job LIKE 'refresh%' ORDER BY job;

SELECT vend.schedule('everything', 'every 700 hours', 'refresh');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.schedule('x', 'every 700 hours', 'vacuum');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY sqlstate
SELECT vend.schedule('x', 'every now and then', 'refresh');
SELECT vend.schedule('x', 'every 700 hours', 'refresh', timezone => 'Mars/Olympus');
\set VERBOSITY default
SELECT vend.schedule('x', 'every 700 hours', 'refresh', 'payments');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.schedule('x', 'every 700 hours', 'verify', 'vend_jobs.payments');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.schedule('x', 'every 700 hours', 'retention', 'daily_revenue');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.schedule('x', 'every 700 hours', 'refresh', options => '{"sample": 1}');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.schedule('x', 'every 700 hours', 'verify', options => '{"sample": 0}');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.schedule('x', 'every 700 hours', 'verify', options => '{"repair": "perhaps"}');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.schedule('x', 'every 700 hours', 'verify', options => '{"misfire": "twice"}');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.schedule('x', 'every 700 hours', 'retention', options => '{"keep": null}');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.schedule('x', 'every 700 hours', 'retention', options => '{"statement_timeout": "a year or so"}');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.schedule('x', 'every 700 hours', 'retention', options => '[]');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.schedule(E' \t\n', 'every 700 hours', 'refresh');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.schedule(repeat('ü', 51), 'every 700 hours', 'refresh');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.schedule('x', NULL, 'refresh');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.schedule(repeat('ü', 50), 'every 700 hours', 'refresh') = repeat('ü', 50) AS longest;
SELECT vend.unschedule(repeat('ü', 50));

-- Materialized views: the worker's own rights must do, and what is protected stays so.
CREATE ROLE regress_viewer;
CREATE SCHEMA regress_views AUTHORIZATION regress_viewer;
CREATE TABLE regress_views.secret (garage_id uuid);
GRANT SELECT ON regress_views.secret TO regress_viewer;
CREATE VIEW regress_views.over_secret AS SELECT * FROM regress_views.secret;
ALTER VIEW regress_views.over_secret OWNER TO regress_viewer;
CREATE MATERIALIZED VIEW regress_views.ours AS SELECT 1 AS one;
SET ROLE regress_viewer;
CREATE MATERIALIZED VIEW regress_views."A b" AS SELECT 1 AS one;
CREATE MATERIALIZED VIEW regress_views.of_secret AS SELECT * FROM regress_views.over_secret;
CREATE FUNCTION regress_views.secrets() RETURNS SETOF uuid LANGUAGE sql STABLE BEGIN ATOMIC SELECT garage_id FROM regress_views.over_secret; END;
CREATE VIEW regress_views.by_function AS SELECT * FROM regress_views.secrets();
CREATE MATERIALIZED VIEW regress_views.of_function AS SELECT * FROM regress_views.by_function;
CREATE TABLE regress_views.plain (one int);
RESET ROLE;
SELECT vend.schedule_refresh('regress_views.ours', 'every 700 hours');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.schedule_refresh('regress_views."A b"', 'every 700 hours', false);
\echo :LAST_ERROR_SQLSTATE
GRANT regress_viewer TO vend_worker;
SELECT vend.schedule_refresh('regress_views."A b"', 'every 700 hours');
CREATE UNIQUE INDEX ON regress_views."A b" (one);
SELECT vend.unschedule('refresh regress_views."A b"');
SELECT vend.schedule_refresh('regress_views."A b"', 'every 700 hours');
SELECT vend.schedule_refresh('regress_views.of_secret', 'every 700 hours', false);
SELECT vend.unschedule('refresh regress_views.of_secret');
ALTER TABLE regress_views.secret ENABLE ROW LEVEL SECURITY;
SELECT vend.schedule_refresh('regress_views.of_secret', 'every 700 hours', false);
SELECT vend.schedule_refresh('regress_views.of_function', 'every 700 hours', false);
\echo :LAST_ERROR_SQLSTATE
SELECT vend.schedule_refresh('regress_views.plain', 'every 700 hours');
\echo :LAST_ERROR_SQLSTATE

-- Changing.
SELECT vend.alter_job('everything', 'every 600 hours', 'daily_revenue', '{"misfire": "once"}', 'Asia/Kathmandu');
SELECT job, schedule, timezone, task, target, options FROM vend.jobs WHERE job = 'everything';
SELECT vend.alter_job('everything', target => 'nothing');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY sqlstate
SELECT vend.alter_job('everything', schedule => '');
\set VERBOSITY default
SELECT vend.pause_job('everything', 'for the test');
SELECT is_paused, pause_reason, next_due FROM vend.jobs WHERE job = 'everything';
SELECT vend.resume_job('everything');
SELECT is_paused, pause_reason, next_due > now() AS is_due_later FROM vend.jobs WHERE job = 'everything';
SELECT vend.alter_job('nothing'), 1;
\echo :LAST_ERROR_SQLSTATE
SELECT vend.pause_job('nothing');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.resume_job(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT vend.run_job('nothing');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.unschedule('nothing');
\echo :LAST_ERROR_SQLSTATE

-- A job of another cluster or database is paused until it is resumed.
UPDATE vend_internal.jobs SET armed_system = armed_system + 1 WHERE job = 'old runs';
UPDATE vend_internal.jobs SET armed_database = 1 WHERE job = 'nightly check';
SELECT job, is_paused, pause_reason, next_due FROM vend.jobs WHERE is_paused ORDER BY job;
SELECT vend.resume_job('old runs');
SELECT job, is_paused FROM vend.jobs WHERE job IN ('old runs', 'nightly check') ORDER BY job;

-- What a failure makes of a job: tried again at once, later, or paused. No worker takes these: nothing of them is due.
CREATE FUNCTION pg_temp.fail(sqlstate text) RETURNS TABLE (status text, failures int, is_paused boolean, pause_reason text, is_retried boolean)
LANGUAGE plpgsql AS $$
DECLARE
    taken bigint := (SELECT t.run FROM vend_internal.take_job('old runs', true, (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid())) t);
BEGIN
    PERFORM vend_internal.finish_run(taken, sqlstate, CASE WHEN sqlstate IS NOT NULL THEN 'it failed' END);
    UPDATE vend_internal.jobs j SET retry_at = j.retry_at + interval '1 day' WHERE j.job = 'old runs';
    RETURN QUERY SELECT r.status, j.failures, j.is_paused, j.pause_reason, j.retry_at IS NOT NULL
    FROM vend_internal.jobs j, vend_internal.job_runs r WHERE j.job = 'old runs' AND r.run = taken;
END $$;
BEGIN;
SELECT * FROM pg_temp.fail('40001');
SELECT * FROM pg_temp.fail('57P01');
SELECT * FROM pg_temp.fail('57014');
SELECT * FROM pg_temp.fail('22012');
SELECT * FROM pg_temp.fail(NULL);
SELECT * FROM pg_temp.fail('42501');
-- It runs by hand while it is paused, and only its next success counts.
SELECT * FROM pg_temp.fail(NULL);
SELECT job, status, sqlstate, message, batches, keys, rows FROM vend.job_runs WHERE job = 'old runs' ORDER BY run;
SELECT job, runs, succeeded, failed, crashed, interrupted, waits, keys, rows, last_error FROM vend.job_stats WHERE job = 'old runs';
ROLLBACK;

-- What is kept of an error names things, but does not quote data.
SELECT vend_internal.without_values(e.sqlstate, e.message) FROM (VALUES
    ('22P02', 'invalid input syntax for type integer: "ada@example.com"'), ('22007', 'cut off at "some length'),
    ('P0001', 'no "B-AB 12" in "North"'), ('22023', 'time zone "Mars/Olympus" is not known'),
    ('23505', 'duplicate key value violates unique constraint "users_email_key"')) AS e(sqlstate, message);

-- Nobody else sees or does anything of it; the worker may call its own functions and nothing more.
CREATE ROLE regress_nobody;
SET ROLE regress_nobody;
SELECT vend.schedule('x', 'every 700 hours', 'refresh');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.start_scheduler();
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM vend.job_runs;
\echo :LAST_ERROR_SQLSTATE
SET ROLE vend_worker;
SELECT * FROM vend_internal.jobs;
\echo :LAST_ERROR_SQLSTATE
SELECT vend_internal.execute_as_owner('SELECT 1');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.refresh();
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
SELECT p.oid::regprocedure AS for_the_worker FROM pg_proc p
WHERE EXISTS (SELECT FROM aclexplode(p.proacl) a WHERE a.grantee = 'vend_worker'::regrole) ORDER BY p.oid::regprocedure::text;

-- Its settings.
SELECT name, setting, unit, context, short_desc FROM pg_settings WHERE name LIKE 'vend_analytics.%' AND short_desc ~ 'job|batch|launcher|runs|run ' ORDER BY name;
SET vend_analytics.max_running_jobs = 3;
\echo :LAST_ERROR_SQLSTATE
SET vend_analytics.max_runing_jobs = 3;
\echo :LAST_ERROR_SQLSTATE

SELECT vend.unschedule(job) FROM vend.jobs;
SELECT vend.detach();
DROP SCHEMA regress_views, vend_jobs CASCADE;
REVOKE regress_viewer FROM vend_worker;
DROP ROLE regress_viewer, regress_nobody;
