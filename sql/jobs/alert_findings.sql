-- What each rule finds now: a subject that has at most one open alert, and what to know about it.

CREATE FUNCTION vend_internal.find_job_failed(threshold jsonb) RETURNS TABLE (subject text, details jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT j.job, jsonb_build_object('failures', j.failures, 'task', j.task, 'target', j.target, 'last_error', (
        SELECT concat_ws(': ', r.sqlstate, r.message)
        FROM vend_internal.job_runs r
        WHERE r.job = j.job AND r.status IN ('failed', 'crashed')
        ORDER BY r.run DESC
        LIMIT 1))
    FROM vend_internal.jobs j
    WHERE j.failures >= ($1 ->> 'failures')::numeric;
END;

CREATE FUNCTION vend_internal.find_job_paused(threshold jsonb) RETURNS TABLE (subject text, details jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT j.job, jsonb_build_object('reason', j.pause_reason, 'task', j.task, 'target', j.target)
    FROM vend.jobs j
    WHERE j.is_paused;
END;

-- Most refreshes of a rollup find little to do: of a job that has computed keys at all, only the runs that did are compared.
CREATE FUNCTION vend_internal.find_refresh_slow(threshold jsonb) RETURNS TABLE (subject text, details jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT j.job, jsonb_build_object('run', last.run, 'seconds', round(extract(epoch FROM last.duration), 3),
        'median_seconds', round(extract(epoch FROM past.median), 3), 'status', last.status, 'keys', last.keys, 'target', j.target)
    FROM vend_internal.jobs j
    CROSS JOIN LATERAL (
        SELECT r.run, r.duration, r.status, r.keys
        FROM vend.job_runs r
        WHERE r.job = j.job AND r.status IN ('running', 'succeeded')
        ORDER BY r.run DESC
        LIMIT 1
    ) AS last
    CROSS JOIN LATERAL (
        SELECT count(*) AS runs, percentile_cont(0.5) WITHIN GROUP (ORDER BY r.duration) AS median
        FROM (
            SELECT r.duration, r.keys, bool_or(r.keys > 0) OVER () AS has_keys
            FROM vend.job_runs r
            WHERE r.job = j.job AND r.status = 'succeeded' AND r.run < last.run
        ) AS r
        WHERE r.keys > 0 OR NOT r.has_keys
    ) AS past
    WHERE j.task = 'refresh' AND past.runs >= ($1 ->> 'runs')::numeric
        AND extract(epoch FROM last.duration) > ($1 ->> 'seconds')::numeric
        AND extract(epoch FROM last.duration) > ($1 ->> 'times')::numeric * extract(epoch FROM past.median);
END;

-- Of a materialized view nobody knows what has changed: it is late if its schedule wanted a run that has not succeeded.
CREATE FUNCTION vend_internal.find_report_stale(threshold jsonb) RETURNS TABLE (subject text, details jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT f.rollup, jsonb_build_object('since', f.pending_since, 'pending_notes', f.pending_notes, 'reason', f.reason,
        'refreshed_at', f.refreshed_at)
    FROM vend.freshness f
    WHERE f.age > make_interval(secs => ($1 ->> 'minutes')::float8 * 60)
        -- Changes that are not seen leave no note to wait.
        OR f.pending_since IS NULL AND f.reason IS NOT NULL
    UNION ALL
    SELECT v.target, jsonb_build_object('since', min(v.due), 'refreshed_at', max(v.succeeded))
    FROM (
        SELECT j.target, s.succeeded, vend_internal.next_due(j.schedule, j.timezone, coalesce(s.succeeded, j.created_at)) AS due
        FROM vend_internal.jobs j
        CROSS JOIN LATERAL (
            SELECT max(r.started_at) AS succeeded
            FROM vend_internal.job_runs r
            WHERE r.task = 'refresh' AND r.target = j.target AND r.status = 'succeeded'
        ) AS s
        WHERE j.task = 'refresh' AND j.target IS NOT NULL AND NOT EXISTS (SELECT FROM vend_internal.rollups r WHERE r.name = j.target)
    ) AS v
    GROUP BY v.target
    HAVING min(v.due) < now() - make_interval(secs => ($1 ->> 'minutes')::float8 * 60);
END;

CREATE FUNCTION vend_internal.find_verify_difference(threshold jsonb) RETURNS TABLE (subject text, details jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT c.rollup, jsonb_build_object('keys_wrong', c.keys_wrong, 'keys_checked', c.keys_checked, 'keys_repaired', c.keys_repaired,
        'sample', c.sample, 'checked_at', c.checked_at, 'checked_by', c.checked_by)
    FROM vend_internal.rollup_checks c
    JOIN vend_internal.rollups r ON (r.name, r.generation) = (c.rollup, c.generation)
    WHERE c.keys_wrong >= ($1 ->> 'keys')::numeric;
END;

-- Median and median absolute deviation (times 1.4826, what it is of a normal distribution's standard deviation) of the same
-- weekday: a few odd days in the past do not move them. A past that never varies has no deviation: a twentieth of the
-- median then stands for it. Days before the garage's first revenue do not count, days without any since then are 0.
CREATE FUNCTION vend_internal.find_revenue_outlier(threshold jsonb) RETURNS TABLE (subject text, details jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF to_regclass('vend_reports.daily_revenue') IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE $query$
        WITH revenue AS MATERIALIZED (
            SELECT r.garage_id, coalesce(r.currency, '') AS currency, r.day, sum(r.gross_revenue) AS amount
            FROM vend_reports.daily_revenue r
            WHERE r.day >= (now() AT TIME ZONE 'UTC')::date - 1 - $3 - 7 * $1
            GROUP BY 1, 2, 3
        ),
        days AS (
            SELECT s.garage_id, s.currency, s.first_day, t.today - n AS day
            FROM (SELECT r.garage_id, r.currency, min(r.day) AS first_day FROM revenue r GROUP BY 1, 2) AS s
            JOIN vend_staging.stg_garages g ON g.id = s.garage_id
            CROSS JOIN LATERAL (SELECT vend.local_day(now(), g.timezone) AS today) AS t
            CROSS JOIN generate_series(1, $3) AS n
        ),
        past AS MATERIALIZED (
            SELECT d.garage_id, d.currency, d.day, coalesce(r.amount, 0) AS amount
            FROM days d
            CROSS JOIN generate_series(1, $1) AS w
            LEFT JOIN revenue r ON (r.garage_id, r.currency, r.day) = (d.garage_id, d.currency, d.day - 7 * w)
            WHERE d.day - 7 * w >= d.first_day
        ),
        centres AS (
            SELECT p.garage_id, p.currency, p.day, count(*) AS weeks,
                (percentile_cont(0.5) WITHIN GROUP (ORDER BY p.amount))::numeric AS median
            FROM past p
            GROUP BY 1, 2, 3
            HAVING count(*) >= $2
        ),
        spreads AS (
            SELECT c.garage_id, c.currency, c.day, c.weeks, c.median, greatest(abs(c.median) / 20,
                1.4826 * (percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(p.amount - c.median)))::numeric) AS deviation
            FROM centres c
            JOIN past p USING (garage_id, currency, day)
            GROUP BY 1, 2, 3, 4, 5
        )
        SELECT concat_ws(' ', s.garage_id, to_char(s.day, 'YYYY-MM-DD'), nullif(s.currency, '')), jsonb_build_object('garage_id', s.garage_id, 'day', s.day,
            'currency', nullif(s.currency, ''), 'revenue', coalesce(r.amount, 0), 'median', round(s.median, 2),
            'deviation', round(s.deviation, 2), 'weeks', s.weeks)
        FROM spreads s
        LEFT JOIN revenue r USING (garage_id, currency, day)
        WHERE s.deviation > 0 AND abs(coalesce(r.amount, 0) - s.median) > $4 * s.deviation
    $query$ USING ceil((threshold ->> 'weeks')::numeric)::int, ceil((threshold ->> 'least_weeks')::numeric)::int,
        ceil((threshold ->> 'days')::numeric)::int, (threshold ->> 'deviations')::numeric;
END $$;

COMMENT ON FUNCTION vend_internal.find_job_failed(jsonb) IS 'The jobs that failed too often in a row.';
COMMENT ON FUNCTION vend_internal.find_job_paused(jsonb) IS 'The jobs that are paused.';
COMMENT ON FUNCTION vend_internal.find_refresh_slow(jsonb) IS 'The jobs whose last refresh took far longer than the ones before.';
COMMENT ON FUNCTION vend_internal.find_report_stale(jsonb) IS 'The rollups and materialized views that wait too long for a refresh.';
COMMENT ON FUNCTION vend_internal.find_verify_difference(jsonb) IS 'The rollups of which a verification found stored rows wrong, and no later one all of them right.';
COMMENT ON FUNCTION vend_internal.find_revenue_outlier(jsonb) IS
    'The garages, days and currencies whose revenue is far from that weekday''s past.';
