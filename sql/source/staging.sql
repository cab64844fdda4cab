-- How a source column becomes a staging column. Every result has the promised type, no type modifier and the default
-- collation, so that CREATE OR REPLACE VIEW accepts it whatever the source was before.
CREATE FUNCTION vend_internal.base_type(type oid) RETURNS oid
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH RECURSIVE bases(type) AS (
        SELECT $1
        UNION ALL
        SELECT t.typbasetype FROM bases b JOIN pg_type t ON t.oid = b.type WHERE t.typtype = 'd'
    )
    SELECT b.type FROM bases b JOIN pg_type t ON t.oid = b.type WHERE t.typtype <> 'd';
END;
COMMENT ON FUNCTION vend_internal.base_type(oid) IS 'The type under a domain; any other type itself.';

CREATE FUNCTION vend_internal.staging_expression(
    expression text, base_type oid, type text, cleaning text, timezone text
) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE CASE WHEN typed.expression IS NOT NULL THEN cleaning END
        -- In Turkish a capital I is no i.
        WHEN 'code' THEN format('nullif(lower(btrim(%s) COLLATE "C") COLLATE "default", '''')', typed.expression)
        WHEN 'label' THEN format('nullif(btrim(%s), '''')', typed.expression)
        WHEN 'timezone' THEN format('coalesce(vend_internal.known_timezone(btrim(%s)), %L)', typed.expression, timezone)
        ELSE typed.expression
    END
    FROM (
        SELECT CASE type
            WHEN 'uuid' THEN CASE WHEN base.name = 'uuid' THEN format('(%s)::uuid', expression) END
            -- Any text-like type or enum.
            WHEN 'text' THEN CASE WHEN base.category IN ('S', 'E') THEN format('((%s)::text COLLATE "default")', expression) END
            WHEN 'numeric' THEN CASE WHEN base.name IN ('numeric', 'int2', 'int4', 'int8') THEN format('(%s)::numeric', expression) END
            WHEN 'integer' THEN CASE WHEN base.name IN ('int2', 'int4') THEN format('(%s)::integer', expression) END
            WHEN 'boolean' THEN CASE WHEN base.name = 'bool' THEN format('(%s)::boolean', expression) END
            WHEN 'jsonb' THEN CASE WHEN base.name = 'jsonb' THEN format('(%s)::jsonb', expression) END
            WHEN 'timestamptz' THEN CASE base.name
                WHEN 'timestamptz' THEN format('(%s)::timestamptz', expression)
                -- The name of a zone would be looked up for every row.
                WHEN 'timestamp' THEN format('((%s)::timestamp AT TIME ZONE interval ''0'')', expression)
            END
            -- A calendar label: its date is taken, whatever zone it was meant in.
            WHEN 'date' THEN CASE WHEN base.name IN ('date', 'timestamp') THEN format('(%s)::date', expression) END
        END AS expression
        FROM (
            SELECT CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN t.typname END AS name, t.typcategory AS category
            FROM pg_type t
            WHERE t.oid = staging_expression.base_type
        ) AS base
    ) AS typed;
END;
COMMENT ON FUNCTION vend_internal.staging_expression(text, oid, text, text, text) IS
    'An expression of a base type as a staging column of the given type; NULL where that would guess or lose something.';

