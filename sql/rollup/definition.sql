-- What a rollup may be: refused here, rather than found wrong later.
CREATE FUNCTION vend_internal.refuse_rollup(name text, problem text, code text, hint text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'rollup "%": %', name, problem USING ERRCODE = code, HINT = hint;
END $$;
COMMENT ON FUNCTION vend_internal.refuse_rollup(text, text, text, text) IS 'Raises what stands against a rollup.';

-- Views are looked through; what they read is what matters.
CREATE FUNCTION vend_internal.all_facts(view regclass) RETURNS TABLE (relation oid, kind text, object oid)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH RECURSIVE views(relation) AS (
        SELECT view::oid
        UNION
        SELECT f.object
        FROM views v
        CROSS JOIN LATERAL vend_internal.query_facts(v.relation) f
        JOIN pg_class c ON c.oid = f.object AND c.relkind = 'v'
        WHERE f.kind = 'relation'
    )
    SELECT v.relation, f.kind, f.object
    FROM views v
    CROSS JOIN LATERAL vend_internal.query_facts(v.relation) f
    -- Up to PostgreSQL 15 the tree of a view names the view itself.
    WHERE f.object IS DISTINCT FROM v.relation;
END;
COMMENT ON FUNCTION vend_internal.all_facts(regclass) IS 'What a view''s query does, in itself and in the views it reads.';

-- A rollup is computed by one session and read by another, today and next year: only its sources may decide what it holds.
CREATE FUNCTION vend_internal.query_problem(view regclass, OUT problem text, OUT hint text, OUT code text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT p.problem, p.hint, CASE p.rank WHEN 0 THEN '42501' ELSE '0A000' END
    FROM vend_internal.all_facts(view) f
    LEFT JOIN pg_proc r ON f.kind IN ('function', 'aggregate', 'unordered aggregate', 'window function') AND r.oid = f.object
    LEFT JOIN pg_class c ON f.kind IN ('relation', 'sample') AND c.oid = f.object
    CROSS JOIN LATERAL (
        SELECT 0 AS rank, format('function %s belongs to "%s"', r.oid::regprocedure, o.rolname) AS problem,
            'Everybody who reads the rollup would run it: only a superuser or vend_owner may own it.' AS hint
        FROM pg_roles o
        WHERE o.oid = r.proowner AND NOT o.rolsuper AND o.rolname <> 'vend_owner'
        UNION ALL
        SELECT 1, format('it reads the clock or the session with %s()', r.proname),
            'Leave today, this month and the like to whoever reads the rollup.'
        WHERE r.proname IN ('now', 'transaction_timestamp', 'statement_timestamp', 'clock_timestamp', 'timeofday',
            'current_setting', 'current_user', 'session_user', 'pg_backend_pid')
        UNION ALL
        SELECT 1, 'it reads the clock or the session', 'Leave today, this month and the like to whoever reads the rollup.'
        WHERE f.kind = 'session value'
        UNION ALL
        SELECT 2, format('function %s is not immutable', r.oid::regprocedure),
            'Rows must follow from the sources alone, whoever computes them. For a date name the zone: vend.local_day(at, ''UTC'').'
        WHERE r.provolatile <> 'i' AND r.prokind = 'f'
            -- Stable only because a label may be renamed, or a file of time zones replaced.
            AND r.oid <> ALL ('{enum_out, enum_in, vend_internal.known_timezone}'::regproc[])
        UNION ALL
        SELECT 3, format('%s depends on the order of its rows', r.proname), 'Give the aggregate an ORDER BY.'
        WHERE f.kind = 'unordered aggregate' AND r.pronamespace = 'pg_catalog'::regnamespace
            AND r.proname ~ '^(array_agg|string_agg|xmlagg|any_value|json.*_agg.*)$'
        UNION ALL
        SELECT 3, format('%s over floating point depends on the order of its rows', r.proname), 'Cast the column to numeric.'
        WHERE f.kind LIKE '%aggregate' AND r.pronamespace = 'pg_catalog'::regnamespace
            AND r.proname !~ '^(min|max|count|bool_.*|every|array_agg)$'
            AND r.proargtypes::oid[] && ARRAY['float4'::regtype, 'float8'::regtype]::oid[]
            AND NOT EXISTS (SELECT FROM pg_aggregate a WHERE a.aggfnoid = r.oid AND a.aggkind <> 'n')
        UNION ALL
        SELECT 4, format('it uses %s', CASE f.kind WHEN 'limit' THEN 'LIMIT or OFFSET' WHEN 'row lock' THEN 'FOR UPDATE or the like'
            WHEN 'sequence' THEN 'a sequence' WHEN 'sample' THEN 'TABLESAMPLE' ELSE 'WITH RECURSIVE' END),
            'Rank or filter when the rollup is read.'
        WHERE f.kind IN ('limit', 'row lock', 'sequence', 'sample', 'recursion')
        UNION ALL
        SELECT 5, format('it reads %s, which is no ordinary table', c.oid::regclass), 'Read tables, and views of tables.'
        WHERE f.kind = 'relation' AND (c.relkind NOT IN ('r', 'p', 'v') OR c.relnamespace = 'pg_catalog'::regnamespace)
    ) AS p
    ORDER BY p.rank, p.problem
    FETCH FIRST ROW ONLY;
END;
COMMENT ON FUNCTION vend_internal.query_problem(regclass) IS 'Why a query cannot be kept as a rollup; NULL if it can.';

CREATE FUNCTION vend_internal.check_rollup_query(name text, view regclass, key text[], tenant_column text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found record;
    grouped text[] := ARRAY(SELECT g FROM vend_internal.grouped_columns(view) g ORDER BY g);
    foreign_type text;
BEGIN
    SELECT * INTO found FROM vend_internal.query_problem(view);
    IF found.problem IS NOT NULL THEN
        PERFORM vend_internal.refuse_rollup(name, found.problem, found.code, found.hint);
    END IF;
    IF EXISTS (SELECT FROM vend_internal.query_facts(view) f WHERE f.kind = 'window function') THEN
        PERFORM vend_internal.refuse_rollup(name, 'it uses a window function', '0A000',
            'A row must depend on its own key only: rank or compare when the rollup is read.');
    END IF;
    IF grouped IS DISTINCT FROM ARRAY(SELECT k FROM unnest(key) k ORDER BY k) THEN
        PERFORM vend_internal.refuse_rollup(name, format('its key is (%s), but the query groups by (%s)',
            array_to_string(key, ', '), array_to_string(grouped, ', ')), '42803',
            'The key is every column of GROUP BY, by the name it has in the result.');
    END IF;
    IF tenant_column IS NOT NULL AND tenant_column <> ALL (key) THEN
        PERFORM vend_internal.refuse_rollup(name, format('its key lacks the tenant column "%s"', tenant_column), '42703',
            'Group by it too, or give tenant_column => NULL for a rollup of the whole platform.');
    END IF;
    SELECT format('%I is of type %s', a.attname, format_type(a.atttypid, a.atttypmod)) INTO foreign_type
    FROM pg_attribute a
    JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = view AND a.attnum > 0
        AND (a.attname = ANY (key) AND (t.typnamespace <> 'pg_catalog'::regnamespace OR t.typtype NOT IN ('b', 'e'))
            OR t.typname IN ('json', 'xml', 'point', 'box', 'polygon', 'path', 'circle', 'lseg', 'line'));
    IF foreign_type IS NOT NULL THEN
        PERFORM vend_internal.refuse_rollup(name, format('column %s', foreign_type), '0A000',
            'Cast it: a key to a built-in type such as text, a value to one that can be compared, such as jsonb.');
    END IF;
END $$;
COMMENT ON FUNCTION vend_internal.check_rollup_query(text, regclass, text[], text) IS
    'Raises an error unless each row of the query follows from its key and the sources alone.';

-- A source is one of the nine tables by its plain name, read as staging reads it, or any table by its qualified name.
CREATE FUNCTION vend_internal.source_row(
    source text, OUT relation regclass, OUT alias text, OUT columns text[], OUT expressions text[]
)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT r.relation, r.relation_name, s.columns, s.expressions
    FROM vend_internal.source a
    CROSS JOIN LATERAL vend_internal.source_relations(a.source_schema, a.mapping) r
    CROSS JOIN LATERAL (
        SELECT array_agg(c.column_name ORDER BY c.position) AS columns,
            array_agg(a.expressions #>> ARRAY[source, c.column_name] ORDER BY c.position) AS expressions
        FROM vend_internal.source_columns c
        WHERE c.table_name = source
    ) AS s
    WHERE r.table_name = source
    UNION ALL
    SELECT c.oid, c.relname, vend_internal.columns_of(c.oid),
        ARRAY(SELECT quote_ident(n) FROM unnest(vend_internal.columns_of(c.oid)) n)
    FROM (SELECT vend_internal.parse_table_name(source, '') AS name) AS given
    JOIN pg_namespace n ON n.nspname = given.name[1]
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = given.name[2] AND c.relkind IN ('r', 'p');
END;
COMMENT ON FUNCTION vend_internal.source_row(text) IS
    'The table of a source, and its columns as expressions over a row that goes by the alias; NULL: no such source.';

CREATE FUNCTION vend_internal.capture_problem(relation regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE
        WHEN c.relispartition THEN 'is a partition: give the partitioned table'
        WHEN c.relpersistence <> 'p' THEN 'is temporary or unlogged, so its rows can vanish without a trace'
        WHEN c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid OR i.inhrelid = c.oid)
            THEN 'inherits or is inherited from'
        WHEN EXISTS (SELECT FROM pg_partition_tree(c.oid) p JOIN pg_class f ON f.oid = p.relid WHERE f.relkind = 'f')
            THEN 'has foreign partitions, whose changes nobody sees'
    END
    FROM pg_class c
    WHERE c.oid = relation;
END;
COMMENT ON FUNCTION vend_internal.capture_problem(regclass) IS 'Why the changes of a table cannot be followed; NULL if they can.';

CREATE FUNCTION vend_internal.rows_of(source text, relation text, columns text[] DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT format('(SELECT %s FROM %s AS %I) AS %I',
        (SELECT string_agg(format('%s AS %I', c.expression, c.name), ', ' ORDER BY c.n)
        FROM unnest(r.columns, r.expressions) WITH ORDINALITY AS c(name, expression, n)
        WHERE $3 IS NULL OR c.name = ANY ($3)),
        $2, r.alias, (vend_internal.parse_table_name($1, ''))[2])
    FROM vend_internal.source_row($1) r;
END;
COMMENT ON FUNCTION vend_internal.rows_of(text, text, text[]) IS
    'A FROM item with the rows of a relation that has the columns of a source''s table, as the source shows them (NULL: all).';
