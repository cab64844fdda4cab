-- The mapping is checked key by key, so that a misspelled one is named and not silently without effect.
CREATE FUNCTION vend_internal.parse_table_name(name text, default_schema text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parts text[];
BEGIN
    parts := parse_ident(name);
    RETURN CASE cardinality(parts) WHEN 1 THEN default_schema || parts WHEN 2 THEN parts END;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN NULL;
END $$;
COMMENT ON FUNCTION vend_internal.parse_table_name(text, text) IS
    'Schema and name of a table written as in SQL, with or without its schema; NULL if it is no such name.';

CREATE FUNCTION vend_internal.mapping_problems(mapping jsonb) RETURNS SETOF vend_internal.source_problem
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH tables AS (
        SELECT t.key AS table_name, t.value AS entry, s.columns
        FROM jsonb_each(CASE WHEN jsonb_typeof(mapping) = 'object' THEN mapping END) AS t
        LEFT JOIN (
            SELECT c.table_name, string_agg(c.column_name, ', ' ORDER BY c.position) AS columns
            FROM vend_internal.source_columns c
            GROUP BY c.table_name
        ) AS s ON s.table_name = t.key
    ),
    entries AS (
        SELECT t.table_name, t.columns, e.key, e.value
        FROM tables t
        CROSS JOIN LATERAL jsonb_each(CASE WHEN jsonb_typeof(t.entry) = 'object' THEN t.entry END) AS e
        WHERE t.columns IS NOT NULL
    ),
    found AS (
        SELECT NULL::text AS table_name, NULL::text AS column_name,
            format('mapping is of type %s, not an object', jsonb_typeof(mapping)) AS problem,
            'Use {"payments": {"table": "billing.charge", "columns": {"amount": "amount_cents / 100.0"}}}.' AS hint
        WHERE jsonb_typeof(mapping) <> 'object'
        UNION ALL
        SELECT t.table_name, NULL, format('mapping names the unknown table "%s"', t.table_name),
            (SELECT format('Use %s.', string_agg(DISTINCT c.table_name, ', ')) FROM vend_internal.source_columns c)
        FROM tables t
        WHERE t.columns IS NULL
        UNION ALL
        SELECT t.table_name, NULL, format('mapping of the table is of type %s, not an object', jsonb_typeof(t.entry)),
            'Use {"table": "schema.name", "columns": {"column": "expression"}}, or one of the two keys.'
        FROM tables t
        WHERE t.columns IS NOT NULL AND jsonb_typeof(t.entry) <> 'object'
        UNION ALL
        SELECT e.table_name, NULL, format('mapping of the table has the unknown key "%s"', e.key), 'Use table and columns.'
        FROM entries e
        WHERE e.key NOT IN ('table', 'columns')
        UNION ALL
        SELECT e.table_name, NULL, format('mapping names the table %s', e.value),
            'Use "name" or "schema.name", quoted as in SQL.'
        FROM entries e
        WHERE e.key = 'table'
            AND (jsonb_typeof(e.value) <> 'string' OR vend_internal.parse_table_name(e.value #>> '{}', '') IS NULL)
        UNION ALL
        SELECT e.table_name, NULL, format('mapping of the columns is of type %s, not an object', jsonb_typeof(e.value)),
            'Use {"column": "expression"}.'
        FROM entries e
        WHERE e.key = 'columns' AND jsonb_typeof(e.value) <> 'object'
        UNION ALL
        SELECT e.table_name, c.key, wrong.problem, wrong.hint
        FROM entries e
        CROSS JOIN LATERAL jsonb_each(CASE WHEN jsonb_typeof(e.value) = 'object' THEN e.value END) AS c
        LEFT JOIN vend_internal.source_columns s ON s.table_name = e.table_name AND s.column_name = c.key
        CROSS JOIN LATERAL (
            SELECT format('mapping names the unknown column "%s"', c.key) AS problem, format('Use %s.', e.columns) AS hint
            WHERE s.column_name IS NULL
            UNION ALL
            SELECT format('mapping of the column is of type %s, not text', jsonb_typeof(c.value)),
                'Give an SQL expression over the table''s columns, in quotes.'
            WHERE s.column_name IS NOT NULL AND jsonb_typeof(c.value) <> 'string'
        ) AS wrong
        WHERE e.key = 'columns'
    )
    SELECT 'error', '22023', f.table_name, f.column_name, f.problem, f.hint FROM found f;
END;
COMMENT ON FUNCTION vend_internal.mapping_problems(jsonb) IS 'What is wrong with the shape of a mapping.';

CREATE FUNCTION vend_internal.source_relations(source_schema text, mapping jsonb)
RETURNS TABLE (table_position int, table_name text, schema_name text, relation_name text, relation oid)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT t.table_position, t.table_name, n.name[1], n.name[2], c.oid
    FROM (SELECT DISTINCT s.table_position, s.table_name FROM vend_internal.source_columns s) AS t
    CROSS JOIN LATERAL (
        SELECT CASE WHEN mapping #> ARRAY[t.table_name, 'table'] IS NULL THEN ARRAY[source_schema, t.table_name]
            ELSE vend_internal.parse_table_name(mapping #>> ARRAY[t.table_name, 'table'], source_schema) END AS name
    ) AS n
    LEFT JOIN pg_namespace s ON s.nspname = n.name[1]
    LEFT JOIN pg_class c ON c.relnamespace = s.oid AND c.relname = n.name[2]
    ORDER BY t.table_position;
END;
COMMENT ON FUNCTION vend_internal.source_relations(text, jsonb) IS
    'Where a mapping says that the nine tables are; relation NULL: not there; schema_name NULL: no table name.';

CREATE FUNCTION vend_internal.mapped_expression(mapping jsonb, table_name text, column_name text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE jsonb_typeof(mapping #> ARRAY[table_name, 'columns', column_name])
        WHEN 'string' THEN mapping #>> ARRAY[table_name, 'columns', column_name] END;
END;
COMMENT ON FUNCTION vend_internal.mapped_expression(jsonb, text, text) IS 'The expression for a column; NULL if it has none.';