CREATE FUNCTION vend_internal.type_hint(expression text, base_type oid, type text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT format(CASE
        WHEN type = 'uuid' AND t.typname IN ('int2', 'int4', 'int8')
            THEN 'Ids must be uuid. Map this one and every column that refers to it to lpad(to_hex(%s), 32, ''0'')::uuid.'
        WHEN type = 'numeric' AND t.typname IN ('float4', 'float8')
            THEN 'A float is not exact. Map it to round((%s)::numeric, 2), or make the column numeric.'
        WHEN type = 'boolean' AND t.typcategory = 'N' THEN 'Map it to (%s) <> 0.'
        WHEN type = 'timestamptz' AND t.typcategory = 'N' THEN 'Map it to to_timestamp(%s) if it holds seconds since 1970.'
        WHEN type = 'timestamptz' THEN 'Map it to (%s)::timestamp AT TIME ZONE ''UTC'', with the zone it was written in.'
        WHEN type = 'date' AND t.typname = 'timestamptz'
            THEN 'Map it to ((%s) AT TIME ZONE ''UTC'')::date, with the zone in which it is midnight.'
        ELSE 'Map it to an expression such as (%s)::' || type || '.'
    END, expression)
    FROM pg_type t
    WHERE t.oid = type_hint.base_type;
END;
COMMENT ON FUNCTION vend_internal.type_hint(text, oid, text) IS 'What to write instead of an expression of a wrong type.';

-- A view runs its functions with the rights of whoever reads it, so a function that an ordinary role may replace would be
-- a way to run code as everybody else. An enum carries no code; a domain (its checks) and a range do.
CREATE FUNCTION vend_internal.check_dependencies(view regclass, source oid) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    culprit record;
BEGIN
    SELECT pg_describe_object(d.refclassid, d.refobjid, 0) AS object INTO culprit
    FROM pg_rewrite r
    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    WHERE r.ev_class = check_dependencies.view AND d.refclassid = 'pg_class'::regclass
        AND d.refobjid NOT IN (check_dependencies.view, check_dependencies.source)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'it depends on %', culprit.object
            USING ERRCODE = '0A000', HINT = 'Use columns of the table itself.';
    END IF;

    SELECT pg_describe_object(o.class, o.object, 0) AS object, a.rolname AS owner INTO culprit
    FROM pg_rewrite r
    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    CROSS JOIN LATERAL (
        SELECT d.refclassid AS class, p.oid AS object, p.proowner AS owner
        FROM pg_proc p
        WHERE d.refclassid = 'pg_proc'::regclass AND p.oid = d.refobjid
        UNION ALL
        SELECT d.refclassid, o.oid, o.oprowner
        FROM pg_operator o
        WHERE d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
        UNION ALL
        SELECT 'pg_proc'::regclass, p.oid, p.proowner
        FROM pg_operator o
        JOIN pg_proc p ON p.oid = o.oprcode
        WHERE d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
        UNION ALL
        SELECT d.refclassid, t.oid, t.typowner
        FROM pg_type t
        WHERE d.refclassid = 'pg_type'::regclass AND t.oid = d.refobjid AND t.typtype NOT IN ('c', 'e')
    ) AS o
    JOIN pg_roles a ON a.oid = o.owner
    WHERE r.ev_class = check_dependencies.view AND NOT a.rolsuper AND a.rolname <> 'vend_owner'
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'it depends on %, which belongs to "%"', culprit.object, culprit.owner
            USING ERRCODE = '42501',
            HINT = 'Everybody who reads the reports would run it: only a superuser or vend_owner may own it.';
    END IF;
END $$;
COMMENT ON FUNCTION vend_internal.check_dependencies(regclass, oid) IS
    'Raises 42501 if a view runs what an ordinary role may replace, 0A000 if it reads anything but its source.';

CREATE FUNCTION vend_internal.check_columns(view regclass, source oid) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unseen name;
BEGIN
    SELECT a.attname INTO unseen
    FROM pg_rewrite r
    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    JOIN pg_attribute a ON d.refclassid = 'pg_class'::regclass AND a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE r.ev_class = check_columns.view AND a.attrelid = check_columns.source AND a.attgenerated = 'v'
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'it reads the virtual generated column "%"', unseen
            USING ERRCODE = '0A000', HINT = 'No trigger sees its value: give the expression itself, or make it STORED.';
    END IF;
END $$;
COMMENT ON FUNCTION vend_internal.check_columns(regclass, oid) IS
    'Raises 0A000 if a view reads a column of its source whose changes cannot be noted.';

-- The view tells the type; the WHERE clause is where PostgreSQL itself refuses aggregates, window functions and sets.
CREATE FUNCTION vend_internal.probe_expression(expression text, source regclass, view text) RETURNS oid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM vend_internal.check_expression(expression);
    PERFORM vend_internal.execute_as_owner(format(
        E'CREATE VIEW %1$s AS SELECT (%2$s\n) AS value FROM %3$s WHERE (%2$s\n) IS NOT NULL', view, expression, source));
    PERFORM vend_internal.check_dependencies(view::regclass, source), vend_internal.check_columns(view::regclass, source);
    RETURN (SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = view::regclass AND a.attname = 'value');
END $$;
COMMENT ON FUNCTION vend_internal.probe_expression(text, regclass, text) IS
    'The type of an administrator''s expression over a table, or the error that speaks against it.';

CREATE FUNCTION vend_internal.staging_query(table_name text, columns text, source regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE table_name
        -- Of two rows for one day the later one holds.
        WHEN 'garage_daily_occupancy' THEN format('SELECT DISTINCT ON (garage_id, day) * FROM (SELECT %s FROM %s) AS every_row '
            'ORDER BY garage_id, day, created_at DESC NULLS LAST, id DESC', columns, source)
        ELSE format('SELECT %s FROM %s', columns, source)
    END;
END;
COMMENT ON FUNCTION vend_internal.staging_query(text, text, regclass) IS 'The query of a staging view.';
