-- Runs last. Everything belongs to vend_owner, which is no superuser; nobody may execute anything but by this list.
ALTER SCHEMA vend OWNER TO vend_owner;
ALTER SCHEMA vend_internal OWNER TO vend_owner;

DO $$
DECLARE
    member record;
BEGIN
    FOR member IN
        SELECT p.oid::regprocedure AS name, p.prokind = 'a' AS is_aggregate
        FROM pg_proc p
        WHERE p.pronamespace IN ('vend'::regnamespace, 'vend_internal'::regnamespace)
    LOOP
        EXECUTE format('ALTER ROUTINE %s OWNER TO vend_owner', member.name);
        EXECUTE format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', member.name);
    END LOOP;
    FOR member IN
        SELECT c.oid::regclass AS name
        FROM pg_class c
        WHERE c.relnamespace IN ('vend'::regnamespace, 'vend_internal'::regnamespace) AND c.relkind IN ('r', 'v', 'S')
            -- A serial's sequence follows its table.
            AND NOT EXISTS (SELECT FROM pg_depend d
                WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))
    LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO vend_owner', member.name);
    END LOOP;
END $$;

-- Computing from rows that the caller already has gives nothing away.
GRANT USAGE ON SCHEMA vend TO PUBLIC;
GRANT EXECUTE ON FUNCTION
    vend.local_day(timestamptz, text), vend.local_day(timestamp, text), vend.monthly_amount(numeric, text, int),
    vend.flatten_hourly(jsonb), vend.flatten_hourly(jsonb, int, numeric)
TO PUBLIC;
GRANT EXECUTE ON ROUTINE
    vend.churn_rate(timestamptz, timestamptz, timestamptz, timestamptz),
    vend.mrr(numeric, timestamptz, timestamptz, timestamptz)
TO PUBLIC;
GRANT EXECUTE ON ROUTINE
    vend.timeline(uuid, timestamptz, timestamptz, numeric), vend.timeline(bigint, timestamptz, timestamptz, numeric),
    vend.timeline(text, timestamptz, timestamptz, numeric), vend.rollup(vend.timeline),
    vend.mrr_at(vend.timeline, timestamptz), vend.customers_at(vend.timeline, timestamptz),
    vend.net_revenue_retention(vend.timeline, timestamptz, timestamptz),
    vend.gross_revenue_retention(vend.timeline, timestamptz, timestamptz),
    vend.logo_churn(vend.timeline, timestamptz, timestamptz), vend.quick_ratio(vend.timeline, timestamptz, timestamptz),
    vend.mrr_movements(vend.timeline, date, date, text, text, text, timestamptz),
    vend.cohort_retention(vend.timeline, text, text, text, timestamptz)
TO PUBLIC;
GRANT EXECUTE ON ROUTINE
    vend.activity(uuid, timestamptz, text), vend.activity(bigint, timestamptz, text), vend.activity(text, timestamptz, text),
    vend.rollup(vend.activity), vend.active_entities(vend.activity, date, int),
    vend.cohort_retention(vend.activity, text, text, date)
TO PUBLIC;
GRANT EXECUTE ON ROUTINE
    vend.occupancy(jsonb, int), vend.rollup(vend.occupancy), vend.avg_rate(vend.occupancy), vend.peak_rate(vend.occupancy),
    vend.min_rate(vend.occupancy), vend.busiest_hour(vend.occupancy), vend.peak_hours(vend.occupancy, numeric),
    vend.hourly_profile(vend.occupancy), vend.hourly_occupancy(timestamptz, timestamptz, date, text)
