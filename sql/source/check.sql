-- Everything is tried for real, with grants and with views in a schema of its own, and then undone: variables survive the
-- rollback of a block, so the findings and the definitions of the staging views are all that is left.
CREATE FUNCTION vend_internal.inspect_source(
    source_schema text, mapping jsonb, timezone text,
    OUT problems vend_internal.source_problem[], OUT definitions jsonb, OUT expressions jsonb
)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    has_schema boolean := to_regnamespace(quote_ident(source_schema)) IS NOT NULL;
    scratch text := 'vend_check_' || pg_backend_pid();
    view text;
    own_hint text;
    problem vend_internal.source_problem;
    source record;
    columns record;
    faulty jsonb := '{}';
    unique_ids text[] := '{}';
    referable text[] := '{}';
BEGIN
    problems := ARRAY(SELECT p FROM vend_internal.mapping_problems(mapping) p);
    definitions := '{}';
    expressions := '{}';
    IF NOT has_schema THEN
        problems := problems || ('error', '3F000', NULL, NULL, format('schema "%s" does not exist', source_schema),
            'Name the schema that holds the operational tables.')::vend_internal.source_problem;
    END IF;
    BEGIN
        EXECUTE format('CREATE SCHEMA %I AUTHORIZATION vend_owner', scratch);
        FOR source IN
            SELECT r.* FROM vend_internal.source_relations(source_schema, mapping) r
            -- A missing source schema is said once, not once for each table.
            WHERE r.schema_name <> source_schema OR (has_schema AND r.schema_name IS NOT NULL)
        LOOP
            problem := vend_internal.relation_problem(source.table_name, source.schema_name, source.relation_name, source.relation);
            IF problem.severity IS NOT NULL THEN
                problems := problems || problem;
                CONTINUE;
            END IF;
            PERFORM vend_internal.grant_source(source.schema_name, '');
            PERFORM vend_internal.grant_source(source.schema_name, source.relation_name);

            WITH inspected AS MATERIALIZED (
                SELECT c.position, c.column_name, c.type, c.cleaning, i.*
                FROM vend_internal.source_columns c
                CROSS JOIN LATERAL vend_internal.inspect_column(source.relation, c.table_name, c.column_name,
                    vend_internal.mapped_expression(mapping, c.table_name, c.column_name), timezone,
                    format('%I.%I', scratch, format('probe_%s_%s', c.table_position, c.position))) i
                WHERE c.table_name = source.table_name
            )
            SELECT
                string_agg(format('%s AS %I', e.expression, i.column_name), ', ' ORDER BY i.position) AS list,
                jsonb_object_agg(i.column_name, e.expression) AS expressions,
                -- What the garage itself says, for the check of its name.
                max(CASE WHEN i.cleaning = 'timezone' THEN CASE WHEN i.staging_expression IS NULL THEN 'NULL'
                    ELSE format('(%s)', i.source_expression) END END) AS source_timezone,
                coalesce(jsonb_agg(i.column_name) FILTER (WHERE i.staging_expression IS NULL), '[]') AS faulty,
                bool_or(i.is_unique) AS unique_id,
                (SELECT array_agg(p) FROM inspected s, unnest(s.problems) AS p) AS problems
            INTO columns
            FROM inspected i
            CROSS JOIN LATERAL (SELECT coalesce(i.staging_expression, CASE WHEN i.cleaning = 'timezone'
                THEN format('%L::text', timezone) ELSE 'NULL::' || i.type END) AS expression) AS e;
            problems := problems || columns.problems;

            view := format('%I.%I', scratch, 'stg_' || source.table_name);
            BEGIN
                PERFORM vend_internal.execute_as_owner(format('CREATE VIEW %s AS SELECT %s%s FROM %s', view, columns.list,
                    ', ' || columns.source_timezone || '::text AS source_timezone', source.relation::regclass));
                PERFORM vend_internal.check_dependencies(view::regclass, source.relation),
                    vend_internal.check_columns(view::regclass, source.relation);
            EXCEPTION WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS own_hint = PG_EXCEPTION_HINT;
                problems := problems || ('error', SQLSTATE, source.table_name, NULL,
                    format('no view can be made of it: %s', SQLERRM),
                    coalesce(nullif(own_hint, ''), 'Correct the table, or map its columns.'))::vend_internal.source_problem;
                CONTINUE;
            END;
            definitions := definitions || jsonb_build_object(source.table_name,
                vend_internal.staging_query(source.table_name, columns.list, source.relation::regclass));
            expressions := expressions || jsonb_build_object(source.table_name, columns.expressions);
            faulty := faulty || jsonb_build_object(source.table_name, columns.faulty);
            IF columns.unique_id THEN
                unique_ids := unique_ids || source.table_name;
            END IF;
            IF NOT columns.faulty ? 'id' THEN
                referable := referable || source.table_name;
            END IF;
        END LOOP;

        problems := problems || ARRAY(
            SELECT p
            FROM jsonb_each(faulty) AS f(table_name, columns)
            CROSS JOIN LATERAL vend_internal.data_problems(scratch, f.table_name,
                ARRAY(SELECT jsonb_array_elements_text(f.columns)), referable, f.table_name = ANY (unique_ids)) AS p);
        problems := problems || ARRAY(SELECT p FROM vend_internal.index_problems(source_schema, mapping) AS p);
        RAISE EXCEPTION USING ERRCODE = 'VEND0';
    EXCEPTION WHEN SQLSTATE 'VEND0' THEN
        NULL;
    END;
    problems := ARRAY(
        SELECT p
        FROM unnest(problems) AS p
        LEFT JOIN vend_internal.source_columns t ON t.table_name = p.table_name AND t.position = 1
        LEFT JOIN vend_internal.source_columns c ON c.table_name = p.table_name AND c.column_name = p.column_name
        ORDER BY t.table_position NULLS FIRST, c.position NULLS FIRST, p.severity, p.problem);
END $$;
COMMENT ON FUNCTION vend_internal.inspect_source(text, jsonb, text) IS
    'Every finding about a source, the query of each staging view, and how a subscription is read; leaves nothing behind.';

CREATE FUNCTION vend.check_source(source_schema text DEFAULT 'public', mapping jsonb DEFAULT '{}')
RETURNS TABLE (severity text, table_name text, column_name text, problem text, hint text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF source_schema IS NULL OR mapping IS NULL THEN
        RAISE EXCEPTION 'source_schema and mapping must not be NULL'
            USING ERRCODE = '22004', HINT = 'The mapping {} changes nothing.';
    END IF;
    RETURN QUERY
    SELECT p.severity, p.table_name, p.column_name, p.problem, p.hint
    FROM unnest((vend_internal.inspect_source(source_schema, mapping, 'UTC')).problems) AS p;
END $$;
COMMENT ON FUNCTION vend.check_source(text, jsonb) IS
    'Every problem of the operational tables in one pass; no rows: none. An error keeps vend.attach from working, a warning '
    'says what the numbers do with the rows in question. Changes nothing. 22004: NULL argument.';
