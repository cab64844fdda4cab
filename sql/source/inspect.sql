-- One table and one column at a time: what stands against it, and how the staging view will read it.
CREATE FUNCTION vend_internal.relation_problem(
    table_name text, schema_name text, relation_name text, relation oid
) RETURNS vend_internal.source_problem
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'error', '42P01', $1, NULL, format('table "%s.%s" does not exist', $2, $3),
        format('Create it, or say where it is: {"%s": {"table": "schema.name"}}.', $1)
    WHERE $4 IS NULL
    UNION ALL
    SELECT 'error', '42809', $1, NULL, format('"%s.%s" is a %s, not a table', $2, $3, kind.name),
        'Map the table under it: only a table''s changes can be followed.'
    FROM pg_class c
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN c.relpersistence = 't' THEN 'temporary table'
            WHEN c.relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace)
                THEN 'system relation'
            WHEN c.relkind = 'v' THEN 'view'
            WHEN c.relkind = 'm' THEN 'materialized view'
            WHEN c.relkind = 'f' THEN 'foreign table'
            WHEN c.relkind NOT IN ('r', 'p') THEN 'relation of another kind'
        END AS name
    ) AS kind
    WHERE c.oid = $4 AND kind.name IS NOT NULL;
END;
COMMENT ON FUNCTION vend_internal.relation_problem(text, text, text, oid) IS
    'Why a relation cannot stand for an operational table; NULL if it can.';

CREATE FUNCTION vend_internal.other_timezones() RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT array_agg(DISTINCT z.timezone ORDER BY z.timezone)
    FROM (
        SELECT current_setting('TimeZone') AS timezone
        UNION ALL
        SELECT split_part(c.setting, '=', 2)
        FROM pg_db_role_setting s
        JOIN pg_database d ON d.datname = current_database() AND s.setdatabase IN (0, d.oid)
        CROSS JOIN LATERAL unnest(s.setconfig) AS c(setting)
        WHERE c.setting ILIKE 'timezone=%'
    ) AS z
    WHERE lower(z.timezone) NOT IN ('utc', 'etc/utc', 'uct', 'etc/uct', 'gmt', 'etc/gmt', 'zulu', 'etc/zulu',
        'universal', 'etc/universal');
END;
COMMENT ON FUNCTION vend_internal.other_timezones() IS
    'Time zones other than UTC in which sessions of this database run: the current one, and those of databases and roles.';

-- A default such as now() becomes local time when it is stored in a timestamp without time zone.
CREATE FUNCTION vend_internal.has_clock_default(relation oid, column_number int2) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (
        SELECT
        FROM pg_attrdef d
        CROSS JOIN LATERAL (SELECT pg_get_expr(d.adbin, d.adrelid)) AS e(expression)
        WHERE d.adrelid = $1 AND d.adnum = $2
            AND e.expression ~* ('\m(now|current_timestamp|localtimestamp|current_date|transaction_timestamp|'
                'statement_timestamp|clock_timestamp|timeofday)\M')
            AND e.expression !~* 'at time zone|\mtimezone\(');
END;
COMMENT ON FUNCTION vend_internal.has_clock_default(oid, int2) IS 'Whether a column''s default is the session''s local time.';

CREATE FUNCTION vend_internal.has_unique_index(relation oid, column_number int2) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (
        SELECT
        FROM pg_index i
        WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
            AND i.indnkeyatts = 1 AND i.indkey[0] = $2);
END;
COMMENT ON FUNCTION vend_internal.has_unique_index(oid, int2) IS 'Whether an index vouches for a column''s values being unique.';

CREATE FUNCTION vend_internal.inspect_column(
    relation regclass, table_name text, column_name text, mapped text, timezone text, probe_view text,
    OUT problems vend_internal.source_problem[], OUT source_expression text, OUT staging_expression text,
    OUT is_unique boolean
)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    spec vend_internal.source_columns;
    attribute pg_attribute;
    source_type oid;
    problem vend_internal.source_problem;
    own_hint text;
