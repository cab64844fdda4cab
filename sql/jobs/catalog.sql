-- Jobs and their runs. A job is a task of a fixed list and a target, never SQL of somebody's.
CREATE TABLE vend_internal.job_tasks (
    task text PRIMARY KEY,
    -- A function of vend_internal that is called with the job's options; NULL: the job process runs it in batches.
    routine text,
    -- What its options may be called, besides those of every task.
    options text[] NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE vend_internal.job_tasks IS 'What a job can do; filled by the extension''s scripts.';
INSERT INTO vend_internal.job_tasks (task, routine, options) VALUES
    ('refresh', NULL, '{concurrently}'),
    ('verify', NULL, '{sample, repair}'),
    ('retention', 'prune_runs', '{keep}');

CREATE TABLE vend_internal.jobs (
    -- It has to fit into what the postmaster hands on to a process.
    job text PRIMARY KEY CHECK (job = btrim(job) AND octet_length(job) BETWEEN 1 AND 100),
    schedule text NOT NULL,
    timezone text NOT NULL,
    task text NOT NULL REFERENCES vend_internal.job_tasks,
    target text,
    options jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(options) = 'object'),
    created_by name NOT NULL DEFAULT session_user,
    is_paused boolean NOT NULL DEFAULT false,
    pause_reason text,
    -- The cluster and the database for which it was scheduled: in a copy it stays paused.
    armed_system bigint NOT NULL,
    armed_database oid NOT NULL,
    -- NULL: never again.
    next_due timestamptz,
    -- While it is set, it counts instead of next_due.
    retry_at timestamptz,
    -- In a row, without those that are tried again at once.
    failures int NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE vend_internal.jobs IS 'The jobs as they were scheduled, and when each is due next.';

CREATE TABLE vend_internal.job_runs (
    run bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job text NOT NULL,
    task text NOT NULL,
    target text,
    due_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    status text NOT NULL CHECK (status IN ('running', 'succeeded', 'failed', 'crashed', 'interrupted', 'waiting')),
    -- A number that another process has by now started at another time.
    pid int,
    process_start timestamptz,
    postmaster_start timestamptz,
    -- Of a run that waits for a worker slot: how often it was tried.
    batches int NOT NULL DEFAULT 0,
    keys bigint NOT NULL DEFAULT 0,
    rows bigint NOT NULL DEFAULT 0,
    sqlstate text,
    message text
);
COMMENT ON TABLE vend_internal.job_runs IS
    'The runs of jobs: keys recomputed or checked, rows changed or (verify) wrong. A run is noted before it does anything.';
CREATE INDEX job_runs_of_job ON vend_internal.job_runs (job, run);
-- A job never overlaps itself.
CREATE UNIQUE INDEX job_runs_running ON vend_internal.job_runs (job) WHERE status = 'running';
CREATE UNIQUE INDEX job_runs_waiting ON vend_internal.job_runs (job) WHERE status = 'waiting' AND finished_at IS NULL;

SELECT pg_catalog.pg_extension_config_dump('vend_internal.jobs', '');
SELECT pg_catalog.pg_extension_config_dump('vend_internal.job_runs', '');
SELECT pg_catalog.pg_extension_config_dump('vend_internal.job_runs_run_seq', '');

CREATE FUNCTION vend_internal.armed_here(system bigint, database oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT (s.system_identifier, d.oid) = ($1, $2)
    FROM pg_control_system() s, pg_database d
    WHERE d.datname = current_database();
END;
COMMENT ON FUNCTION vend_internal.armed_here(bigint, oid) IS
    'Whether a job was scheduled in this database; in a restored dump, a template''s copy or an upgraded cluster none is.';

CREATE VIEW vend_internal.due_jobs AS
SELECT j.*, coalesce(j.retry_at, j.next_due) AS due_at
FROM vend_internal.jobs j
WHERE NOT j.is_paused AND vend_internal.armed_here(j.armed_system, j.armed_database)
    AND NOT EXISTS (SELECT FROM vend_internal.job_runs r WHERE r.job = j.job AND r.status = 'running');
COMMENT ON VIEW vend_internal.due_jobs IS 'The jobs that run when due_at has come.';

-- Of the whole platform: the scope is in the views, for whoever was let in by a grant.
CREATE VIEW vend.jobs WITH (security_barrier = true) AS
SELECT j.job, j.schedule, j.timezone, j.task, j.target, j.options, j.created_by,
    j.is_paused OR NOT a.is_armed AS is_paused,
    CASE WHEN a.is_armed THEN j.pause_reason
        ELSE 'scheduled in another database: vend.resume_job() schedules it here' END AS pause_reason,
    EXISTS (SELECT FROM vend_internal.job_runs r
        WHERE r.job = j.job AND r.status = 'running' AND vend_internal.process_lives(r.pid, r.process_start)) AS is_running,
    CASE WHEN NOT j.is_paused AND a.is_armed THEN j.next_due END AS next_due,
    CASE WHEN NOT j.is_paused AND a.is_armed THEN j.retry_at END AS retry_at,
    j.failures, j.created_at
FROM vend_internal.jobs j
CROSS JOIN LATERAL (SELECT vend_internal.armed_here(j.armed_system, j.armed_database) AS is_armed) AS a
WHERE (SELECT s.is_visible FROM vend_internal.platform_scope s);
COMMENT ON VIEW vend.jobs IS
    'The scheduled jobs, for super admins. next_due: when the schedule wants it next, NULL while paused; retry_at: when it is tried '
    'again before that; failures: how many runs in a row have failed.';

CREATE VIEW vend.job_runs WITH (security_barrier = true) AS
SELECT r.run, r.job, r.task, r.target, r.due_at, r.started_at, r.finished_at,
    CASE WHEN r.status = 'running' AND NOT vend_internal.process_lives(r.pid, r.process_start) THEN 'crashed' ELSE r.status END AS status,
    coalesce(r.finished_at, clock_timestamp()) - r.started_at AS duration,
    r.pid, r.process_start, r.postmaster_start, r.batches, r.keys, r.rows, r.sqlstate, r.message
FROM vend_internal.job_runs r
WHERE (SELECT s.is_visible FROM vend_internal.platform_scope s);
COMMENT ON VIEW vend.job_runs IS
    'What each run of a job did, for super admins. status: running, succeeded, failed, crashed (its process is gone), interrupted (stopped, or '
    'to be tried again at once), waiting (batches times found no worker slot). verify: keys checked, rows wrong.';

CREATE VIEW vend.job_stats WITH (security_barrier = true) AS
SELECT r.job, count(*) FILTER (WHERE r.status <> 'waiting') AS runs,
    count(*) FILTER (WHERE r.status = 'succeeded') AS succeeded,
    count(*) FILTER (WHERE r.status = 'failed') AS failed,
    count(*) FILTER (WHERE r.status = 'crashed') AS crashed,
    count(*) FILTER (WHERE r.status = 'interrupted') AS interrupted,
    coalesce(sum(r.batches) FILTER (WHERE r.status = 'waiting'), 0) AS waits,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY r.duration) FILTER (WHERE r.status = 'succeeded') AS median_duration,
    max(r.duration) FILTER (WHERE r.status = 'succeeded') AS longest_duration,
    max(r.started_at - r.due_at) AS longest_delay,
    coalesce(sum(r.keys), 0) AS keys, coalesce(sum(r.rows), 0) AS rows,
    max(r.finished_at) FILTER (WHERE r.status = 'succeeded') AS last_success,
    max(r.finished_at) FILTER (WHERE r.status IN ('failed', 'crashed')) AS last_failure,
    (SELECT f.message FROM vend_internal.job_runs f WHERE f.job = r.job AND f.status = 'failed' ORDER BY f.run DESC LIMIT 1) AS last_error
FROM vend.job_runs r
GROUP BY r.job;
COMMENT ON VIEW vend.job_stats IS 'Each job over the runs that are kept, for super admins: how many of which kind, how long they took and what they did.';
