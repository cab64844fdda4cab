-- By which rows of a key are found again: without them every changed key is a scan.
CREATE VIEW vend_internal.wanted_indexes AS
SELECT * FROM (VALUES
    ('payments', '{garage_id, payment_date}'::text[], NULL, 'a garage''s payments of a day'),
    -- Few payments are: where the status is an enum, an index of no others will do.
    ('payments', '{garage_id, updated_at}', 'refunded', 'a garage''s refunds of a day'),
    ('payments', '{subscription_id}', NULL, 'a subscription''s payments'),
    ('parked', '{garage_id, entered_at}', NULL, 'a garage''s visits of a day'),
    ('parked', '{garage_id, exited_at}', NULL, 'a garage''s exits of a day'),
    ('garage_daily_occupancy', '{garage_id, day}', NULL, 'a garage''s readings of a day')
) AS w(table_name, columns, status, finds);
COMMENT ON VIEW vend_internal.wanted_indexes IS 'The indexes on the operational tables that rollups look rows up by.';

-- As PostgreSQL shows the condition of an index, and as vend_internal.has_code() has the planner ask.
CREATE FUNCTION vend_internal.status_condition(relation oid, expression text, status text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT format('(%I = %L::%s)', a.attname, min(e.enumlabel), format_type(a.atttypid, NULL))
    FROM pg_attribute a
    JOIN pg_enum e ON e.enumtypid = a.atttypid AND lower(btrim(e.enumlabel) COLLATE "C") = $3
    WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped AND quote_ident(a.attname) = $2
    GROUP BY a.attname, a.atttypid
    HAVING count(*) = 1;
END;
COMMENT ON FUNCTION vend_internal.status_condition(oid, text, text) IS
    'The condition of an index of the rows with a status alone; NULL unless its column is an enum with one label for it.';

-- A column that is mapped to an expression has no index that we could name.
CREATE FUNCTION vend_internal.missing_indexes(source_schema text, mapping jsonb)
RETURNS TABLE (table_name text, columns text, finds text, relation regclass, kind "char", condition text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT w.table_name, array_to_string(w.columns, ', '), w.finds, r.relation::regclass, t.relkind, k.condition
    FROM vend_internal.wanted_indexes w
    JOIN vend_internal.source_relations(source_schema, mapping) r ON r.table_name = w.table_name
    JOIN pg_class t ON t.oid = r.relation AND t.relkind IN ('r', 'p')
    CROSS JOIN LATERAL (
        SELECT array_agg(a.attnum ORDER BY c.n) AS numbers, vend_internal.status_condition(
            r.relation, btrim(coalesce(vend_internal.mapped_expression(mapping, w.table_name, 'status'), 'status')), w.status) AS condition
        FROM unnest(w.columns) WITH ORDINALITY AS c(name, n)
        JOIN pg_attribute a ON a.attrelid = r.relation AND a.attnum > 0 AND NOT a.attisdropped
            AND quote_ident(a.attname) = btrim(coalesce(vend_internal.mapped_expression(mapping, w.table_name, c.name), quote_ident(c.name)))
    ) AS k
    WHERE cardinality(k.numbers) = cardinality(w.columns)
        AND NOT EXISTS (
            SELECT
            FROM pg_index i
            WHERE i.indrelid = r.relation AND i.indisvalid AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) = k.condition)
                AND (i.indkey::int2[])[0:cardinality(w.columns) - 1] = k.numbers);
END;
COMMENT ON FUNCTION vend_internal.missing_indexes(text, jsonb) IS 'The wanted indexes that no index of a source stands for.';

CREATE FUNCTION vend_internal.index_statement(
    mapping jsonb, table_name text, columns text, relation regclass, condition text, online boolean
) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT concat(format('CREATE INDEX %sON %s (%s)', CASE WHEN online THEN 'CONCURRENTLY ' ELSE '' END, relation, (
        SELECT string_agg(btrim(coalesce(vend_internal.mapped_expression(mapping, table_name, c.name), quote_ident(c.name))), ', ' ORDER BY c.n)
        FROM string_to_table(columns, ', ') WITH ORDINALITY AS c(name, n))), ' WHERE ' || condition);
END;
COMMENT ON FUNCTION vend_internal.index_statement(jsonb, text, text, regclass, text, boolean) IS 'Makes a wanted index.';

CREATE FUNCTION vend_internal.index_problems(source_schema text, mapping jsonb) RETURNS SETOF vend_internal.source_problem
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'warning', NULL, m.table_name, NULL, format('no index on (%s) finds %s', m.columns, m.finds),
        format('Make it, or let vend.attach(create_indexes => true) do so, which keeps writers waiting: %s',
            -- Of a partitioned table there is no other way.
            vend_internal.index_statement(mapping, m.table_name, m.columns, m.relation, m.condition, m.kind = 'r'))
    FROM vend_internal.missing_indexes(source_schema, mapping) m;
END;
COMMENT ON FUNCTION vend_internal.index_problems(text, jsonb) IS 'A warning for each index that is missing.';
