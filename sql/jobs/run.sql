-- What the workers do, step by step: they are vend_worker and may call these and nothing else. Everything that a run is to
-- leave is in the transaction that does it.

CREATE FUNCTION vend_internal.settle_runs(only_job text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    dead record;
BEGIN
    FOR dead IN
        SELECT r.run, r.job FROM vend_internal.job_runs r
        WHERE r.status = 'running' AND (only_job IS NULL OR r.job = only_job) AND NOT vend_internal.process_lives(r.pid, r.process_start)
    LOOP
        -- Whoever changes both locks the job before its runs.
        PERFORM FROM vend_internal.jobs j WHERE j.job = dead.job FOR UPDATE;
        UPDATE vend_internal.job_runs r SET status = 'crashed', finished_at = clock_timestamp(), message = 'its process is gone'
        WHERE r.run = dead.run AND r.status = 'running';
        -- Soon at first: it is seldom the job that is to blame.
        UPDATE vend_internal.jobs j SET failures = j.failures + 1,
            retry_at = clock_timestamp() + least(interval '1 second' * 2 ^ least(j.failures, 12), interval '1 hour')
        WHERE FOUND AND j.job = dead.job;
    END LOOP;
END $$;
COMMENT ON FUNCTION vend_internal.settle_runs(text) IS 'Closes the runs whose processes are gone; their jobs are tried again soon.';

-- A job that is to skip what it missed is not run more than a minute late.
CREATE FUNCTION vend_internal.jobs_to_start() RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM vend_internal.settle_runs();
    -- Of one snapshot: none becomes due after it was asked whether it is too late.
    RETURN QUERY
    WITH skipped AS (
        UPDATE vend_internal.jobs j SET next_due = vend_internal.next_due(j.schedule, j.timezone, clock_timestamp())
        FROM vend_internal.due_jobs d
        WHERE d.job = j.job AND j.retry_at IS NULL
            AND NOT vend_internal.still_runs(coalesce(j.options ->> 'misfire', 'once'), j.next_due, clock_timestamp(), interval '1 minute')
        RETURNING j.job)
    SELECT d.job FROM vend_internal.due_jobs d
    WHERE d.due_at <= clock_timestamp() AND d.job NOT IN (SELECT s.job FROM skipped s)
    ORDER BY d.due_at, d.job;
END $$;
COMMENT ON FUNCTION vend_internal.jobs_to_start() IS 'The jobs that are due, the one that has waited longest first.';

-- Those that were started say themselves when they are done.
CREATE FUNCTION vend_internal.after_start(started text[], without_slot text[]) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    waits int;
    next timestamptz;
BEGIN
    PERFORM vend_internal.keep_refusals();
    IF cardinality(without_slot) > 0 THEN
        INSERT INTO vend_internal.job_runs AS r (job, task, target, due_at, started_at, status, batches, message)
        SELECT d.job, d.task, d.target, d.due_at, clock_timestamp(), 'waiting', 1, 'no worker slot is free: raise max_worker_processes'
        FROM vend_internal.due_jobs d WHERE d.job = ANY (without_slot)
        ON CONFLICT (job) WHERE status = 'waiting' AND finished_at IS NULL DO UPDATE SET batches = r.batches + 1;
        SELECT max(r.batches) INTO waits FROM vend_internal.job_runs r WHERE r.status = 'waiting' AND r.finished_at IS NULL AND r.job = ANY (without_slot);
    END IF;
    SELECT min(d.due_at) INTO next FROM vend_internal.due_jobs d WHERE d.job <> ALL (started || without_slot);
    RETURN least(next, CASE WHEN waits IS NOT NULL
        THEN clock_timestamp() + least(interval '1 second' * 2 ^ least(waits - 1, 6), interval '1 minute') END);
END $$;
COMMENT ON FUNCTION vend_internal.after_start(text[], text[]) IS
    'Notes the jobs that found no worker slot, once; returns when the scheduler has to look again, NULL: not before it is woken.';

-- Of several processes that were started for a job one gets it; the others get no row.
CREATE FUNCTION vend_internal.take_job(job text, by_hand boolean, process_start timestamptz)
RETURNS TABLE (run bigint, timeout int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    due timestamptz;
    -- One instant for all: a time between two would be of no run.
    at timestamptz;
BEGIN
    PERFORM FROM vend_internal.jobs j WHERE j.job = take_job.job FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    PERFORM vend_internal.settle_runs(take_job.job);
    SELECT d.due_at INTO due FROM vend_internal.due_jobs d WHERE d.job = take_job.job;
    at := clock_timestamp();
    IF NOT take_job.by_hand AND (due <= at) IS NOT TRUE THEN
        RETURN;
    END IF;
    INSERT INTO vend_internal.job_runs (job, task, target, due_at, started_at, status, pid, process_start, postmaster_start)
    SELECT j.job, j.task, j.target, CASE WHEN due <= at THEN due END, at, 'running', pg_backend_pid(),
        take_job.process_start, pg_postmaster_start_time()
    FROM vend_internal.jobs j WHERE j.job = take_job.job
    ON CONFLICT (job) WHERE status = 'running' DO NOTHING
    RETURNING job_runs.run INTO run;
    IF run IS NULL THEN
        RETURN;
    END IF;
    UPDATE vend_internal.job_runs r SET finished_at = at
    WHERE r.job = take_job.job AND r.status = 'waiting' AND r.finished_at IS NULL;
    -- However many times were missed, this is the run for all of them.
    UPDATE vend_internal.jobs j SET retry_at = NULL, next_due = CASE WHEN j.next_due <= at
        THEN vend_internal.next_due(j.schedule, j.timezone, at) ELSE j.next_due END
    WHERE j.job = take_job.job
    RETURNING 1000 * extract(epoch FROM (j.options ->> 'statement_timeout')::interval) INTO timeout;
    RETURN NEXT;
END $$;
COMMENT ON FUNCTION vend_internal.take_job(text, boolean, timestamptz) IS 'Notes a run of this process; no row: it has nothing to run.';

CREATE FUNCTION vend_internal.run_parts(run bigint)
RETURNS TABLE (kind text, name text, notes bigint, masks bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    work record;
    fault text;
BEGIN
    SELECT r.task, r.target, t.routine, j.options INTO work
    FROM vend_internal.job_runs r
    JOIN vend_internal.job_tasks t ON t.task = r.task
    JOIN vend_internal.jobs j ON j.job = r.job
    WHERE r.run = run_parts.run;
    IF work.routine IS NOT NULL THEN
        RETURN QUERY SELECT 'routine', work.task, 0::bigint, 0::bigint;
        RETURN;
    END IF;
    PERFORM vend_internal.check_job_target(work.task, work.target);
    IF work.target IS NOT NULL AND NOT EXISTS (SELECT FROM vend_internal.rollups r WHERE r.name = work.target) THEN
        RETURN QUERY
        SELECT 'statement', format('REFRESH MATERIALIZED VIEW %s%s', CASE WHEN (work.options ->> 'concurrently')::boolean IS NOT FALSE
            AND vend_internal.is_refreshed_concurrently(v) THEN 'CONCURRENTLY ' ELSE '' END, v), 0::bigint, 0::bigint
        FROM vend_internal.materialized_view(work.target) v;
        RETURN;
    END IF;
    FOR name IN SELECT r.name FROM vend_internal.rollups r WHERE work.target IS NULL OR r.name = work.target ORDER BY r.name LOOP
        -- One that cannot be kept does not hold up the others.
        fault := CASE WHEN work.target IS NULL AND work.task = 'refresh' THEN vend_internal.capture_fault(name) END;
        IF fault IS NOT NULL THEN
            RAISE WARNING 'rollup "%" is not refreshed: %', name, fault;
            CONTINUE;
        END IF;
        kind := work.task;
        notes := CASE work.task WHEN 'refresh' THEN (SELECT n.notes FROM vend_internal.pending_notes(name) n) ELSE 0 END;
        masks := (SELECT count(*) FROM vend_internal.rollup_masks m WHERE m.rollup = name);
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION vend_internal.run_parts(bigint) IS
    'What a run consists of: rollups to refresh or verify, a statement, or the routine of its task. Raises where the target is gone.';

CREATE FUNCTION vend_internal.run_is_wanted(run bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (
        SELECT FROM vend_internal.job_runs r JOIN vend_internal.jobs j ON j.job = r.job
        WHERE r.run = $1 AND r.status = 'running' AND (NOT j.is_paused OR r.due_at IS NULL));
END;
COMMENT ON FUNCTION vend_internal.run_is_wanted(bigint) IS 'Whether the job is still there and was not paused; one run by hand may be.';

CREATE FUNCTION vend_internal.add_to_run(run bigint, keys bigint DEFAULT 0, rows bigint DEFAULT 0) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    UPDATE vend_internal.job_runs r SET batches = r.batches + 1, keys = r.keys + coalesce($2, 0), rows = r.rows + coalesce($3, 0)
    WHERE r.run = $1;
END;
COMMENT ON FUNCTION vend_internal.add_to_run(bigint, bigint, bigint) IS 'Counts a batch.';

-- A batch is one transaction at repeatable read: a note is deleted only with the rows that were computed for it.
CREATE FUNCTION vend_internal.run_batch(
    run bigint, kind text, name text, notes bigint, OUT keys bigint, OUT rows bigint, OUT is_done boolean, OUT is_wanted boolean,
    OUT is_building boolean
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    work record;
BEGIN
    is_done := true;
    is_wanted := vend_internal.run_is_wanted(run_batch.run);
    IF NOT is_wanted THEN
        RETURN;
    END IF;
    SELECT r.target, t.routine, j.options INTO work
    FROM vend_internal.job_runs r
    JOIN vend_internal.job_tasks t ON t.task = r.task
    JOIN vend_internal.jobs j ON j.job = r.job
    WHERE r.run = run_batch.run;
    IF run_batch.kind = 'routine' THEN
        EXECUTE format('SELECT vend_internal.%I($1)', work.routine) USING work.options;
    -- Of all rollups those that somebody else refreshes are left to him.
    ELSIF vend_internal.lock_rollup(run_batch.name, work.target IS NOT NULL) THEN
        IF run_batch.kind = 'refresh' THEN
            SELECT b.keys_refreshed, b.rows_changed, b.is_done INTO keys, rows, is_done
            FROM vend_internal.refresh_batch(run_batch.name, run_batch.notes, in_slices => true) b;
            is_building := EXISTS (SELECT FROM vend_internal.rollup_builds b WHERE b.rollup = run_batch.name);
            UPDATE vend_internal.rollups r SET refreshed_at = clock_timestamp() WHERE r.name = run_batch.name;
        ELSE
            SELECT v.keys_checked, v.keys_wrong INTO keys, rows
            FROM vend.verify(run_batch.name, coalesce((work.options ->> 'sample')::numeric, 100),
                coalesce((work.options ->> 'repair')::boolean, false)) v;
        END IF;
    END IF;
    PERFORM vend_internal.add_to_run(run_batch.run, keys, rows);
END $$;
COMMENT ON FUNCTION vend_internal.run_batch(bigint, text, text, bigint) IS
    'One batch of a part of a run; is_wanted: false when the job was paused or unscheduled meanwhile, and nothing was done.';

-- Errors about data quote it, and so may those that somebody's trigger raises; all others name objects or options.
CREATE FUNCTION vend_internal.without_values(sqlstate text, message text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE WHEN $1 LIKE '22%' AND $1 <> '22023' OR $1 LIKE 'P0%' THEN regexp_replace($2, '"[^"]*("|$)', '"..."', 'g') ELSE $2 END;
END;
COMMENT ON FUNCTION vend_internal.without_values(text, text) IS 'A message as it is kept: without the values that it quotes.';

CREATE FUNCTION vend_internal.finish_run(run bigint, sqlstate text DEFAULT NULL, message text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    name text := (SELECT r.job FROM vend_internal.job_runs r WHERE r.run = finish_run.run);
    class text := vend_internal.failure_class(finish_run.sqlstate);
    kept text := left(vend_internal.without_values(finish_run.sqlstate, finish_run.message), 1000);
BEGIN
    PERFORM FROM vend_internal.jobs j WHERE j.job = name FOR UPDATE;
    UPDATE vend_internal.job_runs r SET finished_at = clock_timestamp(), sqlstate = finish_run.sqlstate, message = kept,
        status = CASE WHEN finish_run.sqlstate IS NULL AND finish_run.message IS NULL THEN 'succeeded'
            WHEN finish_run.sqlstate IS NULL OR class IN ('retry', 'interrupted') THEN 'interrupted' ELSE 'failed' END
    WHERE r.run = finish_run.run AND r.status = 'running';
    -- A scheduler may have taken the process for gone.
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE vend_internal.jobs j SET
        failures = CASE WHEN finish_run.sqlstate IS NULL THEN 0 WHEN class IN ('retry', 'interrupted') THEN j.failures ELSE j.failures + 1 END,
        retry_at = CASE WHEN finish_run.sqlstate IS NOT NULL
            THEN clock_timestamp() + vend_internal.retry_delay(finish_run.sqlstate, j.failures + 1, finish_run.run) END,
        is_paused = j.is_paused OR coalesce(class = 'pause', false),
        pause_reason = CASE WHEN class = 'pause' AND NOT j.is_paused THEN format('%s: %s', finish_run.sqlstate, kept)
            ELSE j.pause_reason END
    WHERE j.job = name;
    DELETE FROM vend_internal.job_runs r
    WHERE r.job = name AND r.status <> 'running' AND r.run <= (
        SELECT o.run FROM vend_internal.job_runs o WHERE o.job = name
        ORDER BY o.run DESC OFFSET coalesce(current_setting('vend_analytics.job_history', true)::int, 1000) LIMIT 1);
END $$;
COMMENT ON FUNCTION vend_internal.finish_run(bigint, text, text) IS
    'Notes how a run ended and when its job is tried again; forgets the oldest runs of the job. A message without SQLSTATE: it was stopped.';

-- While a process ends nothing may wait: what is locked is left to the next scheduler, who sees that the process is gone.
CREATE FUNCTION vend_internal.interrupt_run(run bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    LOCK TABLE vend_internal.job_runs, vend_internal.jobs IN ROW EXCLUSIVE MODE NOWAIT;
    PERFORM FROM vend_internal.job_runs r JOIN vend_internal.jobs j ON j.job = r.job
    WHERE r.run = interrupt_run.run FOR UPDATE NOWAIT;
    PERFORM vend_internal.finish_run(interrupt_run.run, '57P01', 'its process was told to end');
END $$;
COMMENT ON FUNCTION vend_internal.interrupt_run(bigint) IS 'Notes that the process of a run ends because it was told to.';

CREATE FUNCTION vend_internal.prune_runs(options jsonb) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    DELETE FROM vend_internal.job_runs r
    WHERE r.finished_at < now() - coalesce((options ->> 'keep')::interval, interval '30 days');
END;
COMMENT ON FUNCTION vend_internal.prune_runs(jsonb) IS 'The task retention: forgets runs that ended longer ago than keep, 30 days.';
