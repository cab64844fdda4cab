-- By which rows of a key are found again: without them every changed key is a scan.
CREATE VIEW vend_internal.wanted_indexes AS
SELECT * FROM (VALUES
    ('payments', '{garage_id, payment_date}'::text[], 'a garage''s payments of a day'),
    ('payments', '{garage_id, updated_at}', 'a garage''s refunds of a day'),
    ('payments', '{subscription_id}', 'a subscription''s payments'),
    ('parked', '{garage_id, entered_at}', 'a garage''s visits of a day'),
    ('parked', '{garage_id, exited_at}', 'a garage''s exits of a day'),
    ('garage_daily_occupancy', '{garage_id, day}', 'a garage''s readings of a day')
) AS w(table_name, columns, finds);
COMMENT ON VIEW vend_internal.wanted_indexes IS 'The indexes on the operational tables that rollups look rows up by.';

-- A column that is mapped to an expression has no index that we could name.
CREATE FUNCTION vend_internal.missing_indexes(source_schema text, mapping jsonb)
RETURNS TABLE (table_name text, columns text, finds text, relation regclass, kind "char")
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT w.table_name, array_to_string(w.columns, ', '), w.finds, r.relation::regclass, t.relkind
    FROM vend_internal.wanted_indexes w
    JOIN vend_internal.source_relations(source_schema, mapping) r ON r.table_name = w.table_name
    JOIN pg_class t ON t.oid = r.relation AND t.relkind IN ('r', 'p')
    CROSS JOIN LATERAL (
        SELECT array_agg(a.attnum ORDER BY c.n) AS numbers
        FROM unnest(w.columns) WITH ORDINALITY AS c(name, n)
        JOIN pg_attribute a ON a.attrelid = r.relation AND a.attnum > 0 AND NOT a.attisdropped
            AND quote_ident(a.attname) = btrim(coalesce(vend_internal.mapped_expression(mapping, w.table_name, c.name), quote_ident(c.name)))
    ) AS k
    WHERE cardinality(k.numbers) = cardinality(w.columns)
        AND NOT EXISTS (
            SELECT
            FROM pg_index i
            WHERE i.indrelid = r.relation AND i.indisvalid AND i.indpred IS NULL
                AND (i.indkey::int2[])[0:cardinality(w.columns) - 1] = k.numbers);
END;
COMMENT ON FUNCTION vend_internal.missing_indexes(text, jsonb) IS 'The wanted indexes that no index of a source stands for.';

CREATE FUNCTION vend_internal.index_statement(mapping jsonb, table_name text, columns text, relation regclass, online boolean)
RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT format('CREATE INDEX %sON %s (%s)', CASE WHEN online THEN 'CONCURRENTLY ' ELSE '' END, relation, (
        SELECT string_agg(btrim(coalesce(vend_internal.mapped_expression(mapping, table_name, c.name), quote_ident(c.name))), ', ' ORDER BY c.n)
        FROM string_to_table(columns, ', ') WITH ORDINALITY AS c(name, n)));
END;
COMMENT ON FUNCTION vend_internal.index_statement(jsonb, text, text, regclass, boolean) IS 'Makes a wanted index.';

CREATE FUNCTION vend_internal.index_problems(source_schema text, mapping jsonb) RETURNS SETOF vend_internal.source_problem
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'warning', NULL, m.table_name, NULL, format('no index on (%s) finds %s', m.columns, m.finds),
        format('Make it, or let vend.attach(create_indexes => true) do so, which keeps writers waiting: %s',
            -- Of a partitioned table there is no other way.
            vend_internal.index_statement(mapping, m.table_name, m.columns, m.relation, m.kind = 'r'))
    FROM vend_internal.missing_indexes(source_schema, mapping) m;
END;
COMMENT ON FUNCTION vend_internal.index_problems(text, jsonb) IS 'A warning for each index that is missing.';
