-- What a rollup consists of. Everything belongs to vend_owner and is made with its rights.

CREATE FUNCTION vend_internal.table_columns_of(relation regclass, rows_of_source text) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    used text[];
BEGIN
    PERFORM vend_internal.execute_as_owner(format('CREATE VIEW vend_staging.probe AS SELECT * FROM %s', rows_of_source));
    PERFORM vend_internal.check_columns('vend_staging.probe', relation);
    SELECT array_agg(a.attname ORDER BY a.attnum) INTO used
    FROM pg_attribute a
    WHERE a.attrelid = relation AND a.attnum > 0 AND EXISTS (
        SELECT
        FROM pg_rewrite r
        JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
        WHERE r.ev_class = 'vend_staging.probe'::regclass AND d.refclassid = 'pg_class'::regclass
            AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum);
    PERFORM vend_internal.execute_as_owner('DROP VIEW vend_staging.probe');
    RETURN coalesce(used, '{}');
END $$;
COMMENT ON FUNCTION vend_internal.table_columns_of(regclass, text) IS
    'The columns of a table that a FROM item over it reads; raises what speaks against reading them.';

-- The relation "changed" is made for a moment: PostgreSQL then knows which of its columns a SELECT reads.
CREATE FUNCTION vend_internal.execute_over_changed(statement text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, vend_staging, pg_temp AS $$
BEGIN
    EXECUTE statement;
END $$;
COMMENT ON FUNCTION vend_internal.execute_over_changed(text) IS
    'Executes statements with the rights of vend_owner, where the staging schema need not be named.';

CREATE FUNCTION vend_internal.columns_of_changed(keys text, rows_of_source text) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    used text[];
BEGIN
    PERFORM vend_internal.execute_over_changed(format('CREATE TABLE vend_staging.changed AS SELECT * FROM %s WITH NO DATA', rows_of_source));
    PERFORM vend_internal.execute_over_changed(format(E'CREATE VIEW vend_staging.probe AS %s\n', keys));
    SELECT array_agg(a.attname ORDER BY a.attnum) INTO used
    FROM pg_attribute a
    WHERE a.attrelid = 'vend_staging.changed'::regclass AND a.attnum > 0 AND (
        EXISTS (SELECT FROM vend_internal.query_facts('vend_staging.probe'::regclass) f WHERE f.kind = 'whole row')
        OR EXISTS (
            SELECT
            FROM pg_rewrite r
            JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
            WHERE r.ev_class = 'vend_staging.probe'::regclass AND d.refclassid = 'pg_class'::regclass
                AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum));
    PERFORM vend_internal.execute_as_owner('DROP VIEW vend_staging.probe; DROP TABLE vend_staging.changed');
    RETURN coalesce(used, '{}');
END $$;
COMMENT ON FUNCTION vend_internal.columns_of_changed(text, text) IS 'The columns of "changed" that a SELECT over it reads.';

CREATE FUNCTION vend_internal.is_noted_select(touches jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT touches - '{note, keys}'::text[] = '{}' AND jsonb_typeof(touches -> 'keys') = 'string' AND jsonb_typeof(touches -> 'note') = 'object'
        AND touches -> 'note' <> '{}' AND NOT jsonb_path_exists(touches -> 'note', 'strict $.* ? (@.type() != "string")');
END;
COMMENT ON FUNCTION vend_internal.is_noted_select(jsonb) IS
    'Whether an object names what is noted of a row, as expressions, and has the SELECT for which that is changed.';

-- What changes one row at a time leaves few notes, and would pay for a second one or for an entry of an index as much as for the
-- first: its notes are in a table that readers look through, and that inherits from the notes of all our own rollups over the
-- source. Others have one for each, as a table that is replaced waits for readers of those that it is part of.
CREATE FUNCTION vend_internal.make_lone_notes(made vend_internal.rollup_sources) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $$
DECLARE
    is_shared boolean := (SELECT r.built_in FROM vend_internal.rollups r WHERE r.name = (made).rollup);
    lone text := CASE WHEN is_shared THEN vend_internal.part_of((vend_internal.parse_table_name((made).source, ''))[2], 'lone_notes')
        ELSE vend_internal.part_of((made).rollup, 'lone_notes', (made).position) END;
    sharers vend_internal.rollup_sources[] := ARRAY(
        SELECT s
        FROM vend_internal.rollup_sources s
        JOIN vend_internal.rollups r ON r.name = s.rollup
        WHERE (s.rollup, s.position) = ((made).rollup, (made).position) OR is_shared AND r.built_in AND s.relation = (made).relation AND s.touched <> '{}'
        ORDER BY s.rollup, s.position);
BEGIN
    ASSERT NOT EXISTS (
        SELECT
        FROM unnest(sharers) s
        CROSS JOIN LATERAL unnest(s.noted, s.noted_expressions) AS n(name, expression)
        GROUP BY n.name
        HAVING count(DISTINCT n.expression) > 1), format('one name is noted of %s in two ways', (made).source);
    PERFORM vend_internal.drop_lone_notes(lone);
    PERFORM vend_internal.execute_as_owner(format('CREATE TABLE %s () INHERITS (%s)', lone, string_agg(vend_internal.part_of(s.rollup, 'notes', s.position), ', ' ORDER BY s.rollup, s.position)))
    FROM unnest(sharers) s
    HAVING count(*) > 1 OR bool_or(vend_internal.found_by(s.noted, s.touched) <> '{}');
END $$;
COMMENT ON FUNCTION vend_internal.make_lone_notes(vend_internal.rollup_sources) IS
    'Makes the table of the notes that single rows of a source leave, anew if another rollup joins it.';

CREATE FUNCTION vend_internal.drop_lone_notes(lone text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF to_regclass(lone) IS NOT NULL THEN
        PERFORM vend_internal.execute_as_owner('LOCK TABLE ' || lone);
        PERFORM vend_internal.execute_as_owner(format('INSERT INTO %1$s (%2$s) SELECT %2$s FROM ONLY %3$s', i.inhparent::regclass,
            vend_internal.list_of(vend_internal.columns_of(i.inhparent)), lone))
        FROM pg_inherits i
        WHERE i.inhrelid = lone::regclass;
        PERFORM vend_internal.execute_as_owner('DROP TABLE ' || lone);
    END IF;
END $$;
COMMENT ON FUNCTION vend_internal.drop_lone_notes(text) IS 'Drops a table of notes of single rows, if it is there; the rollups that it is of keep them.';

-- A note holds the key columns themselves where they are expressions over the row, else what the SELECT over "changed" needs: a
-- look-up is made by whoever reads the note, in the snapshot in which the rollup is read, too.
CREATE FUNCTION vend_internal.make_source(rollup text, "position" int, source text, touches jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    row_of record;
    made vend_internal.rollup_sources;
    key text[] := (SELECT r.key FROM vend_internal.rollups r WHERE r.name = rollup);
    notes text := vend_internal.part_of(rollup, 'notes', position);
    keys_view text := vend_internal.part_of(rollup, 'keys', position);
    noted_columns text;
    problem text;
    found record;
    shown text[];
BEGIN
    SELECT * INTO row_of FROM vend_internal.source_row(source);
    IF row_of.relation IS NULL THEN
        PERFORM vend_internal.refuse_rollup(rollup, format('there is no table "%s"', source), '42P01',
            'Name one of the attached operational tables, or a table of your own with its schema.');
    END IF;
    problem := vend_internal.capture_problem(row_of.relation);
    IF problem IS NOT NULL THEN
        PERFORM vend_internal.refuse_rollup(rollup, format('source "%s" %s', source, problem), '0A000',
            'Only the changes of a permanent table can be followed.');
    END IF;
    made.rollup := rollup;
    made.position := position;
    made.source := source;
    made.relation := row_of.relation;
    made.partitions := ARRAY(SELECT p::regclass FROM vend_internal.partitions_now(row_of.relation) p ORDER BY p);
    made.read_expressions := '{}';
    made.table_columns := '{}';
    IF jsonb_typeof(touches) = 'array' THEN
        IF jsonb_array_length(touches) <> cardinality(key)
            OR EXISTS (SELECT FROM jsonb_array_elements(touches) e WHERE jsonb_typeof(e) NOT IN ('string', 'null'))
        THEN
            PERFORM vend_internal.refuse_rollup(rollup, format('source "%s" does not give an expression for each key column', source),
                '22023', format('Give an array of %s: an expression over the row, or null for every value.', cardinality(key)));
        END IF;
        PERFORM vend_internal.check_expression(e) FROM jsonb_array_elements_text(touches) e WHERE e IS NOT NULL;
        SELECT coalesce(array_agg(k.name ORDER BY k.n), '{}'),
            coalesce(array_agg(format(E'(%s\n)', t.expression) ORDER BY k.n), '{}')
        INTO made.noted, made.noted_expressions
        FROM unnest(key) WITH ORDINALITY AS k(name, n)
        JOIN jsonb_array_elements_text(touches) WITH ORDINALITY AS t(expression, n) ON t.n = k.n AND t.expression IS NOT NULL;
        made.touched := made.noted;
        made.keys := format('SELECT %s FROM changed', vend_internal.list_of(made.noted));
    ELSIF jsonb_typeof(touches) = 'string' THEN
        made.keys := touches #>> '{}';
        PERFORM vend_internal.check_query(made.keys);
        made.noted := vend_internal.columns_of_changed(made.keys, vend_internal.rows_of(source, made.relation::text));
        made.noted_expressions := ARRAY(SELECT format(E'(%I\n)', n) FROM unnest(made.noted) n);
    ELSIF jsonb_typeof(touches) = 'object' THEN
        IF vend_internal.is_noted_select(touches) IS NOT TRUE THEN
            PERFORM vend_internal.refuse_rollup(rollup, format('source "%s" does not say what to note and which keys that touches', source), '22023',
                'Give {"note": {"name": "an expression over the row", ...}, "keys": "a SELECT over changed, which has these columns"}.');
        END IF;
        made.keys := touches ->> 'keys';
        PERFORM vend_internal.check_query(made.keys);
        PERFORM vend_internal.check_expression(e) FROM jsonb_each_text(touches -> 'note') AS n(name, e);
        SELECT array_agg(n.name ORDER BY n.i), array_agg(format(E'(%s\n)', n.e) ORDER BY n.i) INTO made.noted, made.noted_expressions
        FROM jsonb_each_text(touches -> 'note') WITH ORDINALITY AS n(name, e, i);
    ELSE
        PERFORM vend_internal.refuse_rollup(rollup, format('source "%s" is given as %s', source, jsonb_typeof(touches)), '22023',
            'Give an array with one expression for each key column, or a SELECT over the relation changed.');
    END IF;
    noted_columns := (
        SELECT string_agg(format('%s AS %I', n.expression, n.name), ', ' ORDER BY n.i)
        FROM unnest(made.noted, made.noted_expressions) WITH ORDINALITY AS n(name, expression, i));
    made.columns := vend_internal.columns_of_changed(
        format('SELECT %s FROM changed AS %I', coalesce(noted_columns, '1'), (vend_internal.parse_table_name(source, ''))[2]),
        vend_internal.rows_of(source, made.relation::text));
    IF made.touched = '{}' THEN
        INSERT INTO vend_internal.rollup_sources SELECT made.*;
        RETURN;
    END IF;

    PERFORM vend_internal.execute_as_owner(format('CREATE VIEW %s AS SELECT %s FROM %s', keys_view, noted_columns,
        vend_internal.rows_of(source, made.relation::text)));
    PERFORM vend_internal.check_dependencies(keys_view, made.relation);
    SELECT * INTO found FROM vend_internal.query_problem(keys_view);
    IF found.problem IS NULL THEN
        PERFORM vend_internal.execute_as_owner(format('CREATE TABLE %1$s AS SELECT * FROM %2$s WITH NO DATA;
            ALTER TABLE %1$s ADD COLUMN noted_at timestamptz NOT NULL DEFAULT now(); DROP VIEW %2$s;
            CREATE VIEW %2$s AS WITH changed AS NOT MATERIALIZED (SELECT %3$s FROM %1$s) SELECT * FROM (%4$s) AS k',
            notes, keys_view, vend_internal.list_of(made.noted), made.keys || E'\n'));
        SELECT * INTO found FROM vend_internal.query_problem(keys_view);
    END IF;
    IF found.problem IS NOT NULL THEN
        PERFORM vend_internal.refuse_rollup(rollup, format('keys of source "%s": %s', source, found.problem), found.code, found.hint);
    END IF;
    shown := vend_internal.columns_of(keys_view);
    IF NOT shown <@ key THEN
        PERFORM vend_internal.refuse_rollup(rollup, format('keys of source "%s" return (%s), which are not all key columns',
            source, array_to_string(shown, ', ')), '22023', 'Name the columns as the key does; leave out one that stands for every value.');
    END IF;
    made.touched := ARRAY(SELECT k.name FROM unnest(key) WITH ORDINALITY AS k(name, n) WHERE k.name = ANY (shown) ORDER BY k.n);
    -- A reader of one tenant finds its notes by an index.
    PERFORM vend_internal.execute_as_owner(format('CREATE INDEX ON %s (%s)', notes, vend_internal.list_of(i)))
    FROM vend_internal.found_by(made.noted, made.touched) i
    WHERE i <> '{}';
    INSERT INTO vend_internal.rollup_sources SELECT made.*;
    PERFORM vend_internal.make_lone_notes(made);
END $$;
COMMENT ON FUNCTION vend_internal.make_source(text, int, text, jsonb) IS
    'Makes the notes of a source, and the view of the keys that they touch.';

-- An update of anything else changes no key's value. Of the staged tables those columns count that views read, of the
-- table whose rows staging picks from (two for one day) all.
CREATE FUNCTION vend_internal.find_read_columns(rollup text) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH facts AS (
        SELECT f.*
        FROM (
            SELECT vend_internal.part_of(rollup, 'query')::regclass AS view
            UNION ALL
            SELECT vend_internal.part_of(rollup, 'keys', s.position)::regclass
            FROM vend_internal.rollup_sources s
            WHERE s.rollup = $1 AND s.touched <> '{}'
        ) AS v
        CROSS JOIN LATERAL vend_internal.all_facts(v.view) f
    ),
    -- As these copy whole tables, what is read of them is not what they read.
    readers AS (
        SELECT DISTINCT f.relation
        FROM facts f
        JOIN pg_class c ON c.oid = f.relation
        WHERE NOT (c.relnamespace = to_regnamespace('vend_staging') AND c.relname LIKE 'stg\_%')
    ),
    read AS (
        SELECT s.position, array_agg(c.name) AS columns, array_agg(
            CASE WHEN t.typname IN ('json', 'xml', 'point', 'box', 'polygon', 'path', 'circle', 'lseg', 'line')
                THEN format('%I::text', c.name) ELSE quote_ident(c.name) END ORDER BY c.n) AS expressions
        FROM vend_internal.rollup_sources s
        CROSS JOIN LATERAL vend_internal.source_row(s.source) r
        CROSS JOIN LATERAL unnest(r.columns) WITH ORDINALITY AS c(name, n)
        CROSS JOIN LATERAL (SELECT coalesce(to_regclass(format('vend_staging.%I', 'stg_' || s.source)), s.relation) AS read) AS o
        LEFT JOIN pg_attribute a ON a.attrelid = o.read AND a.attname = c.name
        LEFT JOIN pg_type t ON t.oid = a.atttypid
        WHERE s.rollup = $1 AND (
            s.source = 'garage_daily_occupancy'
            OR EXISTS (SELECT FROM facts f WHERE f.kind = 'whole row' AND f.relation IN (SELECT relation FROM readers))
            OR EXISTS (
                SELECT
                FROM readers v
                JOIN pg_rewrite w ON w.ev_class = v.relation
                JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
                WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = o.read AND d.refobjsubid = a.attnum))
        GROUP BY s.position
    )
    UPDATE vend_internal.rollup_sources s SET read_expressions = read.expressions,
        columns = ARRAY(SELECT unnest(s.columns) UNION SELECT unnest(read.columns))
    FROM read
    WHERE s.rollup = $1 AND s.position = read.position;
END;
COMMENT ON FUNCTION vend_internal.find_read_columns(text) IS 'Notes which columns of its sources a rollup reads.';

CREATE FUNCTION vend_internal.check_sources(rollup text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    missing regclass;
BEGIN
    SELECT f.object INTO missing
    FROM (
        SELECT vend_internal.part_of(check_sources.rollup, 'query')::regclass AS view, 0::oid AS notes
        UNION ALL
        SELECT vend_internal.part_of(s.rollup, 'keys', s.position)::regclass,
            vend_internal.part_of(s.rollup, 'notes', s.position)::regclass
        FROM vend_internal.rollup_sources s
        WHERE s.rollup = check_sources.rollup AND s.touched <> '{}'
    ) AS v
    CROSS JOIN LATERAL vend_internal.all_facts(v.view) f
    JOIN pg_class c ON c.oid = f.object AND c.relkind <> 'v'
    WHERE f.kind = 'relation' AND f.object <> v.notes
        -- Written by vend.attach() only, which computes every rollup anew.
        AND f.object <> 'vend_internal.source'::regclass
        AND NOT EXISTS (SELECT FROM vend_internal.rollup_sources s
            WHERE s.rollup = check_sources.rollup AND s.relation = f.object)
    LIMIT 1;
    IF missing IS NOT NULL THEN
        PERFORM vend_internal.refuse_rollup(rollup, format('it reads %s, which is not among its sources', missing), '22023',
            'A change there would not be noticed: say in sources which keys its rows touch.');
    END IF;
END $$;
COMMENT ON FUNCTION vend_internal.check_sources(text) IS 'Raises an error unless everything that is read is a source.';

CREATE FUNCTION vend_internal.dirty_query(rollup text, mask text[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT string_agg(format('SELECT %s FROM %s', vend_internal.list_of(mask), vend_internal.part_of(s.rollup, 'keys', s.position)),
        ' UNION ALL ' ORDER BY s.position)
    FROM vend_internal.rollup_sources s
    WHERE s.rollup = $1 AND s.touched = mask;
END;
COMMENT ON FUNCTION vend_internal.dirty_query(text, text[]) IS 'The keys that the notes of a mask touch, with repetitions.';

-- One key after the other, so that each is looked up; OFFSET 0 keeps the planner from turning the look-ups into a join
-- before which it would compute every key. NULLs are rare and have a branch of their own, as no index finds them by =.
CREATE FUNCTION vend_internal.recomputed(rollup text, mask text[], keys text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT ARRAY[format('%s AS d CROSS JOIN LATERAL (SELECT * FROM %s AS q WHERE %s OFFSET 0) AS q', keys, q.name, q.equal)]
        || CASE WHEN q.nullable <> '{}' THEN ARRAY[format('%s AS d CROSS JOIN LATERAL (SELECT * FROM %s AS q WHERE %s OFFSET 0) AS q WHERE %s', keys, q.name,
            vend_internal.same_in(mask, 'q', 'd'), vend_internal.null_in(q.nullable, 'd'))] END
    FROM (
        SELECT vend_internal.part_of(rollup, 'query') AS name,
            (SELECT string_agg(format(CASE a.atttypid WHEN 'date'::regtype THEN 'vend_internal.same_day(q.%1$I, d.%1$I)'
                ELSE 'q.%1$I = d.%1$I' END, a.attname), ' AND ')
            FROM pg_attribute a
            WHERE a.attrelid = vend_internal.part_of(rollup, 'query')::regclass AND a.attname = ANY (mask)) AS equal,
            vend_internal.nullable(rollup, mask) AS nullable
    ) AS q;
END;
COMMENT ON FUNCTION vend_internal.recomputed(text, text[], text) IS
    'FROM clauses that give the rows (q) of the keys (d) of a relation: those without NULLs, and, if there may be any, those with.';

-- Rows as stored for keys without a note; else as the query has them now. What a wider note covers is left to it. A scope, a condition
-- on the tenant's column, keeps also from computing what it would not show.
CREATE FUNCTION vend_internal.exact_query(rollup text, tenant text DEFAULT NULL, scope text DEFAULT 'true') RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH masks AS (
        SELECT m.number, m.columns, format('(SELECT %s FROM %s WHERE %s)', vend_internal.list_of(m.columns),
            vend_internal.part_of(rollup, 'dirty', m.number), CASE WHEN tenant = ANY (m.columns) THEN scope ELSE 'true' END) AS dirty
        FROM vend_internal.rollup_masks m
        WHERE m.rollup = $1
    ),
    uncovered AS (
        SELECT m.number,
            -- Not NOT EXISTS: for the planner a handful of notes covers every garage, so that it would look through all others for each row.
            format('((%2$s) IN (SELECT * FROM %1$s AS n)) IS NOT TRUE AND NOT EXISTS (SELECT FROM %1$s AS n WHERE %3$s AND %4$s)',
                m.dirty, vend_internal.list_of(m.columns, 'r'), vend_internal.null_in(vend_internal.nullable(rollup, m.columns), 'n'),
                vend_internal.same_in(m.columns, 'n', 'r')) AS condition
        FROM masks m
    ),
    branches AS (
        SELECT 0 AS number, 0 AS variant, concat(format('SELECT r.* FROM %s AS r', vend_internal.part_of(rollup, 'stored')),
            (SELECT ' WHERE ' || string_agg(u.condition, ' AND ' ORDER BY u.number) FROM uncovered u)) AS query
        UNION ALL
        SELECT m.number, v.n, concat(format('SELECT r.* FROM (SELECT q.* FROM %s) AS r', v.clause),
            (SELECT ' WHERE ' || string_agg(u.condition, ' AND ' ORDER BY u.number) FROM uncovered u WHERE u.number < m.number))
        FROM masks m
        CROSS JOIN LATERAL unnest(vend_internal.recomputed(rollup, m.columns,
            format('(SELECT DISTINCT * FROM %s AS n)', m.dirty))) WITH ORDINALITY AS v(clause, n)
    )
    SELECT format('SELECT * FROM (%s) AS r WHERE %s', string_agg(b.query, E'\nUNION ALL\n' ORDER BY b.number, b.variant), scope) FROM branches b;
END;
COMMENT ON FUNCTION vend_internal.exact_query(text, text, text) IS
    'The rows of a rollup within a scope, whatever its notes are, unless they concern every key.';

-- Then whoever wants one garage need not pay for all of them, even while the notes are such as concern everything.
CREATE FUNCTION vend_internal.is_of_garages(rollup text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (
        SELECT
        FROM vend_internal.rollups r
        JOIN vend_internal.rollup_sources s ON s.rollup = r.name AND s.source = 'garages' AND s.touched = ARRAY[r.tenant_column]
        WHERE r.name = $1 AND r.built_in);
END;
COMMENT ON FUNCTION vend_internal.is_of_garages(text) IS
    'Whether every row of a rollup is of a garage that is there: our own queries that read the garages join each row to its own.';

-- Two views show a rollup's rows. Both are for what happens all day: notes of the narrowest mask, without NULLs. Anything else
-- goes through functions, which are planned once a session: as part of the view they would make every reader's plan ten
-- times as large. exact_ is for our own views, and never granted: its conditions reach the notes and the sources. So are its
-- parts, for what needs less of a row than computing it costs: the stored rows without a note, the keys with one, and whether
-- there are other notes.
CREATE FUNCTION vend_internal.make_exact_view(rollup text, mask text[], dirty text, stored text, is_odd text, tenant text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    columns text[] := vend_internal.columns_of(vend_internal.part_of(rollup, 'query')::regclass);
    clean text := vend_internal.part_of(rollup, 'clean');
    due text := vend_internal.part_of(rollup, 'due');
BEGIN
    PERFORM vend_internal.execute_as_owner(format('CREATE OR REPLACE VIEW %s AS SELECT %s() AS is_odd', vend_internal.part_of(rollup, 'is_odd'), is_odd));
    PERFORM vend_internal.execute_as_owner(format('CREATE OR REPLACE VIEW %s AS SELECT %s FROM %s AS r WHERE NOT (SELECT %s()) AND NOT EXISTS (SELECT FROM %s AS n WHERE %s)',
        clean, vend_internal.list_of(columns, 'r'), stored, is_odd, dirty, vend_internal.equal_in(mask, 'n', 'r')));
    PERFORM vend_internal.execute_as_owner(format('CREATE OR REPLACE VIEW %s AS SELECT DISTINCT %s FROM %s WHERE NOT (SELECT %s())',
        due, vend_internal.list_of(mask), dirty, is_odd));
    PERFORM vend_internal.execute_as_owner(concat(
        format('CREATE OR REPLACE VIEW %s AS SELECT %s FROM %s', vend_internal.part_of(rollup, 'exact'), vend_internal.list_of(columns), clean),
        format(' UNION ALL SELECT %s FROM %s', (
                SELECT string_agg(format(CASE WHEN c = ANY (mask) THEN 'd.%I' ELSE 'q.%I' END, c), ', ' ORDER BY n)
                FROM unnest(columns) WITH ORDINALITY AS c(c, n)),
            (vend_internal.recomputed(rollup, mask, due))[1]),
        CASE WHEN vend_internal.is_of_garages(rollup) THEN format(
            ' UNION ALL SELECT %s FROM vend_staging.stg_garages AS g CROSS JOIN LATERAL %s((SELECT token FROM vend_internal.bypass), g.id, NULL) AS q WHERE (SELECT %s())',
            (SELECT string_agg(CASE c WHEN tenant THEN 'g.id' ELSE format('q.%I', c) END, ', ' ORDER BY n) FROM unnest(columns) WITH ORDINALITY AS c(c, n)),
            vend_internal.part_of(rollup, 'of'), is_odd)
        ELSE format(' UNION ALL SELECT %s FROM %s((SELECT token FROM vend_internal.bypass)) WHERE (SELECT %s())',
            vend_internal.list_of(columns), vend_internal.part_of(rollup, 'rows'), is_odd) END));
END $$;
COMMENT ON FUNCTION vend_internal.make_exact_view(text, text[], text, text, text, text) IS
    'Makes the views that our own views read a rollup by: what is stored and clean, the keys that are not, if that is not all, and the rows.';

-- What our own views that go garage by garage read a rollup by, as mostly there are no notes, and functions that are not called need no plan.
-- The first one is for vend_owner only; the other takes the token, as exact_ is read by views that are granted.
CREATE FUNCTION vend_internal.make_functions_of_one(rollup text, mask text[], dirty text, is_odd text, is_older text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    query_view text := vend_internal.part_of(rollup, 'query');
    noted text := vend_internal.part_of(rollup, 'noted_of');
    live text := vend_internal.part_of(rollup, 'of');
    key record;
BEGIN
    SELECT r.tenant_column AS tenant, a.attname AS name, format_type(a.atttypid, NULL) AS type INTO STRICT key
    FROM vend_internal.rollups r
    JOIN pg_attribute a ON a.attrelid = query_view::regclass AND a.attname = ANY (mask) AND a.attname <> r.tenant_column
    WHERE r.name = rollup;
    PERFORM vend_internal.execute_as_owner(format($make$
CREATE FUNCTION %1$s(uuid) RETURNS %2$s[] LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS %3$L;
COMMENT ON FUNCTION %1$s(uuid) IS 'Each %4$s of one garage that notes of %5$s touch; NULL: they may touch any.';
CREATE FUNCTION %6$s(uuid, uuid, %2$s[]) RETURNS SETOF %7$s LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 100
SET search_path = pg_catalog, pg_temp SET jit = off SET max_parallel_workers_per_gather = 0 SET plan_cache_mode = force_generic_plan AS %8$L;
COMMENT ON FUNCTION %6$s(uuid, uuid, %2$s[]) IS 'The rows of %5$s of one garage as they are now, of each %4$s in an array (NULL: of all), for whoever sees all.';
REVOKE ALL ON FUNCTION %1$s(uuid), %6$s(uuid, uuid, %2$s[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION %6$s(uuid, uuid, %2$s[]) TO vend_api, vend_bi$make$,
        noted, key.type, format($body$
BEGIN
    IF %1$s() THEN
        RETURN NULL;
    ELSIF %2$s THEN
        RETURN ARRAY(SELECT DISTINCT %3$I FROM %4$s WHERE %5$I = $1);
    END IF;
    RETURN '{}';
END $body$, is_odd, (
            SELECT string_agg(format('EXISTS (SELECT FROM %s)', vend_internal.part_of(s.rollup, 'notes', s.position)), ' OR ')
            FROM vend_internal.rollup_sources s
            WHERE s.rollup = $1 AND s.touched = mask), key.name, dirty, key.tenant),
        key.name, rollup, live, vend_internal.part_of(rollup, 'stored'), format($body$
BEGIN
    IF NOT vend_internal.bypasses($1) THEN
        RETURN;
    ELSIF $3 IS NOT NULL THEN
        RETURN QUERY SELECT q.* FROM %1$s;
    ELSIF %2$s OR EXISTS (SELECT FROM vend_internal.stale_rollups WHERE rollup = %3$L) THEN
        RETURN QUERY SELECT * FROM %4$s AS r WHERE %5$I = $2;
    ELSE
        RETURN QUERY %6$s;
    END IF;
END $body$, (vend_internal.recomputed(rollup, mask, format('(SELECT $2 AS %I, unnest($3) AS %I)', key.tenant, key.name)))[1], is_older, rollup,
            query_view, key.tenant, vend_internal.exact_query(rollup, key.tenant, format('%I = $2', key.tenant)))));
END $$;
COMMENT ON FUNCTION vend_internal.make_functions_of_one(text, text[], text, text, text) IS
    'Makes the functions by which our own views read one garage of a rollup: which keys have notes, and rows as they are now.';

-- vend_reports.<name> reads with its reader's rights, so that stored rows are bound by the policies of their table. Notes
-- would show whose data changed, so they are read only within functions, which keep to the reader's scope: noted_ gives
-- the keys of its notes, live_ the rows of one key. Both are called with whatever the reader sees of bypass. To start workers
-- takes longer than one key or one garage, whatever that is estimated to cost.
CREATE FUNCTION vend_internal.make_reading(rollup text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    columns text[] := vend_internal.columns_of(vend_internal.part_of(rollup, 'query')::regclass);
    query_view text := vend_internal.part_of(rollup, 'query');
    stored text := vend_internal.part_of(rollup, 'stored');
    is_odd text := vend_internal.part_of(rollup, 'odd');
    rows_of_all text := vend_internal.part_of(rollup, 'rows');
    noted text := vend_internal.part_of(rollup, 'noted');
    live text := vend_internal.part_of(rollup, 'live');
    token CONSTANT text := '(SELECT token FROM vend_internal.bypass)';
    tenant text := (SELECT r.tenant_column FROM vend_internal.rollups r WHERE r.name = rollup);
    narrowest vend_internal.rollup_masks;
    followed text[];
    dirty text;
    -- What is stored is not in a snapshot from before this definition, nor is the note that it is not built yet.
    is_older text := (
        SELECT format('NOT EXISTS (SELECT FROM vend_internal.rollups WHERE (name, generation) = (%L, %L))', r.name, r.generation)
        FROM vend_internal.rollups r
        WHERE r.name = rollup);
    -- Whether the reader sees all there is, or nothing but some garages.
    sees_all text := CASE WHEN tenant IS NULL THEN '(vend_internal.bypasses($1) OR vend.current_user_role() = ''super_admin'')'
        ELSE 'vend_internal.bypasses($1)' END;
    -- In a subquery, as it would else be asked for each note and each row.
    in_scope text := CASE WHEN tenant IS NULL THEN 'false' ELSE format('%I = ANY ((SELECT vend.visible_garages())::uuid[])', tenant) END;
    same_key text;
    types text;
BEGIN
    SELECT * INTO narrowest FROM vend_internal.rollup_masks m WHERE m.rollup = rollup ORDER BY m.number DESC LIMIT 1;
    dirty := vend_internal.part_of(rollup, 'dirty', narrowest.number);
    -- Notes that do not name the garage cannot be kept to a scope: with one, every row is read live.
    followed := CASE WHEN tenant IS NULL OR tenant = ANY (narrowest.columns) THEN narrowest.columns ELSE '{}' END;
    SELECT string_agg(format(CASE a.atttypid WHEN 'date'::regtype THEN 'vend_internal.same_day(q.%1$I, $%2$s)'
            ELSE 'q.%1$I = $%2$s' END, k.name, k.n + 1), ' AND '),
        string_agg(format_type(a.atttypid, NULL), ', ' ORDER BY k.n)
    INTO same_key, types
    FROM unnest(followed) WITH ORDINALITY AS k(name, n)
    JOIN pg_attribute a ON a.attrelid = stored::regclass AND a.attname = k.name;

    PERFORM vend_internal.execute_as_owner(format($make$
CREATE FUNCTION %1$s() RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS %2$L;
COMMENT ON FUNCTION %1$s() IS 'Whether there are notes that the views of %3$s do not follow themselves.';
CREATE FUNCTION %4$s(uuid) RETURNS SETOF %5$s LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp SET jit = off AS %6$L;
COMMENT ON FUNCTION %4$s(uuid) IS 'The rows of %3$s in the reader''s scope, whatever its notes are.';
REVOKE ALL ON FUNCTION %1$s(), %4$s(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION %1$s(), %4$s(uuid) TO vend_api, vend_bi$make$,
        is_odd, format(E'BEGIN RETURN %s\n    OR %s; END', is_older, (
            SELECT string_agg(format('EXISTS (SELECT FROM %s)', o.condition), E'\n    OR ')
            FROM (
                SELECT format('vend_internal.stale_rollups WHERE rollup = %L', rollup) AS condition
                UNION ALL
                SELECT vend_internal.part_of(s.rollup, 'notes', s.position)
                FROM vend_internal.rollup_sources s
                WHERE s.rollup = rollup AND s.touched <> '{}' AND s.touched <> followed
                UNION ALL
                SELECT format('%s AS n WHERE %s', dirty, vend_internal.null_in(vend_internal.nullable(rollup, followed), 'n'))
                WHERE vend_internal.nullable(rollup, followed) <> '{}'
            ) AS o)),
        rollup, rows_of_all, stored, format($body$
DECLARE
    sees_all boolean := %1$s;
    is_live boolean := %2$s OR EXISTS (SELECT FROM vend_internal.stale_rollups WHERE rollup = %3$L);
BEGIN
    IF sees_all AND is_live THEN
        RETURN QUERY SELECT * FROM %4$s;
    ELSIF sees_all THEN
        RETURN QUERY %5$s;
    ELSIF is_live THEN
        RETURN QUERY SELECT * FROM %4$s AS r WHERE %6$s;
    ELSE
        RETURN QUERY %7$s;
    END IF;
END $body$, sees_all, is_older, rollup, query_view, vend_internal.exact_query(rollup), in_scope, vend_internal.exact_query(rollup, tenant, in_scope))));
    PERFORM vend_internal.make_functions_of_one(rollup, narrowest.columns, dirty, is_odd, is_older) WHERE vend_internal.is_of_garages(rollup);
    PERFORM vend_internal.make_exact_view(rollup, narrowest.columns, dirty, stored, is_odd, tenant);
    IF followed = '{}' THEN
        PERFORM vend_internal.execute_as_owner(format(
            'CREATE OR REPLACE VIEW vend_reports.%1$I WITH (security_invoker = true) AS SELECT %2$s FROM %3$s WHERE NOT (SELECT %4$s())
            UNION ALL SELECT %2$s FROM %5$s(%6$s) WHERE (SELECT %4$s())',
            rollup, vend_internal.list_of(columns), stored, is_odd, rows_of_all, token));
    ELSE
        PERFORM vend_internal.execute_as_owner(format($make$
CREATE FUNCTION %1$s(uuid) RETURNS TABLE (%2$s) LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 10
SET search_path = pg_catalog, pg_temp SET jit = off AS %3$L;
COMMENT ON FUNCTION %1$s(uuid) IS 'The keys of %4$s in the reader''s scope that notes touch.';
CREATE FUNCTION %5$s(uuid, %6$s) RETURNS SETOF %7$s LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp SET jit = off SET max_parallel_workers_per_gather = 0 AS %8$L;
COMMENT ON FUNCTION %5$s(uuid, %6$s) IS 'The rows of one key of %4$s, as its query has them now, if it is in the reader''s scope.';
REVOKE ALL ON FUNCTION %1$s(uuid), %5$s(uuid, %6$s) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION %1$s(uuid), %5$s(uuid, %6$s) TO vend_api, vend_bi$make$,
            noted, (
                SELECT string_agg(format('%I %s', k.name, format_type(a.atttypid, NULL)), ', ' ORDER BY k.n)
                FROM unnest(followed) WITH ORDINALITY AS k(name, n)
                JOIN pg_attribute a ON a.attrelid = stored::regclass AND a.attname = k.name),
            format($body$
#variable_conflict use_column
BEGIN
    IF %1$s THEN
        RETURN QUERY SELECT DISTINCT %2$s FROM %3$s;
    -- Mostly nothing waits, which is told sooner than who the caller is.
    ELSIF %5$s THEN
        RETURN QUERY SELECT DISTINCT %2$s FROM %3$s WHERE %4$s;
    END IF;
END $body$, sees_all, vend_internal.list_of(followed), dirty, in_scope, (
                SELECT string_agg(format('EXISTS (SELECT FROM %s)', vend_internal.part_of(s.rollup, 'notes', s.position)), ' OR ')
                FROM vend_internal.rollup_sources s
                WHERE s.rollup = rollup AND s.touched = followed)),
            rollup, live, types, stored, format($body$
BEGIN
    IF %s OR %s THEN
        RETURN QUERY SELECT q.* FROM %s AS q WHERE %s;
    END IF;
END $body$, sees_all, CASE WHEN tenant IS NULL THEN 'false'
                ELSE format('vend.can_access_garage($%s)', array_position(followed, tenant) + 1) END, query_view, same_key)));
        PERFORM vend_internal.execute_as_owner(concat(
            format('CREATE OR REPLACE VIEW vend_reports.%I WITH (security_invoker = true) AS SELECT %s FROM %s AS r WHERE NOT (SELECT %s())',
                rollup, vend_internal.list_of(columns, 'r'), stored, is_odd),
            format(' AND NOT EXISTS (SELECT FROM %s(%s) AS n WHERE %s)', noted, token, vend_internal.equal_in(followed, 'n', 'r')),
            format(' UNION ALL SELECT %s FROM %s(%s) AS n CROSS JOIN LATERAL %s(%s, %s) AS q WHERE NOT (SELECT %s())', (
                    SELECT string_agg(format(CASE WHEN c = ANY (followed) THEN 'n.%I' ELSE 'q.%I' END, c), ', ' ORDER BY i)
                    FROM unnest(columns) WITH ORDINALITY AS c(c, i)),
                noted, token, live, token, vend_internal.list_of(followed, 'n'), is_odd),
            format(' UNION ALL SELECT %s FROM %s(%s) WHERE (SELECT %s())', vend_internal.list_of(columns), rows_of_all, token, is_odd)));
    END IF;
    PERFORM vend_internal.execute_as_owner(format('GRANT SELECT ON %s, vend_reports.%I TO vend_api, vend_bi', stored, rollup));
    PERFORM vend_internal.execute_as_owner(format('COMMENT ON VIEW vend_reports.%I IS %L', rollup,
        format('Rollup, exact at any time: one row for each %s. vend.rollups has its query.', (
            SELECT array_to_string(r.key, ', ') FROM vend_internal.rollups r WHERE r.name = rollup))));
END $$;
COMMENT ON FUNCTION vend_internal.make_reading(text) IS 'Makes the views of a rollup, or replaces them.';

CREATE FUNCTION vend_internal.make_parts(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    rollup vend_internal.rollups;
    query_view text := vend_internal.part_of(name, 'query');
    stored text := vend_internal.part_of(name, 'stored');
    source record;
    mask record;
BEGIN
    SELECT * INTO STRICT rollup FROM vend_internal.rollups r WHERE r.name = name;
    PERFORM vend_internal.check_query(rollup.query);
    PERFORM vend_internal.execute_as_owner(format(E'CREATE VIEW %s AS %s\n', query_view, rollup.query));
    PERFORM vend_internal.check_rollup_query(name, query_view, rollup.key, rollup.tenant_column);
    FOR source IN SELECT * FROM jsonb_each(rollup.sources) WITH ORDINALITY AS s(name, touches, position) LOOP
        PERFORM vend_internal.make_source(name, source.position::int, source.name, source.touches);
    END LOOP;
    PERFORM vend_internal.check_sources(name);
    IF NOT EXISTS (SELECT FROM vend_internal.rollup_masks m WHERE m.rollup = name) THEN
        PERFORM vend_internal.refuse_rollup(name, 'every change of its sources concerns every key', '22023',
            'Say of at least one source which key columns its rows touch.');
    END IF;
    PERFORM vend_internal.find_read_columns(name);
    UPDATE vend_internal.rollup_sources s
    SET table_columns = vend_internal.table_columns_of(s.relation, vend_internal.rows_of(s.source, s.relation::text, s.columns))
    WHERE s.rollup = name;
    -- Room in each page, as a row that is updated within its page needs no new entry in the indexes: half as much of the log is written.
    PERFORM vend_internal.execute_as_owner(format('CREATE TABLE %1$s WITH (fillfactor = 90) AS SELECT * FROM %2$s WITH NO DATA;
        ALTER TABLE %1$s ADD UNIQUE NULLS NOT DISTINCT (%3$s)', stored, query_view, vend_internal.list_of(rollup.key)));
    -- A reader's rows are found by the garage. An index whose first column it is would do, but of an index over several columns
    -- PostgreSQL does not trust that its rows lie together, and reads the table page by page through a bitmap.
    IF rollup.tenant_column IS NOT NULL AND rollup.key <> ARRAY[rollup.tenant_column] THEN
        PERFORM vend_internal.execute_as_owner(format('CREATE INDEX ON %s (%I)', stored, rollup.tenant_column));
    END IF;
    PERFORM vend_internal.execute_as_owner(format('CREATE INDEX ON %s (%s)', stored, vend_internal.list_of(ARRAY(SELECT jsonb_array_elements_text(i)))))
    FROM jsonb_array_elements(rollup.indexes) i;
    PERFORM vend_internal.execute_as_owner(p)
    FROM vend_internal.protection_statements(stored::regclass, vend_internal.scope_of(rollup.tenant_column)) p;
    FOR mask IN SELECT * FROM vend_internal.rollup_masks m WHERE m.rollup = name LOOP
        PERFORM vend_internal.execute_as_owner(format('CREATE VIEW %s AS %s', vend_internal.part_of(name, 'dirty', mask.number),
            vend_internal.dirty_query(name, mask.columns)));
    END LOOP;
    PERFORM vend_internal.make_reading(name);
    -- An empty table that was never looked at is taken for ten pages.
    PERFORM vend_internal.execute_as_owner(format('ANALYZE %s', t.notes)) FROM vend_internal.notes_tables(name) t;
END $$;
COMMENT ON FUNCTION vend_internal.make_parts(text) IS 'Makes everything of a rollup but its triggers; nothing is computed.';

-- The views stay, with their columns and no rows, for what is built on them; their transaction makes them anew or drops them.
CREATE FUNCTION vend_internal.drop_parts(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    part record;
BEGIN
    PERFORM vend_internal.execute_as_owner(format('CREATE OR REPLACE VIEW %s AS SELECT %s WHERE false', v.view, (
        SELECT string_agg(format('NULL::%s AS %I', format_type(a.atttypid, a.atttypmod), a.attname), ', ' ORDER BY a.attnum)
        FROM pg_attribute a
        WHERE a.attrelid = to_regclass(v.view) AND a.attnum > 0)))
    FROM (VALUES (format('vend_reports.%I', name)), (vend_internal.part_of(name, 'exact')), (vend_internal.part_of(name, 'clean')),
        (vend_internal.part_of(name, 'due')), (vend_internal.part_of(name, 'is_odd'))) AS v(view)
    WHERE to_regclass(v.view) IS NOT NULL;
    PERFORM vend_internal.drop_lone_notes(t.notes::text) FROM vend_internal.notes_tables(name) t WHERE t.notes <> vend_internal.part_of(name, 'notes', t.position)::regclass;
    FOR part IN
        SELECT 0 AS rank, vend_internal.part_of(name, p.part) AS part, 'ROUTINE' AS kind
        FROM (VALUES ('odd'), ('rows'), ('of'), ('noted_of'), ('noted'), ('live')) AS p(part)
        UNION ALL
        SELECT 1, vend_internal.part_of(name, 'dirty', m.number), 'VIEW'
        FROM vend_internal.rollup_masks m
        WHERE m.rollup = name
        UNION ALL
        SELECT p.rank, vend_internal.part_of(name, p.part, s.position), p.kind
        FROM vend_internal.rollup_sources s
        CROSS JOIN (VALUES (2, 'keys', 'VIEW'), (3, 'notes', 'TABLE')) AS p(rank, part, kind)
        WHERE s.rollup = name
        UNION ALL
        SELECT 4, vend_internal.part_of(name, p.part), p.kind
        FROM (VALUES ('stored', 'TABLE'), ('query', 'VIEW')) AS p(part, kind)
        ORDER BY rank
    LOOP
        PERFORM vend_internal.execute_as_owner(format('DROP %s %s', part.kind, part.part)) WHERE coalesce(to_regclass(part.part)::oid, to_regproc(part.part)::oid) IS NOT NULL;
    END LOOP;
    DELETE FROM vend_internal.rollup_sources s WHERE s.rollup = name;
    DELETE FROM vend_internal.rollup_builds b WHERE b.rollup = name;
    DELETE FROM vend_internal.stale_rollups s WHERE s.rollup = name;
END $$;
COMMENT ON FUNCTION vend_internal.drop_parts(text) IS 'Drops everything of a rollup but its triggers and its views.';
