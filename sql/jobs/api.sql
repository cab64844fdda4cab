-- Scheduling, changing and running jobs. For vend_owner and superusers: a job runs with vend_owner's rights.

CREATE FUNCTION vend_internal.hint_at_scheduler() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT vend_internal.scheduler_runs() THEN
        RAISE NOTICE 'no scheduler runs for this database'
            USING HINT = 'Put vend_analytics into shared_preload_libraries and restart; or call vend.start_scheduler(), which lasts until then.';
    END IF;
END $$;
COMMENT ON FUNCTION vend_internal.hint_at_scheduler() IS 'Tells the caller when nothing would run his jobs.';

CREATE FUNCTION vend_internal.check_job(job text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM vend_internal.jobs j WHERE j.job = check_job.job) THEN
        RAISE EXCEPTION 'there is no job "%"', job USING ERRCODE = '42704', HINT = 'vend.jobs lists them.';
    END IF;
END $$;
COMMENT ON FUNCTION vend_internal.check_job(text) IS 'Raises 42704 unless there is such a job.';

CREATE FUNCTION vend_internal.check_job_options(task text, options jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given record;
    allowed text[] := (SELECT '{misfire, statement_timeout}' || t.options FROM vend_internal.job_tasks t WHERE t.task = check_job_options.task);
    is_valid boolean;
BEGIN
    IF jsonb_typeof(options) <> 'object' THEN
        RAISE EXCEPTION 'options is not an object' USING ERRCODE = '22023', HINT = 'Use {} for none.';
    END IF;
    FOR given IN SELECT e.key, e.value FROM jsonb_each_text(options) e LOOP
        IF given.key <> ALL (allowed) THEN
            RAISE EXCEPTION 'task "%" has no option "%"', task, given.key USING ERRCODE = '22023',
                HINT = format('Use %s.', array_to_string(allowed, ', '));
        END IF;
        BEGIN
            is_valid := CASE given.key
                WHEN 'misfire' THEN given.value IN ('once', 'skip')
                WHEN 'statement_timeout' THEN given.value::interval BETWEEN interval '0' AND interval '20 days'
                WHEN 'concurrently' THEN given.value::boolean IS NOT NULL
                WHEN 'repair' THEN given.value::boolean IS NOT NULL
                WHEN 'sample' THEN given.value::numeric > 0 AND given.value::numeric <= 100
                WHEN 'keep' THEN given.value::interval >= interval '0'
                ELSE true END;
        EXCEPTION WHEN data_exception THEN
            is_valid := false;
        END;
        IF is_valid IS NOT TRUE THEN
            RAISE EXCEPTION 'option "%" cannot be "%"', given.key, given.value USING ERRCODE = '22023',
                HINT = CASE given.key
                    WHEN 'misfire' THEN 'Use once or skip.'
                    WHEN 'sample' THEN 'Give a percentage: more than 0 and at most 100.'
                    WHEN 'keep' THEN 'Give an interval such as 30 days.'
                    WHEN 'statement_timeout' THEN 'Give an interval of up to 20 days; 0 means no limit.'
                    ELSE 'Use true or false.' END;
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION vend_internal.check_job_options(text, jsonb) IS 'Raises 22023 for an option that a task does not have or that makes no sense.';

CREATE FUNCTION vend_internal.first_due(schedule text, timezone text) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    due timestamptz := vend_internal.next_due(schedule, timezone, clock_timestamp());
BEGIN
    IF due IS NULL THEN
        RAISE EXCEPTION 'schedule "%" is never due', schedule USING ERRCODE = '22023', HINT = 'Give one that has a time in the future.';
    END IF;
    RETURN due;
END $$;
COMMENT ON FUNCTION vend_internal.first_due(text, text) IS 'When a schedule is due next; 22023: never.';

CREATE FUNCTION vend.schedule(
    job text, schedule text, task text, target text DEFAULT NULL, options jsonb DEFAULT '{}', timezone text DEFAULT 'UTC'
) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    name text := btrim(schedule.job, E' \t\r\n');
BEGIN
    IF job IS NULL OR schedule.schedule IS NULL OR task IS NULL OR options IS NULL OR timezone IS NULL THEN
        RAISE EXCEPTION 'job, schedule, task, options and timezone must not be NULL' USING ERRCODE = '22004',
            HINT = 'Only target may be: a refresh or verification is then of every rollup.';
    END IF;
    IF name = '' OR octet_length(name) > 100 THEN
        RAISE EXCEPTION 'job cannot be named "%"', name USING ERRCODE = '22023', HINT = 'Use 1 to 100 bytes.';
    END IF;
    IF NOT EXISTS (SELECT FROM vend_internal.job_tasks t WHERE t.task = schedule.task) THEN
        RAISE EXCEPTION 'unknown task "%"', task USING ERRCODE = '22023',
            HINT = format('Use %s.', (SELECT string_agg(t.task, ', ' ORDER BY t.task) FROM vend_internal.job_tasks t));
    END IF;
    PERFORM vend_internal.check_job_options(task, options);
    PERFORM vend_internal.check_job_target(task, target);
    INSERT INTO vend_internal.jobs (job, schedule, timezone, task, target, options, armed_system, armed_database, next_due)
    SELECT name, schedule.schedule, schedule.timezone, schedule.task, schedule.target, schedule.options,
        s.system_identifier, d.oid, vend_internal.first_due(schedule.schedule, timezone)
    FROM pg_control_system() s, pg_database d WHERE d.datname = current_database()
    ON CONFLICT ON CONSTRAINT jobs_pkey DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'job "%" exists', name USING ERRCODE = '42710',
            HINT = 'vend.alter_job() changes it, vend.unschedule() removes it.';
    END IF;
    PERFORM vend_internal.wake_scheduler();
    PERFORM vend_internal.hint_at_scheduler();
    RETURN name;
END $$;
COMMENT ON FUNCTION vend.schedule(text, text, text, text, jsonb, text) IS
    'Has a task done on a schedule (cron or "every 5 minutes", in the zone): refresh, verify, retention or check_alerts. Returns '
    'the job''s name. target: a rollup, for refresh also a materialized view; NULL: every rollup. Options of each task: misfire '
    '(once or skip, what is more than a minute late), statement_timeout. 22023: bad schedule, zone, task or option; 42704: no such '
    'target; 42710: the job exists; 42501: a materialized view that the worker must not refresh; 22004: NULL.';

CREATE FUNCTION vend.schedule_refresh(target text, schedule text, concurrently boolean DEFAULT true, timezone text DEFAULT 'UTC')
RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    view regclass := vend_internal.materialized_view(target);
BEGIN
    IF target IS NULL OR schedule_refresh.concurrently IS NULL THEN
        RAISE EXCEPTION 'target and concurrently must not be NULL' USING ERRCODE = '22004',
            HINT = 'vend.schedule() with the task refresh and no target refreshes every rollup.';
    END IF;
    IF schedule_refresh.concurrently AND view IS NOT NULL AND NOT EXISTS (SELECT FROM vend_internal.rollups r WHERE r.name = target)
        AND NOT vend_internal.is_refreshed_concurrently(view)
    THEN
        RAISE WARNING 'materialized view "%" will be locked while it is refreshed', view
            USING HINT = 'With data in it, and a unique index on columns of all its rows, it can be read meanwhile.';
    END IF;
    RETURN vend.schedule('refresh ' || target, schedule, 'refresh', target,
        CASE WHEN schedule_refresh.concurrently THEN '{}' ELSE '{"concurrently": false}' END::jsonb, timezone);
END $$;
COMMENT ON FUNCTION vend.schedule_refresh(text, text, boolean, text) IS
    'Refreshes a rollup, or a materialized view, on a schedule: the latter while it is read where it has a unique index, else with a '
    'warning now and its lock then. Its owner must be no superuser and have vend_worker as a member. Errors as vend.schedule().';

CREATE FUNCTION vend.alter_job(
    job text, schedule text DEFAULT NULL, target text DEFAULT NULL, options jsonb DEFAULT NULL, timezone text DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    changed vend_internal.jobs;
BEGIN
    PERFORM vend_internal.check_job(alter_job.job);
    SELECT * INTO changed FROM vend_internal.jobs j WHERE j.job = alter_job.job FOR UPDATE;
    changed.schedule := coalesce(alter_job.schedule, changed.schedule);
    changed.timezone := coalesce(alter_job.timezone, changed.timezone);
    IF alter_job.options IS NOT NULL THEN
        PERFORM vend_internal.check_job_options(changed.task, alter_job.options);
    END IF;
    PERFORM vend_internal.check_job_target(changed.task, coalesce(alter_job.target, changed.target));
    UPDATE vend_internal.jobs j SET schedule = changed.schedule, timezone = changed.timezone,
        options = coalesce(alter_job.options, j.options),
        target = coalesce(alter_job.target, j.target),
        next_due = CASE WHEN (j.schedule, j.timezone) = (changed.schedule, changed.timezone) THEN j.next_due
            ELSE vend_internal.first_due(changed.schedule, changed.timezone) END
    WHERE j.job = alter_job.job;
    PERFORM vend_internal.wake_scheduler();
    PERFORM vend_internal.hint_at_scheduler();
END $$;
COMMENT ON FUNCTION vend.alter_job(text, text, text, jsonb, text) IS
    'Changes what is not NULL of a job. 42704: no such job or target; 22023: bad schedule, zone or option; 42501 as vend.schedule().';

CREATE FUNCTION vend.pause_job(job text, reason text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM vend_internal.check_job(pause_job.job);
    UPDATE vend_internal.jobs j SET is_paused = true,
        pause_reason = coalesce(pause_job.reason, format('paused by %s', session_user))
    WHERE j.job = pause_job.job;
END $$;
COMMENT ON FUNCTION vend.pause_job(text, text) IS
    'Keeps a job from running until vend.resume_job(); a run that is under way ends after its batch. 42704: no such job.';

CREATE FUNCTION vend.resume_job(job text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM vend_internal.check_job(resume_job.job);
    -- Also in a restored or copied database: from now on it is of this one.
    UPDATE vend_internal.jobs j SET is_paused = false, pause_reason = NULL, failures = 0, retry_at = NULL,
        armed_system = s.system_identifier, armed_database = d.oid, next_due = vend_internal.first_due(j.schedule, j.timezone)
    FROM pg_control_system() s, pg_database d
    WHERE d.datname = current_database() AND j.job = resume_job.job;
    PERFORM vend_internal.wake_scheduler();
    PERFORM vend_internal.hint_at_scheduler();
END $$;
COMMENT ON FUNCTION vend.resume_job(text) IS
    'Lets a paused job run again, from its next time on; after a restore or copy this is what schedules it here. 42704: no such job.';

CREATE FUNCTION vend.unschedule(job text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM vend_internal.check_job(unschedule.job);
    DELETE FROM vend_internal.jobs j WHERE j.job = unschedule.job;
END $$;
COMMENT ON FUNCTION vend.unschedule(text) IS
    'Removes a job; a run that is under way ends after its batch, and what is known of its runs stays. 42704: no such job.';

CREATE FUNCTION vend.run_job(job text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM vend_internal.check_job(run_job.job);
    IF EXISTS (SELECT FROM vend.job_runs r WHERE r.job = run_job.job AND r.status = 'running') THEN
        RAISE EXCEPTION 'job "%" is running', job USING ERRCODE = '55P03', HINT = 'vend.job_runs shows how far it is.';
    END IF;
    PERFORM vend_internal.start_job(run_job.job);
END $$;
COMMENT ON FUNCTION vend.run_job(text) IS
    'Starts a run of a job now, in a process of its own, paused or not; vend.job_runs shows it. The schedule stays as it is. 42704: '
    'no such job (or it is not committed yet). 55P03: it is running. 53400: no worker slot is free.';

COMMENT ON FUNCTION vend.start_scheduler() IS
    'Runs this database''s jobs until the server restarts, where vend_analytics is not in shared_preload_libraries. 53400: no worker '
    'slot is free. 25006: this is a standby.';

CREATE FUNCTION vend_internal.schedule_reports() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM vend.schedule_refresh(r.name, 'every 5 minutes')
    FROM (SELECT r.name FROM vend_internal.rollups r WHERE r.built_in ORDER BY r.name) AS r
    WHERE NOT EXISTS (SELECT FROM vend_internal.jobs j WHERE (j.task, j.target) = ('refresh', r.name));
END $$;
COMMENT ON FUNCTION vend_internal.schedule_reports() IS 'Refreshes what the reports stand on every five minutes; what has a job keeps it.';

-- Whoever installs it does not wait for the launcher's next look.
SELECT vend_internal.wake_scheduler();