TO PUBLIC;
-- What flatten_hourly is inlined to, and what the reports call: a view's functions run with its reader's rights.
GRANT EXECUTE ON FUNCTION
    vend_internal.hourly_counts(jsonb), vend_internal.hourly_values(jsonb), vend_internal.hourly_problem(jsonb),
    vend_internal.known_timezone(text), vend_internal.day_start(date, text), vend_internal.policy(text),
    vend_internal.is_visible(uuid, uuid[]), vend_internal.is_absent(timestamptz),
    vend_internal.is_after(timestamptz, timestamptz), vend_internal.has_code(text, text), vend_internal.same_day(date, date), vend_internal.day_floor(date, text), vend_internal.day_ceiling(date, text),
    vend_internal.day_floor_instant(date, text), vend_internal.day_ceiling_instant(date, text),
    vend_internal.entities_by_day(vend.activity), vend_internal.list_of_length(int),
    vend_internal.days_present(timestamptz, timestamptz, text), vend_internal.noon(date),
    vend_internal.days_of_hour(timestamptz, text)
TO PUBLIC;
GRANT SELECT ON vend.policies TO PUBLIC;
-- Whoever makes a partition of a source makes its triggers.
GRANT EXECUTE ON FUNCTION vend.note_changes() TO PUBLIC;
-- About the caller, to those who have rows to read. Policies call them with the reader's rights.
GRANT EXECUTE ON FUNCTION
    vend.current_user_id(), vend.current_user_role(), vend.visible_garages(), vend.can_access_garage(uuid),
    vend_internal.garages_in_scope(uuid), vend_internal.calendar_years()
TO vend_api, vend_bi;
GRANT EXECUTE ON FUNCTION vend.sign_in(text) TO vend_api;

-- The workers: definer functions that do one thing each. They read and write nothing themselves.
GRANT USAGE ON SCHEMA vend_internal TO vend_worker;
GRANT EXECUTE ON FUNCTION
    vend_internal.jobs_to_start(), vend_internal.after_start(text[], text[]),
    vend_internal.take_job(text, boolean, timestamptz), vend_internal.run_parts(bigint), vend_internal.run_is_wanted(bigint),
    vend_internal.run_batch(bigint, text, text, bigint), vend_internal.add_to_run(bigint, bigint, bigint),
    vend_internal.finish_run(bigint, text, text), vend_internal.interrupt_run(bigint)
TO vend_worker;
-- A table without a policy: shown to those only whom row-level security does not bind.
GRANT SELECT ON vend_internal.bypass TO vend_api, vend_bi;
GRANT SELECT ON vend.audit_log TO vend_api;
GRANT EXECUTE ON FUNCTION vend_internal.audit_lines(uuid) TO vend_api;
-- Scoped in themselves. Their functions run with the reader's rights, who cannot name them: the schema is not theirs to use.
GRANT SELECT ON vend.jobs, vend.job_runs, vend.job_stats, vend.alerts, vend.freshness TO vend_api, vend_bi;
GRANT EXECUTE ON FUNCTION
    vend_internal.armed_here(bigint, oid), vend_internal.process_lives(int, timestamptz), vend_internal.freshness_of(uuid)
TO vend_api, vend_bi;

-- Only now: what they call has its owner. They fire in the order of their names.
CREATE EVENT TRIGGER vend_adopt_partitions ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE')
    EXECUTE FUNCTION vend_internal.adopt_partitions();
COMMENT ON EVENT TRIGGER vend_adopt_partitions IS 'Gives a new partition of a source the triggers of the others.';
CREATE EVENT TRIGGER vend_watch_sources ON ddl_command_end
    WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE', 'DROP TABLE', 'DROP TRIGGER', 'ALTER TRIGGER', 'DROP FUNCTION', 'DROP ROUTINE',
        'DROP OWNED', 'DROP SCHEMA')
    EXECUTE FUNCTION vend_internal.watch_sources();
COMMENT ON EVENT TRIGGER vend_watch_sources IS 'Marks the rollups whose sources'' changes would go unseen.';
CREATE EVENT TRIGGER vend_watch_types ON ddl_command_end WHEN TAG IN ('ALTER TYPE') EXECUTE FUNCTION vend_internal.watch_types();
COMMENT ON EVENT TRIGGER vend_watch_types IS 'Marks the rollups that read a column of a type that was altered.';
