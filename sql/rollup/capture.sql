-- How a change leaves its notes: in the writer's transaction, so that both are there or neither is.

-- What of a row is read, and what a note of it has: an expression each, over a row that stands for the changed one.
CREATE FUNCTION vend_internal.note_query(rollup text, "position" int) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT format('SELECT %s FROM %s', (
            SELECT string_agg(e, ', ' ORDER BY n) FROM unnest(s.read_expressions || s.noted_expressions || CASE WHEN s.touched <> '{}' THEN '{now()}'::text[] END) WITH ORDINALITY AS e(e, n)),
        vend_internal.rows_of(s.source, 'unnest(ARRAY[$1])', s.columns))
    FROM vend_internal.rollup_sources s
    WHERE (s.rollup, s.position) = ($1, $2);
END;
COMMENT ON FUNCTION vend_internal.note_query(text, int) IS 'The query that gives the note of one changed row of a source, which is $1.';

CREATE FUNCTION vend_internal.followers(relation oid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce(jsonb_agg(jsonb_build_object('rollup', s.rollup, 'source', s.source, 'query', s.note_query, 'reads', cardinality(s.read_expressions),
        'notes', n.oid::int8, 'types', n.types, 'lone_notes', l.oid::int8, 'lone_columns', ARRAY(
            SELECT o.attnum
            FROM pg_attribute a
            LEFT JOIN pg_attribute o ON o.attrelid = n.oid AND o.attname = a.attname
            WHERE a.attrelid = l.oid AND a.attnum > 0
            ORDER BY a.attnum))
        ORDER BY l.oid, s.rollup, s.position), '[]')
    FROM vend_internal.rollup_sources s
    LEFT JOIN LATERAL (
        SELECT c.oid, ARRAY(SELECT a.atttypid::int8 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 ORDER BY a.attnum) AS types
        FROM pg_class c
        WHERE s.touched <> '{}' AND c.oid = to_regclass(vend_internal.part_of(s.rollup, 'notes', s.position))
    ) AS n ON true
    CROSS JOIN LATERAL (SELECT coalesce((SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = n.oid), n.oid) AS oid) AS l
    WHERE s.relation IN ($1, pg_partition_root($1)) AND s.note_query IS NOT NULL;
END;
COMMENT ON FUNCTION vend_internal.followers(oid) IS
    'The rollups that a table, or what it is a partition of, is a source of, each with its tables of notes and the query of a note; '
    'one after the other those that share a table.';

CREATE FUNCTION vend_internal.note_every_key(rollup text, reason text) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    INSERT INTO vend_internal.stale_rollups (rollup, reason) VALUES ($1, $2);
END;
COMMENT ON FUNCTION vend_internal.note_every_key(text, text) IS 'Leaves the note that every key of a rollup may differ.';

-- It looks up itself what it notes: whoever makes a trigger of it on another table gets nothing noted.
CREATE FUNCTION vend.note_changes() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'note_changes_wrapper';
COMMENT ON FUNCTION vend.note_changes() IS
    'Trigger function of the tables that rollups are computed from: notes in the writer''s transaction which keys a change concerns. '
    'vend.attach() and vend.create_rollup() make the triggers.';
COMMENT ON FUNCTION vend_internal.is_attached_now(text, oid) IS 'As is_attached_as(), by the latest snapshot.';
COMMENT ON FUNCTION vend_internal.note_types(text, oid) IS
    'The types of what a note_query() shows of a row of a table; NULL: it does not follow from one row alone.';

CREATE FUNCTION vend_internal.can_note(source vend_internal.rollup_sources) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (source).table_columns <@ vend_internal.columns_of((source).relation)
        AND (vend_internal.note_types((source).note_query, (source).relation))[cardinality((source).read_expressions) + 1 :] = ARRAY(
            SELECT a.atttypid
            FROM pg_attribute a
            WHERE a.attrelid = to_regclass(vend_internal.part_of((source).rollup, 'notes', (source).position)) AND a.attnum > 0
            ORDER BY a.attnum);
-- A function that is gone, or that takes another type.
EXCEPTION WHEN syntax_error_or_access_rule_violation THEN
    RETURN false;
END $$;
COMMENT ON FUNCTION vend_internal.can_note(vend_internal.rollup_sources) IS
    'Whether the notes of a source can still be computed, and are what its table of notes holds.';

-- A statement has its rows in two tables; a change that a subscription applies, or a session that plays the replica,
-- fires for each row.
CREATE VIEW vend_internal.capture_triggers AS
SELECT s.rollup, relation.oid AS relation, 'vend_note_' || t.name AS trigger_name, t.clause, t.firing,
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

CREATE FUNCTION vend_internal.create_trigger(relation regclass, name text, clause text, firing text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('CREATE OR REPLACE TRIGGER %I %s EXECUTE FUNCTION vend.note_changes()', name, format(clause, relation));
    EXECUTE format('ALTER TABLE %s ENABLE %s TRIGGER %I', relation,
        CASE firing WHEN 'A' THEN 'ALWAYS' WHEN 'R' THEN 'REPLICA' ELSE '' END, name);
END $$;
COMMENT ON FUNCTION vend_internal.create_trigger(regclass, text, text, text) IS 'Makes a trigger that notes changes, and that fires as told.';

-- The triggers of a table are for all rollups over it.
CREATE FUNCTION vend_internal.drop_triggers(but_not_for text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made record;
BEGIN
    FOR made IN
        SELECT t.tgname, c.oid::regclass AS relation
        FROM pg_trigger t
        JOIN pg_class c ON c.oid = t.tgrelid AND c.relnamespace <> 'vend_internal'::regnamespace
        WHERE t.tgfoid = 'vend.note_changes()'::regprocedure AND t.tgparentid = 0
            AND NOT EXISTS (SELECT FROM vend_internal.capture_triggers w
                WHERE (w.relation, w.trigger_name) = (t.tgrelid, t.tgname) AND w.rollup IS DISTINCT FROM but_not_for)
        ORDER BY t.tgrelid
    LOOP
        PERFORM vend_internal.lock_relation(made.relation, 'ACCESS EXCLUSIVE');
        EXECUTE format('DROP TRIGGER %I ON %s', made.tgname, made.relation);
    END LOOP;
END $$;
COMMENT ON FUNCTION vend_internal.drop_triggers(text) IS
    'Drops the triggers that no rollup needs, but one that is about to go (NULL: none is), with the caller''s rights.';

-- A trigger that stays is replaced: dropping one locks out readers, too.
CREATE FUNCTION vend_internal.watch_rollup(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unfit text;
BEGIN
    UPDATE vend_internal.rollup_sources s SET note_query = vend_internal.note_query(s.rollup, s.position) WHERE s.rollup = watch_rollup.name;
    SELECT s.source INTO unfit
    FROM vend_internal.rollup_sources s
    WHERE s.rollup = watch_rollup.name AND vend_internal.note_types(s.note_query, s.relation) IS NULL
    LIMIT 1;
    IF unfit IS NOT NULL THEN
        PERFORM vend_internal.refuse_rollup(name, format('keys of source "%s" are not computed from one row at a time', unfit), '0A000',
            'Give a SELECT over the relation changed.');
    END IF;
    PERFORM vend_internal.create_trigger(t.relation, t.trigger_name, t.clause, t.firing)
    FROM (SELECT * FROM vend_internal.capture_triggers t
        WHERE t.rollup = watch_rollup.name AND t.is_ours ORDER BY t.relation, t.trigger_name) AS t;
    PERFORM vend_internal.drop_triggers(NULL);
END $$;
COMMENT ON FUNCTION vend_internal.watch_rollup(text) IS 'Makes the triggers of a rollup on its sources, with the caller''s rights.';

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
            PERFORM vend_internal.create_trigger(own, made.name, made.clause, 'A');
        END LOOP;
    END LOOP;
END $$;
