-- What a refresh or a verification can be of: a rollup, every rollup, or (a refresh) a materialized view.

-- Found through every view and function that it is built on, as far as PostgreSQL knows what a function reads. One that hides it in
-- a string reads what its owner may: with row_security off, an error where that is less than everything.
CREATE FUNCTION vend_internal.protected_relation(relation regclass) RETURNS regclass
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH RECURSIVE read(class, id) AS (
        SELECT 'pg_class'::regclass::oid, $1::oid
        UNION
        SELECT d.refclassid, d.refobjid
        FROM read r
        LEFT JOIN pg_rewrite w ON r.class = 'pg_class'::regclass AND w.ev_class = r.id
        JOIN pg_depend d ON d.classid = CASE WHEN w.oid IS NULL THEN r.class ELSE 'pg_rewrite'::regclass END AND d.objid = coalesce(w.oid, r.id)
        WHERE d.refclassid IN ('pg_class'::regclass, 'pg_proc'::regclass)
    )
    SELECT c.oid::regclass FROM read r JOIN pg_class c ON r.class = 'pg_class'::regclass AND c.oid = r.id
    WHERE c.relrowsecurity ORDER BY c.oid::regclass::text LIMIT 1;
END;
COMMENT ON FUNCTION vend_internal.protected_relation(regclass) IS
    'A table with row-level security that a relation reads, also through views, functions with a body that is no string, and a partition of it.';

-- The owner's functions run during a refresh, so a superuser's view is not for a scheduler to refresh; and the worker is no
-- owner of anything, so it needs the owner's rights.
CREATE FUNCTION vend_internal.check_materialized_view(view regclass) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner record;
BEGIN
    -- From 17 on there is a privilege for it, which an owner's members have too.
    SELECT r.rolname, r.rolsuper, CASE WHEN current_setting('server_version_num')::int >= 170000
        THEN has_table_privilege('vend_worker', c.oid, 'MAINTAIN') ELSE pg_has_role('vend_worker', r.oid, 'USAGE') END AS lends INTO owner
    FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE c.oid = view;
    IF owner.rolsuper THEN
        RAISE EXCEPTION 'materialized view "%" belongs to a superuser', view USING ERRCODE = '42501',
            HINT = 'Give it to an ordinary role: its query must not run with a superuser''s rights.';
    END IF;
    IF NOT owner.lends THEN
        RAISE EXCEPTION 'vend_worker may not refresh materialized view "%"', view USING ERRCODE = '42501',
            HINT = format('GRANT %I TO vend_worker.', owner.rolname);
    END IF;
    IF vend_internal.protected_relation(view) IS NOT NULL THEN
        RAISE EXCEPTION 'materialized view "%" reads the protected table "%"', view, vend_internal.protected_relation(view)
            USING ERRCODE = '42501', HINT = 'A materialized view shows every reader the same rows; make a rollup with vend.create_rollup().';
    END IF;
END $$;
COMMENT ON FUNCTION vend_internal.check_materialized_view(regclass) IS 'Raises 42501 where the worker must not or cannot refresh it.';

CREATE FUNCTION vend_internal.is_refreshed_concurrently(view regclass) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT c.relispopulated AND EXISTS (SELECT FROM pg_index i
        WHERE i.indrelid = c.oid AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL)
    FROM pg_class c WHERE c.oid = $1;
END;
COMMENT ON FUNCTION vend_internal.is_refreshed_concurrently(regclass) IS 'Whether a materialized view can be refreshed while it is read.';

CREATE FUNCTION vend_internal.materialized_view(target text) RETURNS regclass
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'm' AND format('%I.%I', n.nspname, c.relname) = $1;
END;
COMMENT ON FUNCTION vend_internal.materialized_view(text) IS
    'The materialized view of this qualified name, if there is one, also for a role that may not look into the schema.';

CREATE FUNCTION vend_internal.check_job_target(task text, target text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF check_job_target.task NOT IN ('refresh', 'verify') THEN
        IF target IS NOT NULL THEN
            RAISE EXCEPTION 'task "%" has no target', task USING ERRCODE = '22023', HINT = 'Leave the target out.';
        END IF;
        RETURN;
    END IF;
    IF target IS NULL OR EXISTS (SELECT FROM vend_internal.rollups r WHERE r.name = target) THEN
        RETURN;
    END IF;
    IF check_job_target.task = 'verify' OR vend_internal.materialized_view(target) IS NULL THEN
        RAISE EXCEPTION 'there is no rollup% "%"', CASE check_job_target.task WHEN 'refresh' THEN ' or materialized view' ELSE '' END, target
            USING ERRCODE = '42704', HINT = CASE check_job_target.task WHEN 'refresh'
                THEN 'vend.rollups lists the rollups; give a materialized view with its schema.' ELSE 'vend.rollups lists them.' END;
    END IF;
    PERFORM vend_internal.check_materialized_view(vend_internal.materialized_view(target));
END $$;
COMMENT ON FUNCTION vend_internal.check_job_target(text, text) IS 'Checks the target of a task: 42704, 42501, 22023.';
