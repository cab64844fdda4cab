-- Two sessions that attach or detach at once would undo each other's half.
CREATE FUNCTION vend_internal.lock_source() RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT pg_advisory_xact_lock('vend_internal.source'::regclass::oid::int8);
END;
COMMENT ON FUNCTION vend_internal.lock_source() IS 'Held until the end of a transaction that attaches or detaches.';

CREATE FUNCTION vend_internal.drop_generated(schema_name text, object_name text, kind text, cascade boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF kind = 'rollup' THEN
        PERFORM vend_internal.remove_rollup(object_name, cascade);
    ELSIF to_regclass(format('%I.%I', schema_name, object_name)) IS NOT NULL THEN
        PERFORM vend_internal.execute_promptly(
            format('DROP VIEW %I.%I %s', schema_name, object_name, CASE WHEN cascade THEN 'CASCADE' ELSE 'RESTRICT' END),
            format('%I.%I', schema_name, object_name));
    END IF;
    IF kind = 'report' AND to_regproc(vend_internal.part_of(object_name, 'report')) IS NOT NULL THEN
        EXECUTE format('DROP FUNCTION %s', vend_internal.part_of(object_name, 'report'));
    END IF;
    DELETE FROM vend_internal.generated g
    WHERE g.schema_name = drop_generated.schema_name AND g.object_name = drop_generated.object_name;
END $$;
COMMENT ON FUNCTION vend_internal.drop_generated(text, text, text, boolean) IS 'Drops one object that vend.attach() made.';

CREATE FUNCTION vend_internal.detach_source(cascade boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made record;
    reason text;
    dependents text;
BEGIN
    PERFORM vend_internal.lock_source();
    IF NOT EXISTS (SELECT FROM vend_internal.source) THEN
        RETURN;
    END IF;
    -- DROP EXTENSION takes this lock only when all is detached; the workers take it first.
    PERFORM vend_internal.keep_workers_out();
    SELECT string_agg(r.name, ', ' ORDER BY r.name) INTO dependents FROM vend_internal.rollups r WHERE NOT r.built_in;
    IF dependents IS NOT NULL AND NOT cascade THEN
        RAISE EXCEPTION 'cannot detach: there are rollups of your own' USING ERRCODE = '2BP01', DETAIL = dependents,
            HINT = 'Drop them with vend.drop_rollup(), then try again.';
    END IF;
    -- All of them lose their triggers; a reader who goes on to write must not wait for us while we wait for him.
    PERFORM vend_internal.lock_relation(l.relation, 'ACCESS EXCLUSIVE')
    FROM (
        SELECT c.oid AS relation
        FROM vend_internal.rollup_sources s
        CROSS JOIN vend_internal.source a
        JOIN pg_class c ON c.oid IN (s.relation, a.subscriptions, a.garages)
        GROUP BY c.oid
        ORDER BY c.oid
    ) AS l;
    BEGIN
        PERFORM vend_internal.remove_rollup(r.name, cascade) FROM vend_internal.rollups r WHERE NOT r.built_in;
        PERFORM vend_internal.unwatch_rows('vend_staging.observe_subscription', 0);
        PERFORM vend_internal.unwatch_rows('vend_staging.observe_garage', 0);
        DROP FUNCTION IF EXISTS vend_staging.observe_subscription(), vend_staging.observe_garage();
        FOR made IN SELECT * FROM vend_internal.generated ORDER BY position DESC LOOP
            PERFORM vend_internal.drop_generated(made.schema_name, made.object_name, made.kind, cascade);
        END LOOP;
        FOR made IN SELECT s.name FROM vend_internal.generated_schemas s WHERE to_regnamespace(s.name) IS NOT NULL LOOP
            PERFORM vend_internal.execute_promptly(
                format('DROP SCHEMA %I %s', made.name, CASE WHEN cascade THEN 'CASCADE' ELSE 'RESTRICT' END), made.name);
        END LOOP;
    EXCEPTION WHEN dependent_objects_still_exist THEN
        GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT, dependents = PG_EXCEPTION_DETAIL;
        RAISE EXCEPTION 'cannot detach: %', reason USING ERRCODE = '2BP01', DETAIL = dependents,
            HINT = 'Drop what the detail names, or point it elsewhere, then try again.';
    END;
    PERFORM vend_internal.revoke_source(g.schema_name, g.table_name) FROM vend_internal.source_grants g;
    TRUNCATE vend_internal.subscription_versions, vend_internal.ledger, vend_internal.garage_capacities;
    DELETE FROM vend_internal.source;
END $$;
COMMENT ON FUNCTION vend_internal.detach_source(boolean) IS
    'Takes back what vend.attach() made and granted; does nothing when nothing is attached. 2BP01: foreign objects depend on it.';

CREATE FUNCTION vend.detach() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM vend_internal.source) THEN
        RAISE NOTICE 'nothing is attached';
    END IF;
    PERFORM vend_internal.detach_source(false);
END $$;
COMMENT ON FUNCTION vend.detach() IS
    'Takes back everything that vend.attach() made and granted; the source stays as it is. 2BP01: objects of others depend on '
    'it, and nothing is dropped. 55P03: a table or view is in use.';

-- The generated schemas are no members of the extension, as their objects come and go.
CREATE FUNCTION vend_internal.detach_before_drop() RETURNS event_trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'detach_before_drop_wrapper';
COMMENT ON FUNCTION vend_internal.detach_before_drop() IS 'Detaches before DROP EXTENSION vend_analytics.';
CREATE EVENT TRIGGER vend_detach_before_drop ON ddl_command_start WHEN TAG IN ('DROP EXTENSION')
    EXECUTE FUNCTION vend_internal.detach_before_drop();
COMMENT ON EVENT TRIGGER vend_detach_before_drop IS 'Detaches before DROP EXTENSION vend_analytics.';
