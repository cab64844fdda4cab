CREATE FUNCTION vend_internal.check_rollup_name(name text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF name IS NOT NULL AND NOT EXISTS (SELECT FROM vend_internal.rollups r WHERE r.name = check_rollup_name.name) THEN
        RAISE EXCEPTION 'there is no rollup "%"', name USING ERRCODE = '42704', HINT = 'vend.rollups lists them.';
    END IF;
END $$;
COMMENT ON FUNCTION vend_internal.check_rollup_name(text) IS 'Raises 42704 unless a rollup has this name, or it is NULL.';

-- Of some garages: the notes that touch a key of theirs, each by itself.
CREATE FUNCTION vend_internal.pending_notes(rollup text, garages uuid[] DEFAULT NULL, OUT notes bigint, OUT oldest timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tenant text := (SELECT r.tenant_column FROM vend_internal.rollups r WHERE r.name = $1 AND garages IS NOT NULL);
BEGIN
    EXECUTE (
        SELECT format('SELECT count(*), min(noted_at) FROM (SELECT noted_at FROM vend_internal.stale_rollups WHERE rollup = %L %s) AS n',
            $1, string_agg(concat('UNION ALL SELECT noted_at FROM ', vend_internal.part_of(s.rollup, 'notes', s.position), ' AS n',
                CASE WHEN tenant IS NOT NULL THEN
                    format(E' WHERE EXISTS (SELECT FROM (WITH changed AS NOT MATERIALIZED (SELECT %s) %s\n) AS k WHERE k.%I = ANY ($1))',
                        vend_internal.list_of(s.noted, 'n'), s.keys, tenant) END), ' '))
        FROM vend_internal.rollup_sources s
        WHERE s.rollup = $1 AND s.touched <> '{}' AND (garages IS NULL OR tenant = ANY (s.touched)))
    INTO notes, oldest USING garages;
END $$;
COMMENT ON FUNCTION vend_internal.pending_notes(text, uuid[]) IS
    'How many notes wait for a refresh, and since when: all, or those that name one of these garages and those that concern every key.';

-- Writers wait while the triggers are made.
CREATE FUNCTION vend_internal.lock_rollup_sources(rollup text, sources jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM vend_internal.lock_relation(l.relation, 'SHARE ROW EXCLUSIVE')
    FROM (
        SELECT r.relation::oid AS relation
        FROM jsonb_object_keys(sources) s
        CROSS JOIN LATERAL vend_internal.source_row(s) r
        WHERE r.relation IS NOT NULL
        UNION
        -- Whatever it is called by now.
        SELECT c.oid
        FROM vend_internal.rollup_sources s
        JOIN pg_class c ON c.oid = s.relation
        WHERE s.rollup = lock_rollup_sources.rollup
        ORDER BY relation
    ) AS l;
END $$;
COMMENT ON FUNCTION vend_internal.lock_rollup_sources(text, jsonb) IS
    'Keeps writers from the sources of a rollup, those it has and those it gets, until the end of the transaction.';

CREATE FUNCTION vend_internal.define_rollup(
    name text, query text, key text[], sources jsonb, tenant_column text, built_in boolean, indexes jsonb DEFAULT '[]'
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    -- Before the notes are dropped: a writer who waits for them would wait for us, and we for him.
    PERFORM vend_internal.lock_rollup_sources(name, sources);
    PERFORM vend_internal.drop_parts(name);
    INSERT INTO vend_internal.rollups AS r (name, query, key, sources, tenant_column, built_in, indexes)
    VALUES (name, query, key, sources, tenant_column, built_in, indexes)
    ON CONFLICT ON CONSTRAINT rollups_pkey DO UPDATE SET query = excluded.query, key = excluded.key, sources = excluded.sources,
        tenant_column = excluded.tenant_column, built_in = excluded.built_in, indexes = excluded.indexes, refreshed_at = NULL,
        generation = excluded.generation;
    PERFORM vend_internal.make_parts(name);
    PERFORM vend_internal.watch_rollup(name);
    -- What was found missing while it was being made.
    DELETE FROM vend_internal.stale_rollups s WHERE s.rollup = name;
    INSERT INTO vend_internal.stale_rollups (rollup, reason) VALUES (name, 'not built yet');
END $$;
COMMENT ON FUNCTION vend_internal.define_rollup(text, text, text[], jsonb, text, boolean, jsonb) IS
    'Makes a rollup, or makes it anew; what is built on its public view stays.';

CREATE FUNCTION vend.create_rollup(name text, query text, key text[], sources jsonb, tenant_column text DEFAULT 'garage_id')
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    existing vend_internal.rollups;
BEGIN
    IF name IS NULL OR query IS NULL OR key IS NULL OR sources IS NULL THEN
        RAISE EXCEPTION 'name, query, key and sources must not be NULL' USING ERRCODE = '22004',
            HINT = 'Only tenant_column may be: then the rollup is of the whole platform.';
    END IF;
    IF name !~ '^[a-z_][a-z0-9_]{0,39}$' THEN
        RAISE EXCEPTION 'rollup cannot be named "%"', name USING ERRCODE = '22023',
            HINT = 'Use up to 40 lower-case letters, digits and underscores, not beginning with a digit.';
    END IF;
    IF cardinality(key) = 0 OR array_position(key, NULL) IS NOT NULL
        OR (SELECT count(DISTINCT k) FROM unnest(key) k) <> cardinality(key)
    THEN
        RAISE EXCEPTION 'key {%} is not a list of different columns', array_to_string(key, ', ', 'NULL') USING ERRCODE = '22023',
            HINT = 'Give the columns that the query groups by.';
    END IF;
    IF jsonb_typeof(sources) <> 'object' OR sources = '{}' THEN
        RAISE EXCEPTION 'sources is not an object with a member for each table' USING ERRCODE = '22023',
            HINT = 'Use {"payments": ["garage_id", "vend.local_day(payment_date, ''UTC'')"]}.';
    END IF;
    PERFORM vend_internal.lock_source();
    IF NOT EXISTS (SELECT FROM vend_internal.source) THEN
        RAISE EXCEPTION 'nothing is attached' USING ERRCODE = '55000', HINT = 'Call vend.attach() first: it makes the schema of the reports.';
    END IF;
    -- A batch locks what it reads in an order of its own, and could wait for us as we for it.
    PERFORM vend_internal.keep_workers_out();
    SELECT * INTO existing FROM vend_internal.rollups r WHERE r.name = create_rollup.name FOR UPDATE;
    IF existing.built_in OR existing IS NULL AND to_regclass(format('vend_reports.%I', name)) IS NOT NULL THEN
        RAISE EXCEPTION '"%" exists', name USING ERRCODE = '42710', HINT = 'Choose another name; vend.attach() made this one.';
    END IF;
    IF (existing.query, existing.key, existing.sources, existing.tenant_column) IS NOT DISTINCT FROM (query, key, sources, tenant_column)
        AND vend_internal.capture_fault(name) IS NULL
    THEN
        RAISE NOTICE 'rollup "%" is as it was', name;
        RETURN;
    END IF;
    PERFORM vend_internal.grant_rollup_sources(sources);
    PERFORM vend_internal.define_rollup(name, query, key, sources, tenant_column, false);
    IF EXISTS (SELECT FROM vend_internal.rollup_sources s WHERE s.rollup = create_rollup.name AND s.read_expressions = '{}') THEN
        PERFORM vend_internal.refuse_rollup(name, format('it does not read its source "%s"', (
            SELECT s.source FROM vend_internal.rollup_sources s WHERE s.rollup = create_rollup.name AND s.read_expressions = '{}' LIMIT 1)),
            '22023', 'Leave it out of sources.');
    END IF;
END $$;
COMMENT ON FUNCTION vend.create_rollup(text, text, text[], jsonb, text) IS
    'Makes vend_reports.<name>, which always has the rows of query: stored ones where nothing changed, live ones elsewhere. '
    'key: the columns the query groups by. sources: for each table read, which keys a changed row touches. Writers wait only '
    'while triggers are made; vend.refresh(name) builds it. With another definition it is made anew. 0A000, 42803, 42703, 22023, '
    '42P01: the definition cannot be kept exact; 42710: the name is taken; 55P03: a source or the view is in use; 55000: not attached.';

-- What vend_owner does not have yet is granted and noted, as for the operational tables.
CREATE FUNCTION vend_internal.grant_rollup_sources(sources jsonb) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT vend_internal.lend_source(t.schema_name, t.table_name)
    FROM (
        SELECT DISTINCT n.nspname::text AS schema_name, t.table_name
        FROM jsonb_object_keys(sources) s
        CROSS JOIN LATERAL vend_internal.source_row(s) r
        JOIN pg_class c ON c.oid = r.relation AND c.relowner <> to_regrole('vend_owner')
        JOIN pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL (VALUES (''), (c.relname::text)) AS t(table_name)
    ) AS t;
END;
COMMENT ON FUNCTION vend_internal.grant_rollup_sources(jsonb) IS 'Lets vend_owner read the sources of a rollup.';

CREATE FUNCTION vend_internal.remove_rollup(name text, cascade boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    shown text;
BEGIN
    -- As when it is made: a writer must not wait for its notes while we wait for it. What loses a trigger is locked for good at
    -- once: who reads it and then writes would wait for us, and we for him.
    PERFORM vend_internal.drop_triggers(name);
    PERFORM vend_internal.lock_rollup_sources(name, '{}');
    FOREACH shown IN ARRAY format('vend_reports.%I', name) || ARRAY(
        SELECT vend_internal.part_of(name, v) FROM unnest('{exact, clean, due, is_odd}'::text[]) AS v)
    LOOP
        PERFORM vend_internal.execute_promptly(
            format('DROP VIEW IF EXISTS %s %s', shown, CASE WHEN cascade THEN 'CASCADE' ELSE 'RESTRICT' END), shown);
    END LOOP;
    PERFORM vend_internal.drop_parts(name);
    DELETE FROM vend_internal.rollups r WHERE r.name = remove_rollup.name;
END $$;
COMMENT ON FUNCTION vend_internal.remove_rollup(text, boolean) IS 'Drops a rollup with everything it consists of.';

CREATE FUNCTION vend.drop_rollup(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF name IS NULL THEN
        RAISE EXCEPTION 'name must not be NULL' USING ERRCODE = '22004', HINT = 'vend.rollups lists them.';
    END IF;
    PERFORM vend_internal.lock_source();
    PERFORM vend_internal.check_rollup_name(name);
    PERFORM vend_internal.keep_workers_out();
    IF (SELECT r.built_in FROM vend_internal.rollups r WHERE r.name = drop_rollup.name FOR UPDATE) THEN
        RAISE EXCEPTION 'rollup "%" belongs to the reports', name USING ERRCODE = '55000', HINT = 'vend.detach() drops it with them.';
    END IF;
    PERFORM vend_internal.remove_rollup(name, false);
END $$;
COMMENT ON FUNCTION vend.drop_rollup(text) IS
    'Drops a rollup of create_rollup with its view, what is stored and, if no other needs them, its triggers. 42704: no such rollup. '
    '55000: it is one of vend.attach(). 2BP01: something of others is built on its view. 55P03: a source or the view is in use.';

CREATE VIEW vend.rollups AS
SELECT r.name AS rollup, r.key, r.tenant_column, r.built_in, r.sources, r.query,
    (SELECT greatest(c.reltuples, 0)::bigint FROM pg_class c WHERE c.oid = p.stored) AS stored_rows,
    pg_total_relation_size(p.stored) AS stored_bytes
FROM vend_internal.rollups r
CROSS JOIN LATERAL (SELECT to_regclass(vend_internal.part_of(r.name, 'stored')) AS stored) AS p;
COMMENT ON VIEW vend.rollups IS
    'The rollups as they are defined, and how much is stored of each: stored_rows as ANALYZE counted them last.';
