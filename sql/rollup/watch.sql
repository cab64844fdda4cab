-- A source that is altered so that changes would go unseen: its rollups are read from their queries from then on.

CREATE FUNCTION vend_internal.partition_fault(source vend_internal.rollup_sources, partitions oid[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT format('the partitions of %s have changed', ($1).source)
    WHERE NOT ($1).partitions::oid[] <@ $2
        -- One that is made empty changes nothing.
        OR EXISTS (SELECT FROM unnest($2) p WHERE p <> ALL (($1).partitions::oid[]) AND pg_relation_size(p) > 0);
END;
COMMENT ON FUNCTION vend_internal.partition_fault(vend_internal.rollup_sources, oid[]) IS
    'Whether a source has other partitions than those whose rows its rollup has seen.';

CREATE FUNCTION vend_internal.capture_fault(rollup text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT f.fault
    FROM (
        SELECT 1 AS rank, format('%s is gone', s.source) AS fault
        FROM vend_internal.rollup_sources s
        WHERE s.rollup = $1 AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = s.relation)
        UNION ALL
        SELECT 2, format('trigger %I of %s is %s', t.trigger_name, t.relation::regclass,
            CASE WHEN g.oid IS NULL THEN 'missing' WHEN g.tgenabled = 'D' THEN 'disabled' ELSE 'altered' END)
        FROM vend_internal.capture_triggers t
        LEFT JOIN pg_trigger g ON g.tgrelid = t.relation AND g.tgname = t.trigger_name AND g.tgfoid = 'vend.note_changes()'::regprocedure
        WHERE t.rollup = $1 AND g.tgenabled IS DISTINCT FROM t.firing::"char"
        UNION ALL
        SELECT 3, format('%s was altered, and its changes are not noted since', s.source)
        FROM vend_internal.rollup_sources s
        WHERE s.rollup = $1 AND (s.note_query IS NULL OR NOT s.table_columns <@ vend_internal.columns_of(s.relation))
        UNION ALL
        SELECT 4, vend_internal.partition_fault(s, ARRAY(SELECT p::oid FROM vend_internal.partitions_of(s.relation) p))
        FROM vend_internal.rollup_sources s
        WHERE s.rollup = $1
    ) AS f
    WHERE f.fault IS NOT NULL
    ORDER BY f.rank, f.fault
    FETCH FIRST ROW ONLY;
END;
COMMENT ON FUNCTION vend_internal.capture_fault(text) IS 'Why changes of a rollup''s sources would go unseen; NULL: they are seen.';

-- With the rights of whoever makes a partition: its statement triggers, as the partitioned table has them.
CREATE FUNCTION vend_internal.adopt_partitions() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    missing record;
BEGIN
    FOR missing IN
        SELECT p.relid AS relation, t.tgname, t.tgenabled, pg_get_triggerdef(t.oid) AS definition
        FROM (SELECT DISTINCT c.objid FROM pg_event_trigger_ddl_commands() c WHERE c.object_type = 'table') AS c
        CROSS JOIN LATERAL pg_partition_tree(c.objid) p
        JOIN pg_trigger t ON t.tgrelid = pg_partition_root(p.relid) AND t.tgtype & 1 = 0
            AND t.tgfoid = 'vend.note_changes()'::regprocedure
        WHERE p.relid <> pg_partition_root(p.relid)
            AND NOT EXISTS (SELECT FROM pg_trigger o WHERE o.tgrelid = p.relid AND o.tgname = t.tgname)
    LOOP
        -- Replaced, as the ALTER TABLE below comes here, too.
        EXECUTE replace(regexp_replace(missing.definition, ' ON .*? (REFERENCING|FOR EACH)',
            format(' ON %s \1', replace(missing.relation::text, '\', '\\'))), 'CREATE TRIGGER', 'CREATE OR REPLACE TRIGGER');
        IF missing.tgenabled = 'A' THEN
            EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', missing.relation, missing.tgname);
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION vend_internal.adopt_partitions() IS 'Gives a new partition of a source the triggers of the others.';

CREATE FUNCTION vend_internal.definitions_over(relation oid) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT ARRAY(
        SELECT concat(r.name, ' ', r.generation)
        FROM vend_internal.rollup_sources s
        JOIN vend_internal.rollups r ON r.name = s.rollup
        WHERE s.relation IN ($1, pg_partition_root($1))
        ORDER BY r.name);
END;
COMMENT ON FUNCTION vend_internal.definitions_over(oid) IS 'The rollups that a table is a source of, each with its generation.';
COMMENT ON FUNCTION vend_internal.definitions_now(oid) IS 'As definitions_over(), by the latest snapshot.';

CREATE FUNCTION vend_internal.watch_sources() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    faulty record;
    unseen regclass;
BEGIN
    -- What an old snapshot does not show could be blinded without a word.
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        SELECT c.objid INTO unseen
        FROM pg_event_trigger_ddl_commands() c
        WHERE c.classid = 'pg_class'::regclass AND vend_internal.definitions_over(c.objid) <> vend_internal.definitions_now(c.objid)
        LIMIT 1;
        IF unseen IS NOT NULL THEN
            RAISE EXCEPTION 'could not serialize access: a rollup over % was made after this transaction''s snapshot was taken', unseen
                USING ERRCODE = '40001', HINT = 'Try the transaction again.';
        END IF;
    END IF;
    -- A trigger that fails is a writer that fails. Nor may it read another column that is given the name of one that was renamed.
    UPDATE vend_internal.rollup_sources s SET note_query = NULL
    FROM vend_internal.rollups r
    WHERE r.name = s.rollup AND s.note_query IS NOT NULL
        AND (s.relation IN (SELECT c.objid FROM pg_event_trigger_ddl_commands() c WHERE c.classid = 'pg_class'::regclass)
            OR TG_TAG LIKE 'DROP%' AND NOT r.built_in)
        AND NOT vend_internal.can_note(s);
    FOR faulty IN
        SELECT r.name, f.fault
        FROM vend_internal.rollups r
        CROSS JOIN LATERAL (
            SELECT coalesce(vend_internal.capture_fault(r.name), (
                SELECT min(vend_internal.partition_fault(s, ARRAY(SELECT vend_internal.partitions_now(s.relation))))
                FROM vend_internal.rollup_sources s
                WHERE s.rollup = r.name)) AS fault
        ) AS f
        WHERE f.fault IS NOT NULL
    LOOP
        -- An equal flag is replaced, not trusted: a refresh that read the source before this command may be about to delete
        -- it. An old snapshot cannot tell, and adds its own.
        IF current_setting('transaction_isolation') IN ('read committed', 'read uncommitted') THEN
            DELETE FROM vend_internal.stale_rollups s
            WHERE s.ctid = ANY (ARRAY(
                SELECT o.ctid FROM vend_internal.stale_rollups o WHERE (o.rollup, o.reason) = (faulty.name, faulty.fault)
                FOR UPDATE SKIP LOCKED));
        END IF;
        INSERT INTO vend_internal.stale_rollups (rollup, reason) VALUES (faulty.name, faulty.fault);
    END LOOP;
    -- Their rows came or went without a trigger; every key is noted now. An old snapshot does not see what others have done to
    -- the partitions of the same table, so it must not get past them (40001).
    UPDATE vend_internal.rollup_sources s SET partitions = p.partitions
    FROM vend_internal.rollup_sources o
    CROSS JOIN LATERAL (SELECT ARRAY(SELECT t::regclass FROM vend_internal.partitions_now(o.relation) t ORDER BY t) AS partitions) AS p
    WHERE (s.rollup, s.position) = (o.rollup, o.position) AND (s.partitions::oid[] <> p.partitions::oid[]
        OR current_setting('transaction_isolation') IN ('repeatable read', 'serializable')
            AND s.relation IN (SELECT c.objid FROM pg_event_trigger_ddl_commands() c WHERE c.classid = 'pg_class'::regclass));
END $$;
COMMENT ON FUNCTION vend_internal.watch_sources() IS 'Marks the rollups whose sources'' changes would go unseen.';

CREATE FUNCTION vend_internal.forget_source(source vend_internal.rollup_sources) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM vend_internal.forget_plans(c.oid)
    FROM unnest((source).relation || (source).partitions) AS s(relation)
    JOIN pg_class c ON c.oid = s.relation;
END $$;
COMMENT ON FUNCTION vend_internal.forget_source(vend_internal.rollup_sources) IS
    'Has every session plan anew what it reads of a source and its partitions, and look up anew what it notes of them.';

-- A label that is renamed is another code in every row that has it.
CREATE FUNCTION vend_internal.watch_types() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    altered record;
BEGIN
    FOR altered IN
        WITH read AS MATERIALIZED (
            SELECT s AS source, a.atttypid AS type
            FROM vend_internal.rollup_sources s
            JOIN pg_attribute a ON a.attrelid = s.relation AND a.attname = ANY (s.table_columns)
        )
        SELECT DISTINCT r.source, c.object_identity AS type
        FROM read r
        JOIN pg_event_trigger_ddl_commands() c ON c.classid = 'pg_type'::regclass AND c.objid = vend_internal.base_type(r.type)
    LOOP
        PERFORM vend_internal.forget_source(altered.source),
            vend_internal.note_every_key((altered.source).rollup, format('type %s was altered', altered.type));
    END LOOP;
END $$;
COMMENT ON FUNCTION vend_internal.watch_types() IS 'Marks the rollups that read a column of a type that was altered.';