BEGIN
    SELECT * INTO STRICT spec FROM vend_internal.source_columns c
    WHERE c.table_name = inspect_column.table_name AND c.column_name = inspect_column.column_name;
    problems := '{}';
    problem.table_name := table_name;
    problem.column_name := column_name;
    problem.severity := 'error';
    source_expression := coalesce(mapped || E'\n', quote_ident(column_name));

    SELECT * INTO attribute FROM pg_attribute a
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
        AND quote_ident(a.attname) = rtrim(source_expression, E' \n');
    IF FOUND THEN
        source_type := vend_internal.base_type(attribute.atttypid);
    ELSIF mapped IS NULL THEN
        IF spec.necessity <> 'silent' THEN
            problem.severity := CASE spec.necessity WHEN 'required' THEN 'error' ELSE 'warning' END;
            problem.code := '42703';
            problem.problem := format('column "%s" is missing', column_name);
            problem.hint := concat(CASE spec.necessity WHEN 'optional' THEN 'It is read as NULL. ' END,
                format('Add it, or say what stands for it: {"%s": {"columns": {"%s": "an expression"}}}.',
                    table_name, column_name));
            problems := problems || problem;
        END IF;
    ELSE
        BEGIN
            source_type := vend_internal.base_type(vend_internal.probe_expression(mapped, relation, probe_view));
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS own_hint = PG_EXCEPTION_HINT;
            problem.code := SQLSTATE;
            -- The clause is where the expression was tried, not where the administrator wrote it.
            problem.problem := format('expression "%s" is refused: %s', mapped, replace(SQLERRM, ' in WHERE', ' here'));
            problem.hint := CASE
                WHEN own_hint <> '' AND SQLSTATE <> '42883' THEN own_hint
                WHEN SQLSTATE = '42501' THEN 'Grant vend_owner what the expression needs.'
                ELSE 'Give one SQL expression over the table''s columns; names outside pg_catalog need their schema.'
            END;
            problems := problems || problem;
        END;
    END IF;

    IF source_type IS NOT NULL THEN
        staging_expression := vend_internal.staging_expression(source_expression, source_type, spec.type, spec.cleaning, timezone);
        IF staging_expression IS NULL THEN
            problem.code := '42804';
            problem.problem := format('"%s" is of type %s, not %s', rtrim(source_expression, E'\n'),
                format_type(source_type, NULL), spec.type);
            problem.hint := vend_internal.type_hint(rtrim(source_expression, E'\n'), source_type, spec.type);
            problems := problems || problem;
        END IF;
    END IF;

    problem.severity := 'warning';
    problem.code := NULL;
    IF source_type = 'timestamp'::regtype AND spec.type = 'timestamptz'
        AND vend_internal.has_clock_default(relation, attribute.attnum) AND vend_internal.other_timezones() IS NOT NULL
    THEN
        problem.problem := format('its default is the session''s local time, and sessions run in %s',
            array_to_string(vend_internal.other_timezones(), ', '));
        problem.hint := 'A timestamp without time zone is taken for UTC. Set the time zone to UTC, or map the column to '
            || format('(%s AT TIME ZONE ''Europe/Berlin'') with the zone it is in.', attribute.attname);
        problems := problems || problem;
    END IF;
    is_unique := column_name = 'id' AND staging_expression IS NOT NULL
        AND attribute.attnum IS NOT NULL AND vend_internal.has_unique_index(relation, attribute.attnum);
    IF column_name = 'id' AND staging_expression IS NOT NULL AND NOT is_unique THEN
        problem.problem := 'no unique index vouches for it';
        problem.hint := 'Make it the primary key: a row that is there twice counts twice.';
        problems := problems || problem;
    END IF;
END $$;
COMMENT ON FUNCTION vend_internal.inspect_column(regclass, text, text, text, text, text) IS
    'What is wrong with one column, and how staging reads it: staging_expression is NULL where it cannot.';
