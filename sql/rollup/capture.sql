-- How a change leaves its notes: in the writer's transaction, so that both are there or neither is.

-- An update counts by the rows that differ in what the rollup reads, whichever rows those are: what is computed from the
-- same rows is the same. Of rows that are there several times each counts.
CREATE FUNCTION vend_internal.note_statement(rollup text, "position" int, operation text, old_rows text, new_rows text)
RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE
        WHEN s.touched = '{}' THEN format('INSERT INTO vend_internal.stale_rollups (rollup, reason) SELECT %L, %L WHERE EXISTS (%s)',
            s.rollup, format('%s changed', s.source), d.differing)
        ELSE format('INSERT INTO %s (%s) SELECT DISTINCT %s FROM (%s) AS d', vend_internal.part_of(s.rollup, 'notes', s.position),
            vend_internal.list_of(s.noted), vend_internal.list_of(s.noted), d.differing)
    END
    FROM vend_internal.rollup_sources s
    CROSS JOIN LATERAL (
        -- Every column has a name of its own: what is read, then what is noted.
        SELECT concat_ws(', ',
            (SELECT string_agg(format('%s AS r%s', e, n), ', ' ORDER BY n) FROM unnest(s.read_expressions) WITH ORDINALITY AS r(e, n)
            WHERE operation = 'UPDATE'),
            (SELECT string_agg(format('%s AS %I', e, c), ', ' ORDER BY n)
            FROM unnest(s.noted_expressions, s.noted) WITH ORDINALITY AS m(e, c, n))) AS list
    ) AS l
    CROSS JOIN LATERAL (
        SELECT format('SELECT %s FROM %s', coalesce(nullif(l.list, ''), '1'), vend_internal.rows_of(s.source, old_rows, s.columns)) AS old,
            format('SELECT %s FROM %s', coalesce(nullif(l.list, ''), '1'), vend_internal.rows_of(s.source, new_rows, s.columns)) AS new
    ) AS r
    CROSS JOIN LATERAL (
        SELECT CASE operation
            WHEN 'INSERT' THEN r.new
            WHEN 'DELETE' THEN r.old
            ELSE format('(%1$s EXCEPT ALL %2$s) UNION ALL (%2$s EXCEPT ALL %1$s)', r.old, r.new)
        END AS differing
    ) AS d
    WHERE s.rollup = $1 AND s.position = $2;
END;
COMMENT ON FUNCTION vend_internal.note_statement(text, int, text, text, text) IS
    'The statement that notes what an INSERT, UPDATE or DELETE of a source changed, from its old and new rows.';

CREATE FUNCTION vend_internal.find_source(rollup text, "position" int, relation oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM vend_internal.rollup_sources s
        WHERE (s.rollup, s.position) = ($1, $2) AND s.relation IN ($3, pg_partition_root($3)));
END;
COMMENT ON FUNCTION vend_internal.find_source(text, int, oid) IS
    'Whether a table is, or is a partition of, the source of a rollup at a position.';
COMMENT ON FUNCTION vend_internal.is_source(text, int, oid) IS
    'As find_source(), by the latest snapshot, remembered by the session until the definition of any table changes.';

