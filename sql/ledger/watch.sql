-- The triggers that observe a source's rows, made and dropped with the rights of whoever attaches; those on the subscriptions.

CREATE FUNCTION vend_internal.unwatch_rows(observer text, but_not oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made record;
BEGIN
    FOR made IN
        SELECT t.tgname, t.tgrelid::regclass AS relation
        FROM pg_trigger t
        WHERE t.tgfoid = to_regproc(observer) AND t.tgparentid = 0 AND t.tgrelid <> but_not
    LOOP
        PERFORM vend_internal.lock_relation(made.relation, 'ACCESS EXCLUSIVE');
        EXECUTE format('DROP TRIGGER %I ON %s', made.tgname, made.relation);
    END LOOP;
END $$;
COMMENT ON FUNCTION vend_internal.unwatch_rows(text, oid) IS
    'Drops the triggers of an observing function from every table but one (0: from every table).';

CREATE FUNCTION vend_internal.is_attached_as(table_name text, relation oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM vend_internal.source s
        WHERE CASE $1 WHEN 'subscriptions' THEN s.subscriptions WHEN 'garages' THEN s.garages END IN ($2, pg_partition_root($2)));
END;
COMMENT ON FUNCTION vend_internal.is_attached_as(text, oid) IS
    'Whether a table is, or is a partition of, the one that is attached as the subscriptions or the garages.';

-- The table's owner makes its partitions, and so may use the triggers; on a table of another kind they would make up history.
-- In a snapshot from before vend.attach() nothing of what is known of the row would be seen.
CREATE FUNCTION vend_internal.is_observed(table_name text, relation oid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF vend_internal.is_attached_as(table_name, relation) THEN
        RETURN true;
    END IF;
    IF vend_internal.is_attached_now(table_name, relation) THEN
        RAISE EXCEPTION 'could not serialize access: % was attached after this transaction''s snapshot was taken', relation::regclass
            USING ERRCODE = '40001', HINT = 'Try the transaction again.';
    END IF;
    RETURN false;
END $$;
COMMENT ON FUNCTION vend_internal.is_observed(text, oid) IS
    'Whether a write to a table is to be observed; raises 40001 in a transaction that cannot see what is known of it.';

-- An expression may name the whole row by its table's name; then every column counts.
CREATE FUNCTION vend_internal.changed_condition(relation regclass, expressions text[]) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    read text := (SELECT string_agg(format('%s AS e%s', e, n), ', ' ORDER BY n) FROM unnest(expressions) WITH ORDINALITY AS e(e, n));
    relation_name name := (SELECT c.relname FROM pg_class c WHERE c.oid = relation);
    condition text;
BEGIN
    PERFORM vend_internal.execute_as_owner(format('CREATE VIEW vend_staging.probe AS SELECT %s FROM %s', read, relation));
    -- The function under *<>, which takes any types and which a dump does not tear apart.
    SELECT format('pg_catalog.record_image_ne(ROW(%s), ROW(%s))',
        string_agg(format('OLD.%I', a.attname), ', ' ORDER BY a.attnum), string_agg(format('NEW.%I', a.attname), ', ' ORDER BY a.attnum))
    INTO condition
    FROM pg_attribute a
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
        AND (strpos(lower(read), lower(relation_name)) > 0 OR EXISTS (
            SELECT
            FROM pg_rewrite r
            JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
            WHERE r.ev_class = 'vend_staging.probe'::regclass AND d.refclassid = 'pg_class'::regclass
                AND d.refobjid = relation AND d.refobjsubid = a.attnum));
    PERFORM vend_internal.execute_as_owner('DROP VIEW vend_staging.probe');
    RETURN condition;
END $$;
COMMENT ON FUNCTION vend_internal.changed_condition(regclass, text[]) IS
    'Whether an update of a table changes a column that one of the expressions reads: the WHEN clause of a trigger.';

-- Of a row's triggers the first by name fires first; were it an application''s own that writes the row once more, the two
-- writes would be seen in the wrong order. They fire on a replica and in a session without triggers too.
CREATE FUNCTION vend_internal.watch_subscriptions(relation regclass, expressions jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    relation_name name := (SELECT c.relname FROM pg_class c WHERE c.oid = relation);
    columns text := (
        SELECT string_agg(expressions ->> a.attname, ', ' ORDER BY a.attnum)
        FROM pg_attribute a
        WHERE a.attrelid = 'vend_internal.subscription_row'::regclass);
    changed text := vend_internal.changed_condition(relation, ARRAY(
        SELECT expressions ->> a.attname
        FROM pg_attribute a
        WHERE a.attrelid = 'vend_internal.subscription_row'::regclass
            -- They say when something was, not that something changed.
            AND a.attname NOT IN ('updated_at', 'renewal_attempted_at', 'stripe_price_id')));
    trigger_name text;
BEGIN
    PERFORM vend_internal.execute_as_owner(format(
        'CREATE OR REPLACE FUNCTION vend_staging.observe_subscription() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS %1$L;
        REVOKE ALL ON FUNCTION vend_staging.observe_subscription() FROM PUBLIC;
        COMMENT ON FUNCTION vend_staging.observe_subscription() IS %2$L',
        format($body$
#variable_conflict use_column
DECLARE
    was vend_internal.subscription_row;
    is_now vend_internal.subscription_row;
BEGIN
    IF NOT vend_internal.is_observed('subscriptions', TG_RELID) THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM vend_internal.observe_truncate();
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        SELECT %1$s INTO was FROM (SELECT OLD.*) AS %2$I;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        SELECT %1$s INTO is_now FROM (SELECT NEW.*) AS %2$I;
    END IF;
    PERFORM vend_internal.observe_write(was, is_now);
    RETURN NULL;
END $body$, columns, relation_name),
        'Tells the ledger of a write to a subscription.'));
    PERFORM vend_internal.execute_as_owner(format('GRANT EXECUTE ON FUNCTION vend_staging.observe_subscription() TO %I',
        (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = relation)));
    EXECUTE format('CREATE OR REPLACE TRIGGER "00_vend_ledger_rows" AFTER INSERT OR DELETE ON %s
        FOR EACH ROW EXECUTE FUNCTION vend_staging.observe_subscription()', relation);
    EXECUTE format('CREATE OR REPLACE TRIGGER "00_vend_ledger_update" AFTER UPDATE ON %s
        FOR EACH ROW WHEN (%s) EXECUTE FUNCTION vend_staging.observe_subscription()', relation, changed);
    EXECUTE format('CREATE OR REPLACE TRIGGER "00_vend_ledger_truncate" AFTER TRUNCATE ON %s
        FOR EACH STATEMENT EXECUTE FUNCTION vend_staging.observe_subscription()', relation);
    FOREACH trigger_name IN ARRAY '{00_vend_ledger_rows, 00_vend_ledger_update, 00_vend_ledger_truncate}'::text[] LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', relation, trigger_name);
    END LOOP;
END $$;
COMMENT ON FUNCTION vend_internal.watch_subscriptions(regclass, jsonb) IS
    'Makes the triggers that keep the ledger, from how staging reads each column.';
