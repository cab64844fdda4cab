-- A garage's capacity is that of its row today; which it was on earlier days only those know who saw it change.
CREATE TABLE vend_internal.garage_capacities (
    garage_id uuid NOT NULL,
    -- A local day; -infinity: the earliest that is known.
    valid_from date NOT NULL,
    capacity int,
    PRIMARY KEY (garage_id, valid_from)
);
COMMENT ON TABLE vend_internal.garage_capacities IS 'The capacity of each garage from a local day on, as it was seen.';
SELECT pg_catalog.pg_extension_config_dump('vend_internal.garage_capacities', '');

-- Of several changes of a day the last one holds; a clock that was set back makes no past.
CREATE FUNCTION vend_internal.record_capacity(garage uuid, is_now int, today date) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known vend_internal.garage_capacities;
BEGIN
    SELECT * INTO known FROM vend_internal.garage_capacities c WHERE c.garage_id = garage ORDER BY c.valid_from DESC LIMIT 1;
    IF garage IS NULL OR FOUND AND known.capacity IS NOT DISTINCT FROM is_now THEN
        RETURN;
    END IF;
    INSERT INTO vend_internal.garage_capacities AS c
    VALUES (garage, CASE WHEN known.garage_id IS NULL THEN '-infinity' ELSE greatest(today, known.valid_from) END, is_now)
    ON CONFLICT (garage_id, valid_from) DO UPDATE SET capacity = excluded.capacity;
END $$;
COMMENT ON FUNCTION vend_internal.record_capacity(uuid, int, date) IS
    'Records the capacity that a garage has today, if it is another one than was known.';

-- Runs as vend_owner, for it evaluates the administrator's expressions.
CREATE FUNCTION vend_internal.catch_up_with_capacities() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM vend_internal.record_capacity(g.id, g.capacity, vend.local_day(now(), g.timezone)) FROM vend_staging.stg_garages g;
END $$;
COMMENT ON FUNCTION vend_internal.catch_up_with_capacities() IS 'Records what no trigger saw, as if it changed today.';

-- On a replica and in a session without triggers too.
CREATE FUNCTION vend_internal.watch_capacities(relation regclass, expressions jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed text := vend_internal.changed_condition(relation, ARRAY[expressions ->> 'id', expressions ->> 'capacity']);
    trigger_name text;
BEGIN
    PERFORM vend_internal.execute_as_owner(format(
        'CREATE OR REPLACE FUNCTION vend_staging.observe_garage() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS %L;
        REVOKE ALL ON FUNCTION vend_staging.observe_garage() FROM PUBLIC;
        COMMENT ON FUNCTION vend_staging.observe_garage() IS %L;
        GRANT EXECUTE ON FUNCTION vend_staging.observe_garage() TO %I',
        format($body$
#variable_conflict use_column
BEGIN
    IF vend_internal.is_observed('garages', TG_RELID) THEN
        PERFORM vend_internal.record_capacity(g.id, g.capacity, vend.local_day(now(), g.timezone))
        FROM (SELECT %s AS id, %s AS capacity, %s AS timezone FROM (SELECT NEW.*) AS %I) AS g;
    END IF;
    RETURN NULL;
END $body$, expressions ->> 'id', expressions ->> 'capacity', expressions ->> 'timezone',
            (SELECT c.relname FROM pg_class c WHERE c.oid = relation)),
        'Records the capacity of a garage that was written.',
        (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = relation)));
    EXECUTE format('CREATE OR REPLACE TRIGGER "00_vend_capacity_insert" AFTER INSERT ON %s
        FOR EACH ROW EXECUTE FUNCTION vend_staging.observe_garage()', relation);
    EXECUTE format('CREATE OR REPLACE TRIGGER "00_vend_capacity_update" AFTER UPDATE ON %s
        FOR EACH ROW WHEN (%s) EXECUTE FUNCTION vend_staging.observe_garage()', relation, changed);
    FOREACH trigger_name IN ARRAY '{00_vend_capacity_insert, 00_vend_capacity_update}'::text[] LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', relation, trigger_name);
    END LOOP;
END $$;
COMMENT ON FUNCTION vend_internal.watch_capacities(regclass, jsonb) IS
    'Makes the triggers that see capacities change, from how staging reads each column.';
