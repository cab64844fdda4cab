-- What readers are given: views that keep to their caller's scope, and the grants on them.

-- A view of vend_owner obeys no policy, so the scope is in its text; who is not bound by policies is not bound by it. Two
-- branches, of which one is never executed: a condition "or sees everything" would keep the planner from every index. They
-- stand in a subquery, because PostgreSQL flattens a view that is a UNION ALL itself, and its barrier is gone then: a
-- reader's cheap function would be asked before the scope is.
CREATE FUNCTION vend_internal.make_scoped_view(name text, source text, scope text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM vend_internal.execute_as_owner(format(
        'CREATE OR REPLACE VIEW %1$s WITH (security_barrier = true) AS SELECT %2$s FROM (
            SELECT %2$s FROM %3$s WHERE %4$s AND (SELECT row_security_active(''vend_internal.bypass''::regclass))
            UNION ALL SELECT %2$s FROM %3$s WHERE NOT (SELECT row_security_active(''vend_internal.bypass''::regclass))) AS visible',
        name, vend_internal.list_of(vend_internal.columns_of(source::regclass)), source, scope));
END $$;
COMMENT ON FUNCTION vend_internal.make_scoped_view(text, text, text) IS
    'Makes a view of those rows of another one that are in the caller''s scope.';

-- A report reads wholly within a function, garage by garage: what it passes over would show in a plan, who asks for one
-- garage pays for one, and its plan, which takes longer to make than to execute, is kept.
CREATE FUNCTION vend_internal.make_report(name text, source text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    columns text := (
        SELECT string_agg(CASE c WHEN 'garage_id' THEN 'g.garage_id' ELSE format('r.%I', c) END, ', ' ORDER BY n)
        FROM unnest(vend_internal.columns_of(source::regclass)) WITH ORDINALITY AS c(c, n));
BEGIN
    PERFORM vend_internal.execute_as_owner(format($make$
CREATE OR REPLACE FUNCTION %1$s(uuid, uuid) RETURNS SETOF %2$s LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 10
SET search_path = pg_catalog, pg_temp SET jit = off SET plan_cache_mode = force_generic_plan AS %3$L;
COMMENT ON FUNCTION %1$s(uuid, uuid) IS 'The rows of vend_reports.%4$s of one garage, if it is in the reader''s scope.';
REVOKE ALL ON FUNCTION %1$s(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION %1$s(uuid, uuid) TO vend_api, vend_bi;
CREATE OR REPLACE VIEW vend_reports.%4$I WITH (security_invoker = true) AS
SELECT %5$s FROM vend_internal.garages_in_scope((SELECT token FROM vend_internal.bypass)) AS g(garage_id)
CROSS JOIN LATERAL %1$s((SELECT token FROM vend_internal.bypass), g.garage_id) AS r$make$,
        vend_internal.part_of(name, 'report'), source, format($body$
BEGIN
    IF vend_internal.bypasses($1) OR vend.can_access_garage($2) THEN
        RETURN QUERY SELECT * FROM %s WHERE garage_id = $2;
    END IF;
END $body$, source), name, columns));
END $$;
COMMENT ON FUNCTION vend_internal.make_report(text, text) IS
    'Makes a report that shows those rows of a view that are in the reader''s scope.';

-- Who may read what, as SECURITY.md has it: facts are not for BI logins, who could see in their plans what they pass over.
CREATE FUNCTION vend_internal.reader_grants() RETURNS TABLE (schema_name text, object_name text, grantee text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT g.schema_name, g.object_name, r.grantee
    FROM vend_internal.generated g
    CROSS JOIN (VALUES ('vend_api'), ('vend_bi')) AS r(grantee)
    WHERE g.schema_name = 'vend_reports'
        OR g.schema_name = 'vend_marts' AND g.object_name LIKE 'dim\_%' AND (g.object_name, r.grantee) <> ('dim_users', 'vend_bi')
        OR g.schema_name = 'vend_marts' AND g.object_name LIKE 'fact\_%' AND r.grantee = 'vend_api'
    UNION ALL
    SELECT n.name, NULL, r.grantee
    FROM (VALUES ('vend_marts'), ('vend_reports')) AS n(name)
    CROSS JOIN (VALUES ('vend_api'), ('vend_bi')) AS r(grantee);
END;
COMMENT ON FUNCTION vend_internal.reader_grants() IS 'What vend.attach() grants: USAGE on schemas (no object) and SELECT on their views.';

CREATE FUNCTION vend_internal.grant_readers() RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT vend_internal.execute_as_owner(CASE
        WHEN g.object_name IS NULL THEN format('GRANT USAGE ON SCHEMA %I TO %I', g.schema_name, g.grantee)
        ELSE format('GRANT SELECT ON %I.%I TO %I', g.schema_name, g.object_name, g.grantee) END)
    FROM vend_internal.reader_grants() g;
END;
COMMENT ON FUNCTION vend_internal.grant_readers() IS 'Lets vend_api and vend_bi read what is theirs.';
