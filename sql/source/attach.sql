-- Makes the staging views, and then everything that reads them. Each view keeps its name, columns and types, so attaching
-- again replaces it in place and whatever others built on it keeps working.
CREATE FUNCTION vend_internal.create_generated_schemas() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT s.name, s.comment, n.nspowner
        FROM vend_internal.generated_schemas s
        LEFT JOIN pg_namespace n ON n.nspname = s.name
    LOOP
        IF wanted.nspowner IS NULL THEN
            EXECUTE format('CREATE SCHEMA %I AUTHORIZATION vend_owner', wanted.name);
            EXECUTE format('COMMENT ON SCHEMA %I IS %L', wanted.name, wanted.comment);
        ELSIF wanted.nspowner <> 'vend_owner'::regrole OR NOT EXISTS (SELECT FROM vend_internal.source) THEN
            RAISE EXCEPTION 'schema "%" already exists', wanted.name
                USING ERRCODE = '42P06', HINT = 'Rename or drop it: vend.attach() makes its own.';
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION vend_internal.create_generated_schemas() IS
    'Makes the schemas of what is generated; 42P06 where somebody else made one.';

CREATE FUNCTION vend_internal.refuse_source(source_schema text, errors vend_internal.source_problem[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'cannot attach schema "%": % %', source_schema, cardinality(errors),
            CASE cardinality(errors) WHEN 1 THEN 'problem' ELSE 'problems' END
        USING ERRCODE = errors[1].code,
        DETAIL = (
            SELECT string_agg(concat_ws(': ', nullif(concat_ws('.', e.table_name, e.column_name), ''), e.problem),
                E'\n' ORDER BY e.n)
            FROM unnest(errors) WITH ORDINALITY AS e(severity, code, table_name, column_name, problem, hint, n)),
        HINT = CASE cardinality(errors) WHEN 1 THEN errors[1].hint
            ELSE 'vend.check_source() lists them, each with a hint. Nothing was changed.' END;
END $$;
COMMENT ON FUNCTION vend_internal.refuse_source(text, vend_internal.source_problem[]) IS
    'Raises the errors that vend.check_source found as one, with the SQLSTATE of the first.';

CREATE FUNCTION vend_internal.objects_to_generate(definitions jsonb)
RETURNS TABLE ("position" int, schema_name text, object_name text, kind text, statement text, rollup jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT t.table_position, 'vend_staging', 'stg_' || t.table_name, 'view',
        format('CREATE OR REPLACE VIEW vend_staging.%1$I AS %2$s; COMMENT ON VIEW vend_staging.%1$I IS %3$L',
            'stg_' || t.table_name, definitions ->> t.table_name,
            format('The operational table %s, cleaned and typed.', t.table_name)), NULL::jsonb
    FROM vend_internal.source_columns t
    WHERE t.position = 1
    UNION ALL
    SELECT g.position + (SELECT max(t.table_position) FROM vend_internal.source_columns t),
        g.schema_name, g.object_name, g.kind, g.statement, g.rollup::jsonb
    FROM vend_internal.generated_objects() g;
END $$;
COMMENT ON FUNCTION vend_internal.objects_to_generate(jsonb) IS
    'What vend.attach() makes, in order: the staging views with these queries, and all that reads them.';

-- A rollup whose sources are read as before keeps what it has, but is computed anew: its tables may have lost a trigger.
CREATE FUNCTION vend_internal.generate(name text, kind text, statement text, rollup jsonb, reads_as_before boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted vend_internal.rollups;
BEGIN
    IF kind <> 'rollup' THEN
        PERFORM vend_internal.execute_as_owner(statement);
        RETURN;
    END IF;
    wanted := jsonb_populate_record(NULL::vend_internal.rollups, '{"built_in": true, "indexes": []}' || rollup || jsonb_build_object('query', statement));
    IF reads_as_before AND vend_internal.capture_fault(name) IS NULL AND EXISTS (
        SELECT FROM vend_internal.rollups r
        WHERE r.name = generate.name
            AND (r.query, r.key, r.sources, r.tenant_column, r.indexes)
                IS NOT DISTINCT FROM (wanted.query, wanted.key, wanted.sources, wanted.tenant_column, wanted.indexes))
    THEN
        INSERT INTO vend_internal.stale_rollups (rollup, reason) VALUES (name, 'attached again');
    ELSE
        PERFORM vend_internal.define_rollup(name, wanted.query, wanted.key, wanted.sources, wanted.tenant_column, wanted.built_in, wanted.indexes);
    END IF;
END $$;
COMMENT ON FUNCTION vend_internal.generate(text, text, text, jsonb, boolean) IS 'Makes one object of vend.attach(), with the rights of vend_owner.';

-- A newer version may have given up an object that an older one made.
CREATE FUNCTION vend_internal.record_generated(definitions jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM vend_internal.drop_generated(g.schema_name, g.object_name, g.kind, false)
    FROM (
        SELECT o.*
        FROM vend_internal.generated o
        WHERE NOT EXISTS (SELECT FROM vend_internal.objects_to_generate(definitions) n
            WHERE n.schema_name = o.schema_name AND n.object_name = o.object_name)
        ORDER BY o.position DESC
    ) AS g;
    DELETE FROM vend_internal.generated;
    INSERT INTO vend_internal.generated
    SELECT n.position, n.schema_name, n.object_name, n.kind FROM vend_internal.objects_to_generate(definitions) n;
END $$;
COMMENT ON FUNCTION vend_internal.record_generated(jsonb) IS 'Notes what is generated now, and drops what is no more.';

CREATE FUNCTION vend.attach(
    source_schema text DEFAULT 'public', mapping jsonb DEFAULT '{}', timezone text DEFAULT 'UTC', create_indexes boolean DEFAULT false,
    schedule boolean DEFAULT false
) RETURNS TABLE (object text, kind text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    inspected record;
    errors vend_internal.source_problem[];
    subscriptions regclass;
    garages regclass;
    made record;
    reads_as_before boolean;
BEGIN
    IF source_schema IS NULL OR mapping IS NULL OR timezone IS NULL OR create_indexes IS NULL OR schedule IS NULL THEN
        RAISE EXCEPTION 'source_schema, mapping, timezone, create_indexes and schedule must not be NULL'
            USING ERRCODE = '22004', HINT = 'The mapping {} changes nothing; a platform without a zone of its own uses UTC.';
    END IF;
    IF vend_internal.known_timezone(timezone) IS NULL THEN
        RAISE EXCEPTION 'time zone "%" is not known', timezone USING ERRCODE = '22023',
            HINT = 'Use a name of pg_timezone_names with region and city, such as Europe/Berlin, or UTC.';
    END IF;
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        RAISE EXCEPTION 'cannot attach at isolation level %', current_setting('transaction_isolation') USING ERRCODE = '25000',
            HINT = 'Use read committed: a write that commits meanwhile would be neither found nor seen.';
    END IF;
    PERFORM vend_internal.lock_source();
    inspected := vend_internal.inspect_source(source_schema, mapping, timezone);
    errors := ARRAY(
        SELECT (p.severity, p.code, p.table_name, p.column_name, p.problem, p.hint)::vend_internal.source_problem
        FROM unnest(inspected.problems) WITH ORDINALITY AS p(severity, code, table_name, column_name, problem, hint, n)
        WHERE p.severity = 'error' ORDER BY p.n);
    IF cardinality(errors) > 0 THEN
        PERFORM vend_internal.refuse_source(source_schema, errors);
    END IF;

    IF create_indexes THEN
        PERFORM vend_internal.execute_promptly(
            vend_internal.index_statement(attach.mapping, m.table_name, m.columns, m.relation, m.condition, false), m.relation::text)
        FROM vend_internal.missing_indexes(source_schema, mapping) m;
    END IF;
    -- What is there already may be in a batch, which locks it in an order of its own.
    PERFORM vend_internal.keep_workers_out();
    PERFORM vend_internal.grant_sources(source_schema, mapping);
    subscriptions := (SELECT r.relation FROM vend_internal.source_relations(source_schema, mapping) r
        WHERE r.table_name = 'subscriptions');
    garages := (SELECT r.relation FROM vend_internal.source_relations(source_schema, mapping) r WHERE r.table_name = 'garages');
    PERFORM vend_internal.lock_relation(subscriptions, 'SHARE ROW EXCLUSIVE');
    PERFORM vend_internal.unwatch_rows('vend_staging.observe_subscription', subscriptions);
    PERFORM vend_internal.unwatch_rows('vend_staging.observe_garage', garages);
    PERFORM vend_internal.create_generated_schemas();
    -- What was seen of other tables, or through another mapping, is not the history of these.
    IF NOT EXISTS (SELECT FROM vend_internal.source s
        WHERE (s.source_schema, s.mapping) = (attach.source_schema, attach.mapping))
    THEN
        TRUNCATE vend_internal.subscription_versions, vend_internal.garage_capacities;
    END IF;
    reads_as_before := EXISTS (SELECT FROM vend_internal.source s
        WHERE (s.source_schema, s.mapping, s.timezone, s.expressions)
            = (attach.source_schema, attach.mapping, attach.timezone, inspected.expressions));
    INSERT INTO vend_internal.source AS s (source_schema, mapping, timezone, expressions, subscriptions, garages, attached_at)
    VALUES (attach.source_schema, attach.mapping, attach.timezone, inspected.expressions, subscriptions, garages, now())
    -- The same tables have been observed since they were attached first.
    ON CONFLICT (singleton) DO UPDATE SET source_schema = excluded.source_schema, mapping = excluded.mapping,
        timezone = excluded.timezone, expressions = excluded.expressions, subscriptions = excluded.subscriptions,
        garages = excluded.garages,
        attached_at = CASE WHEN (s.source_schema, s.mapping) = (excluded.source_schema, excluded.mapping)
            THEN s.attached_at ELSE excluded.attached_at END;
    PERFORM vend_internal.generate(o.object_name, o.kind, o.statement, o.rollup, reads_as_before)
    FROM (SELECT * FROM vend_internal.objects_to_generate(inspected.definitions) o
        WHERE o.schema_name = 'vend_staging' ORDER BY o.position) AS o;
    -- The tables and functions may have changed since they were looked at.
    PERFORM vend_internal.check_dependencies(v.view, r.relation), vend_internal.check_columns(v.view, r.relation)
    FROM vend_internal.source_relations(source_schema, mapping) r
    CROSS JOIN LATERAL (SELECT format('vend_staging.%I', 'stg_' || r.table_name)::regclass AS view) AS v;
    -- Writers have waited since the table was locked, so what they wrote before is found, and what they write next is seen.
    PERFORM vend_internal.watch_subscriptions(subscriptions, inspected.expressions -> 'subscriptions');
    PERFORM vend_internal.catch_up_with_source();
    PERFORM vend_internal.lock_relation(garages, 'SHARE ROW EXCLUSIVE');
    PERFORM vend_internal.watch_capacities(garages, inspected.expressions -> 'garages');
    PERFORM vend_internal.catch_up_with_capacities();
    -- After what takes its time: the other tables' writers wait from here on.
    PERFORM vend_internal.generate(o.object_name, o.kind, o.statement, o.rollup, reads_as_before)
    FROM (SELECT * FROM vend_internal.objects_to_generate(inspected.definitions) o
        WHERE o.schema_name <> 'vend_staging' ORDER BY o.position) AS o;
    PERFORM vend_internal.generate(r.name, 'rollup', r.query, to_jsonb(r), reads_as_before)
    FROM (SELECT * FROM vend_internal.rollups r WHERE NOT r.built_in ORDER BY r.name) AS r;
    PERFORM vend_internal.record_generated(inspected.definitions);
    IF schedule THEN
        PERFORM vend_internal.schedule_reports();
    END IF;
    PERFORM vend_internal.grant_readers();
    RETURN QUERY SELECT format('%I.%I', g.schema_name, g.object_name), g.kind FROM vend_internal.generated g ORDER BY g.position;
END $$;
COMMENT ON FUNCTION vend.attach(text, jsonb, text, boolean, boolean) IS
    'Builds staging, marts and reports over the operational tables; one row per object made. Attaching again rebuilds them in '
    'place. timezone holds where a garage has none of its own. create_indexes makes those that vend.check_source misses; schedule '
    'has what the reports stand on refreshed every five minutes. All or nothing: 3F000, 42P01, 42703, 42804, 22023, 23505 and '
    'others with the list of problems when vend.check_source finds errors; 42P06: a schema of ours exists; 22004: NULL argument; '
    '25000: not read committed; 55P03: a table or view is in use.';