-- A statement has its rows in two tables; a change that a subscription applies, or a session that plays the replica,
-- fires for each row.
CREATE FUNCTION vend_internal.make_capture(rollup text, "position" int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    capture text := vend_internal.part_of(rollup, 'capture', position);
    owner_of_source name := (
        SELECT pg_get_userbyid(c.relowner)
        FROM vend_internal.rollup_sources s
        JOIN pg_class c ON c.oid = s.relation
        WHERE s.rollup = rollup AND s.position = position);
BEGIN
    PERFORM vend_internal.execute_as_owner(format(
        'CREATE OR REPLACE FUNCTION %1$s() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = pg_catalog, pg_temp AS %2$L;
        REVOKE ALL ON FUNCTION %1$s() FROM PUBLIC;
        COMMENT ON FUNCTION %1$s() IS %3$L',
        capture, format($body$
#variable_conflict use_column
BEGIN
    -- A partition that was detached keeps its triggers; and the source's owner may put them on any table of his, whose
    -- types would say with our rights when two rows are the same.
    IF NOT vend_internal.is_source(%1$L, %2$s, TG_RELID) THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'TRUNCATE' THEN
        INSERT INTO vend_internal.stale_rollups (rollup, reason) VALUES (%1$L, format('%%I was truncated', TG_TABLE_NAME));
    ELSIF TG_LEVEL = 'STATEMENT' AND TG_OP = 'INSERT' THEN
        %3$s;
    ELSIF TG_LEVEL = 'STATEMENT' AND TG_OP = 'UPDATE' THEN
        %4$s;
    ELSIF TG_LEVEL = 'STATEMENT' THEN
        %5$s;
    ELSIF TG_OP = 'INSERT' THEN
        %6$s;
    ELSIF TG_OP = 'UPDATE' THEN
        %7$s;
    ELSE
        %8$s;
    END IF;
    RETURN NULL;
END $body$, rollup, position,
            vend_internal.note_statement(rollup, position, 'INSERT', 'old_rows', 'new_rows'),
            vend_internal.note_statement(rollup, position, 'UPDATE', 'old_rows', 'new_rows'),
            vend_internal.note_statement(rollup, position, 'DELETE', 'old_rows', 'new_rows'),
            vend_internal.note_statement(rollup, position, 'INSERT', '(SELECT OLD.*)', '(SELECT NEW.*)'),
            vend_internal.note_statement(rollup, position, 'UPDATE', '(SELECT OLD.*)', '(SELECT NEW.*)'),
            vend_internal.note_statement(rollup, position, 'DELETE', '(SELECT OLD.*)', '(SELECT NEW.*)')),
        format('Notes for the rollup %s what changed.', rollup)));
    -- Who owns the table makes its partitions, and with them their triggers.
    PERFORM vend_internal.execute_as_owner(format('GRANT USAGE ON SCHEMA vend_staging TO %1$I; GRANT EXECUTE ON FUNCTION %2$s() TO %1$I',
        owner_of_source, capture));
END $$;
COMMENT ON FUNCTION vend_internal.make_capture(text, int) IS 'Makes the trigger function of a source.';

CREATE VIEW vend_internal.capture_triggers AS
SELECT s.rollup, s.position, relation.oid AS relation, format('vend_%s_%s_%s', s.rollup, s.position, t.name) AS trigger_name,
    vend_internal.part_of(s.rollup, 'capture', s.position) AS function, t.clause, t.firing,
    -- PostgreSQL itself gives a row trigger to each partition.
    relation.is_root OR t.firing <> 'R' AS is_ours
FROM vend_internal.rollup_sources s
CROSS JOIN LATERAL (
    SELECT s.relation::oid, true
    UNION ALL
    SELECT p::oid, false FROM vend_internal.partitions_of(s.relation) p
) AS relation(oid, is_root)
CROSS JOIN (VALUES
    ('insert', 'AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT', 'O'),
    ('update', 'AFTER UPDATE ON %s REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT', 'O'),
    ('delete', 'AFTER DELETE ON %s REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT', 'O'),
    ('truncate', 'AFTER TRUNCATE ON %s FOR EACH STATEMENT', 'A'),
    ('rows', 'AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW', 'R')
) AS t(name, clause, firing)
-- Our own tables have triggers of their own: those that others made on them would not be in a dump.
WHERE (SELECT c.relnamespace FROM pg_class c WHERE c.oid = s.relation) <> 'vend_internal'::regnamespace;
COMMENT ON VIEW vend_internal.capture_triggers IS 'The triggers that the sources must have, and how they fire (pg_trigger.tgenabled).';

CREATE FUNCTION vend_internal.create_trigger(relation regclass, name text, clause text, function text, firing text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('CREATE OR REPLACE TRIGGER %I %s EXECUTE FUNCTION %s()', name, format(clause, relation), function);
    EXECUTE format('ALTER TABLE %s ENABLE %s TRIGGER %I', relation,
        CASE firing WHEN 'A' THEN 'ALWAYS' WHEN 'R' THEN 'REPLICA' ELSE '' END, name);
END $$;
COMMENT ON FUNCTION vend_internal.create_trigger(regclass, text, text, text, text) IS 'Makes a trigger that fires as told.';

CREATE FUNCTION vend_internal.unwatch_rollup(name text, but_not text[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    capture record;
    made record;
BEGIN
    FOR capture IN
        SELECT p.oid, p.oid::regproc AS name
        FROM pg_proc p
        WHERE p.pronamespace = to_regnamespace('vend_staging') AND p.proname ~ format('^capture_%s_\d+$', unwatch_rollup.name)
    LOOP
        FOR made IN
            SELECT t.tgname, t.tgrelid::regclass AS relation
            FROM pg_trigger t
            WHERE t.tgfoid = capture.oid AND t.tgparentid = 0 AND format('%s %s', t.tgrelid, t.tgname) <> ALL (but_not)
            ORDER BY t.tgrelid
        LOOP
            EXECUTE format('DROP TRIGGER %I ON %s', made.tgname, made.relation);
        END LOOP;
        IF NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgfoid = capture.oid) THEN
            EXECUTE format('DROP FUNCTION %s()', capture.name);
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION vend_internal.unwatch_rollup(text, text[]) IS
    'Drops the triggers of a rollup but some ("relation name"), with the caller''s rights.';

-- A trigger that stays is replaced: dropping one locks out readers, too.
CREATE FUNCTION vend_internal.watch_rollup(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE vend_internal.rollup_sources s
    SET note_statements = (
        SELECT jsonb_object_agg(o, vend_internal.note_statement(s.rollup, s.position, o, 'old_rows', 'new_rows'))
        FROM unnest('{INSERT, UPDATE, DELETE}'::text[]) AS o)
    WHERE s.rollup = watch_rollup.name AND NOT EXISTS (SELECT FROM vend_internal.capture_triggers t
        WHERE (t.rollup, t.position) = (s.rollup, s.position));
    PERFORM vend_internal.make_capture(s.rollup, s.position)
    FROM vend_internal.rollup_sources s
    WHERE s.rollup = watch_rollup.name AND EXISTS (SELECT FROM vend_internal.capture_triggers t
        WHERE (t.rollup, t.position) = (s.rollup, s.position));
    PERFORM vend_internal.create_trigger(t.relation, t.trigger_name, t.clause, t.function, t.firing)
    FROM (SELECT * FROM vend_internal.capture_triggers t
        WHERE t.rollup = watch_rollup.name AND t.is_ours ORDER BY t.relation, t.trigger_name) AS t;
    PERFORM vend_internal.unwatch_rollup(name, ARRAY(
        SELECT format('%s %s', t.relation, t.trigger_name) FROM vend_internal.capture_triggers t WHERE t.rollup = watch_rollup.name));
END $$;
COMMENT ON FUNCTION vend_internal.watch_rollup(text) IS 'Makes the triggers of a rollup on its sources, with the caller''s rights.';

CREATE FUNCTION vend_internal.own_notes(relation oid, operation text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce(array_agg(CASE operation
        WHEN 'TRUNCATE' THEN format('INSERT INTO vend_internal.stale_rollups (rollup, reason) VALUES (%L, %L)', s.rollup, format('%s was truncated', s.source))
        ELSE s.note_statements ->> operation END), '{}')
    FROM vend_internal.rollup_sources s
    WHERE s.relation = $1;
END;
COMMENT ON FUNCTION vend_internal.own_notes(oid, text) IS
    'The statements that note a change of a table of ours for the rollups that it is a source of.';
COMMENT ON FUNCTION vend_internal.is_attached_now(text, oid) IS 'As is_attached_as(), by the latest snapshot.';
COMMENT ON FUNCTION vend_internal.own_notes_now(oid, text) IS 'As own_notes(), by the latest snapshot.';

CREATE FUNCTION vend_internal.note_own_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    statement text;
BEGIN
    -- Of INSERT ... ON CONFLICT the triggers of both operations fire, one of them for nothing.
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        IF NOT EXISTS (SELECT FROM new_rows) THEN
            RETURN NULL;
        END IF;
    END IF;
    FOREACH statement IN ARRAY vend_internal.own_notes_now(TG_RELID, TG_OP) LOOP
        EXECUTE statement;
    END LOOP;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION vend_internal.note_own_change() IS 'Notes a change of a table of ours for the rollups that it is a source of.';

DO $$
DECLARE
    own regclass;
    made record;
BEGIN
    FOREACH own IN ARRAY '{vend_internal.ledger, vend_internal.garage_capacities, vend_internal.platform_fees, vend_internal.policies}'::regclass[] LOOP
        FOR made IN
            SELECT * FROM (VALUES
                ('note_insert', 'AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT'),
                ('note_update', 'AFTER UPDATE ON %s REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT'),
                ('note_delete', 'AFTER DELETE ON %s REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT'),
                ('note_truncate', 'AFTER TRUNCATE ON %s FOR EACH STATEMENT')) AS t(name, clause)
        LOOP
            PERFORM vend_internal.create_trigger(own, made.name, made.clause, 'vend_internal.note_own_change', 'A');
        END LOOP;
    END LOOP;
END $$;
