-- The information views as rows for a scraper, named as Prometheus wants them.
CREATE FUNCTION vend.metrics() RETURNS TABLE (name text, labels jsonb, value numeric)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'vend_scheduler_running', jsonb '{}', vend_internal.scheduler_runs()::int::numeric
    UNION ALL
    SELECT m.name, jsonb_build_object('rollup', f.rollup), m.value
    FROM vend.freshness f
    CROSS JOIN LATERAL (VALUES
        ('vend_rollup_built', f.is_built::int::numeric),
        ('vend_rollup_pending_notes', f.pending_notes),
        ('vend_rollup_dirty_keys', f.dirty_keys),
        ('vend_rollup_oldest_change_age_seconds', coalesce(extract(epoch FROM f.age), 0)),
        ('vend_rollup_refresh_age_seconds', extract(epoch FROM now() - f.refreshed_at))
    ) AS m(name, value)
    WHERE m.value IS NOT NULL
    UNION ALL
    SELECT m.name, jsonb_build_object('job', j.job, 'task', j.task), m.value
    FROM vend.jobs j
    CROSS JOIN LATERAL (VALUES
        ('vend_job_paused', j.is_paused::int::numeric),
        ('vend_job_running', j.is_running::int::numeric),
        ('vend_job_failures', j.failures),
        ('vend_job_overdue_seconds', CASE WHEN NOT j.is_paused
            THEN greatest(extract(epoch FROM now() - coalesce(j.retry_at, j.next_due)), 0) END)
    ) AS m(name, value)
    WHERE m.value IS NOT NULL
    UNION ALL
    SELECT 'vend_job_runs', jsonb_build_object('job', s.job, 'status', c.status), c.runs
    FROM vend.job_stats s
    CROSS JOIN LATERAL (VALUES ('succeeded', s.succeeded), ('failed', s.failed), ('crashed', s.crashed), ('interrupted', s.interrupted))
        AS c(status, runs)
    UNION ALL
    SELECT m.name, jsonb_build_object('job', s.job), m.value
    FROM vend.job_stats s
    CROSS JOIN LATERAL (VALUES
        ('vend_job_duration_median_seconds', extract(epoch FROM s.median_duration)),
        ('vend_job_duration_longest_seconds', extract(epoch FROM s.longest_duration)),
        ('vend_job_success_age_seconds', extract(epoch FROM now() - s.last_success)),
        ('vend_job_waits', s.waits::numeric)
    ) AS m(name, value)
    WHERE m.value IS NOT NULL
    UNION ALL
    SELECT 'vend_alerts_open', jsonb_build_object('rule', r.rule),
        (SELECT count(*) FROM vend_internal.alerts a WHERE a.rule = r.rule AND a.cleared_at IS NULL)
    FROM vend.alert_rules r
    ORDER BY 1, 2;
END;
COMMENT ON FUNCTION vend.metrics() IS
    'The state of rollups, jobs and alerts as gauges for a scraper; ages and durations in seconds, runs as far as they are kept. '
    'What does not apply is left out. It runs with vend_owner''s rights: grant EXECUTE to the scraper''s role.';
