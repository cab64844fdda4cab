-- A refresh is one statement, so that the notes it takes and the rows it reads are of one snapshot: a change whose note is
-- deleted was there when its keys were computed. An error leaves the notes where they were.

CREATE FUNCTION vend_internal.lock_rollup(name text, wait boolean) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM vend_internal.rollups r WHERE r.name = lock_rollup.name FOR NO KEY UPDATE NOWAIT;
    RETURN FOUND;
EXCEPTION WHEN lock_not_available THEN
    IF wait THEN
        RAISE EXCEPTION 'rollup "%" is being refreshed or verified', name USING ERRCODE = '55P03',
            HINT = 'Reading it needs no refresh; try again when the other one is done.';
    END IF;
    RETURN false;
END $$;
COMMENT ON FUNCTION vend_internal.lock_rollup(text, boolean) IS
    'Takes a rollup until the end of the transaction; else 55P03, or false if not told to insist.';

-- Rows that are new or differ are written, and those that are gone deleted: what is as it was is left alone. Written in
-- order, as the rows of one garage are read together.
CREATE FUNCTION vend_internal.write_clauses(rollup text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT format('
changed AS (SELECT %1$s FROM fresh EXCEPT SELECT %1$s FROM old),
gone AS (
    DELETE FROM %2$s WHERE ctid = ANY (ARRAY(
        SELECT min(place) FROM (SELECT %3$s, place FROM old UNION ALL SELECT %3$s, NULL FROM fresh) AS both_sides
        GROUP BY %3$s HAVING count(*) = count(place)))
    RETURNING 1),
written AS (
    INSERT INTO %2$s AS stored (%1$s) SELECT * FROM changed ORDER BY %3$s
    ON CONFLICT (%3$s) DO %4$s RETURNING 1)',
        vend_internal.list_of(o.columns), vend_internal.part_of(r.name, 'stored'), vend_internal.list_of(r.key),
        coalesce('UPDATE SET ' || (SELECT string_agg(format('%1$I = excluded.%1$I', c), ', ') FROM unnest(o.columns) c WHERE c <> ALL (r.key)), 'NOTHING'))
    FROM vend_internal.rollups r
    CROSS JOIN LATERAL (SELECT vend_internal.columns_of(vend_internal.part_of(r.name, 'query')::regclass) AS columns) AS o
    WHERE r.name = rollup;
END;
COMMENT ON FUNCTION vend_internal.write_clauses(text) IS 'Brings what is stored (old) to what the query has (fresh).';

-- A note may be of several rollups: who takes it leaves it to the others, and leaves alone what one of them is taking.
CREATE FUNCTION vend_internal.take_clauses(rollup text, mask text[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT string_agg(concat(format('%I AS (DELETE FROM ONLY %s', t.name, t.notes),
            -- Notes of one key should not come in many batches that all recompute it.
            CASE WHEN mask IS NOT NULL OR t.others <> '{}' THEN format(' WHERE ctid = ANY (ARRAY(SELECT ctid FROM ONLY %s%s%s))', t.notes,
                CASE WHEN mask IS NOT NULL THEN concat(' ORDER BY ' || vend_internal.list_of(vend_internal.found_by(s.noted, s.touched)), ' LIMIT $1') END,
                CASE WHEN t.others <> '{}' THEN ' FOR UPDATE SKIP LOCKED' END) END,
            ' RETURNING *)', (
            SELECT string_agg(format(E',\n%I AS (INSERT INTO %s (%s) SELECT %3$s FROM %4$I)', 'for_' || c.relname, o, l.columns, t.name), '')
            FROM unnest(t.others) o
            JOIN pg_class c ON c.oid = o
            CROSS JOIN LATERAL (SELECT vend_internal.list_of(vend_internal.columns_of(o)) AS columns) AS l)), E',\n')
    FROM vend_internal.notes_tables($1) t
    JOIN vend_internal.rollup_sources s ON (s.rollup, s.position) = ($1, t.position)
    WHERE mask IS NULL OR s.touched = mask;
END;
COMMENT ON FUNCTION vend_internal.take_clauses(text, text[]) IS
    'Takes up to $1 notes from each table of those of a mask (NULL: all of every mask), as a relation that is named like the table.';

CREATE FUNCTION vend_internal.refresh_statement(rollup text, mask text[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH taken AS (
        SELECT s.keys, string_agg(format('SELECT %s FROM %I', vend_internal.list_of(s.noted), t.name), ' UNION ALL ') AS changed,
            string_agg(format('(SELECT count(*) FROM %I)', t.name), ' + ') AS notes
        FROM vend_internal.rollup_sources s
        JOIN vend_internal.notes_tables($1) t ON t.position = s.position
        WHERE s.rollup = $1 AND s.touched = mask
        GROUP BY s.position, s.keys
    )
    SELECT format('WITH %s,
keys AS MATERIALIZED (SELECT DISTINCT %s FROM (%s) AS k),
fresh AS MATERIALIZED (%s),
old AS MATERIALIZED (
    SELECT r.* FROM keys AS d CROSS JOIN LATERAL (SELECT r.*, r.ctid AS place FROM %s AS r WHERE %s OFFSET 0) AS r%s),%s
SELECT (SELECT count(*) FROM keys), (SELECT count(*) FROM gone) + (SELECT count(*) FROM written), %s',
        vend_internal.take_clauses($1, mask),
        vend_internal.list_of(mask),
        string_agg(format('SELECT %s FROM (WITH changed AS (%s) SELECT * FROM (%s) AS k) AS k', vend_internal.list_of(mask), t.changed, t.keys || E'\n'), ' UNION ALL '),
        (SELECT string_agg('SELECT q.* FROM ' || c, E'\nUNION ALL\n') FROM unnest(vend_internal.recomputed($1, mask, 'keys')) c),
        vend_internal.part_of($1, 'stored'), vend_internal.equal_in(mask, 'd', 'r'), (
            SELECT format('
    UNION ALL
    SELECT r.* FROM (SELECT * FROM keys AS d WHERE %s OFFSET 0) AS d
    CROSS JOIN LATERAL (SELECT r.*, r.ctid AS place FROM %s AS r WHERE %s OFFSET 0) AS r',
                vend_internal.null_in(n, 'd'), vend_internal.part_of($1, 'stored'), vend_internal.same_in(mask, 'd', 'r'))
            FROM vend_internal.nullable($1, mask) n
            WHERE n <> '{}'),
        vend_internal.write_clauses($1),
        string_agg(t.notes, ' + '))
    FROM taken t;
END;
COMMENT ON FUNCTION vend_internal.refresh_statement(text, text[]) IS
    'Takes up to $1 notes from each table of those of a mask, and recomputes their keys; returns the numbers of keys, changed rows and notes.';

CREATE FUNCTION vend_internal.rebuild_statement(rollup text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT format('WITH flags AS (DELETE FROM vend_internal.stale_rollups WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM vend_internal.stale_rollups WHERE flag = ANY ($1) FOR UPDATE SKIP LOCKED))),
%s,
fresh AS MATERIALIZED (SELECT * FROM %s),
old AS MATERIALIZED (SELECT r.*, r.ctid AS place FROM %s AS r),%s
SELECT (SELECT count(*) FROM fresh), (SELECT count(*) FROM gone) + (SELECT count(*) FROM written)',
        vend_internal.take_clauses($1, NULL),
        vend_internal.part_of(rollup, 'query'), vend_internal.part_of(rollup, 'stored'), vend_internal.write_clauses(rollup));
END;
COMMENT ON FUNCTION vend_internal.rebuild_statement(text) IS
    'Takes every note of a rollup, and those of $1 that concern every key, and computes it as a whole.';

-- Key by key costs the same for every key, as a whole less for each: where two keys of five are noted it has won. What is stored, and
-- how many rows of it are noted, is estimated: counting them would cost more than a refresh of a few keys, and so would workers. Near
-- two in five it makes little difference which way is taken, so a small sample does.
CREATE FUNCTION vend_internal.is_mostly_dirty(rollup text, mask text[], dirty text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET max_parallel_workers_per_gather = 0 AS $$
DECLARE
    stored text := vend_internal.part_of(rollup, 'stored');
    mostly boolean;
BEGIN
    EXECUTE format('WITH noted AS MATERIALIZED (SELECT DISTINCT %1$s FROM %2$s), sample AS (SELECT * FROM noted LIMIT 100)
        SELECT CASE WHEN (SELECT count(*) FROM noted) >= 1000 THEN
            5 * (SELECT count(*) FROM noted) * (SELECT count(*) FROM sample AS d JOIN %3$s AS r ON %4$s) / 100
            >= 2 * coalesce((SELECT nullif(greatest(c.reltuples, 0), 0) FROM pg_class c WHERE c.oid = %3$L::regclass), (SELECT count(*) FROM %3$s))
            ELSE false END',
        vend_internal.list_of(mask), dirty, stored, vend_internal.equal_in(mask, 'd', 'r'))
    INTO mostly;
    RETURN mostly;
END $$;
COMMENT ON FUNCTION vend_internal.is_mostly_dirty(text, text[], text) IS
    'Whether so many keys are noted that computing all of them is quicker.';

-- The tenants that are stored or that the platform has; what belongs to no known one is of the last slice.
CREATE FUNCTION vend_internal.end_of_slice(rollup text, build vend_internal.rollup_builds, type text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last text;
BEGIN
    EXECUTE (
        SELECT format('SELECT tenant::text FROM (SELECT %1$I AS tenant FROM %2$s %3$s) AS t WHERE tenant > $1::%4$s OR $1 IS NULL AND tenant IS NOT NULL
            GROUP BY tenant ORDER BY tenant OFFSET $2 - 1 LIMIT 1',
            r.tenant_column, vend_internal.part_of(rollup, 'stored'),
            CASE WHEN type = 'uuid' AND to_regclass('vend_staging.stg_garages') IS NOT NULL THEN 'UNION ALL SELECT id FROM vend_staging.stg_garages' END, type)
        FROM vend_internal.rollups r
        WHERE r.name = rollup)
    INTO last USING build.done_to, build.slice;
    RETURN last;
END $$;
COMMENT ON FUNCTION vend_internal.end_of_slice(text, vend_internal.rollup_builds, text) IS
    'The last tenant of the next slice of a build; NULL: the rest is no more than that.';

CREATE FUNCTION vend_internal.slice_statement(rollup text, slice text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT format('WITH fresh AS MATERIALIZED (SELECT * FROM %1$s AS r WHERE %2$s),
old AS MATERIALIZED (SELECT r.*, r.ctid AS place FROM %3$s AS r WHERE %2$s),%4$s
SELECT (SELECT count(*) FROM fresh), (SELECT count(*) FROM gone) + (SELECT count(*) FROM written)',
        vend_internal.part_of(rollup, 'query'), slice, vend_internal.part_of(rollup, 'stored'), vend_internal.write_clauses(rollup));
END;
COMMENT ON FUNCTION vend_internal.slice_statement(text, text) IS 'Computes the rows of a rollup for which a condition holds; notes stay.';

-- Until the last slice the rollup is read from its query; a build that is interrupted goes on where it was.
CREATE FUNCTION vend_internal.build_slice(name text, flags uuid[], OUT keys_refreshed bigint, OUT rows_changed bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    build vend_internal.rollup_builds;
    tenant record;
    last text;
    started timestamptz := clock_timestamp();
    took interval;
BEGIN
    SELECT format('r.%I', a.attname) AS name, format_type(a.atttypid, a.atttypmod) AS type INTO tenant
    FROM vend_internal.rollups r
    JOIN pg_attribute a ON a.attrelid = vend_internal.part_of(r.name, 'stored')::regclass AND a.attname = r.tenant_column
    WHERE r.name = build_slice.name;
    SELECT * INTO build FROM vend_internal.rollup_builds b WHERE b.rollup = name AND b.flags && build_slice.flags;
    IF NOT FOUND THEN
        INSERT INTO vend_internal.rollup_builds AS b (rollup, flags) VALUES (name, build_slice.flags)
        ON CONFLICT (rollup) DO UPDATE SET flags = excluded.flags, done_to = NULL, slice = excluded.slice
        RETURNING * INTO build;
    END IF;
    last := vend_internal.end_of_slice(name, build, tenant.type);
    EXECUTE vend_internal.slice_statement(name, CASE
            WHEN last IS NOT NULL AND build.done_to IS NOT NULL THEN format('%1$s > $1::%2$s AND %1$s <= $2::%2$s', tenant.name, tenant.type)
            WHEN last IS NOT NULL THEN format('%s <= $2::%s', tenant.name, tenant.type)
            WHEN build.done_to IS NOT NULL THEN format('(%1$s > $1::%2$s OR %1$s IS NULL)', tenant.name, tenant.type)
            ELSE 'true' END)
    INTO keys_refreshed, rows_changed USING build.done_to, last;
    took := clock_timestamp() - started;
    IF last IS NOT NULL THEN
        UPDATE vend_internal.rollup_builds b
        SET done_to = last, slice = CASE
            WHEN took < interval '500 ms' THEN least(2 * b.slice, 1000)
            WHEN took > interval '1 s' THEN greatest(b.slice / 2, 1)
            ELSE b.slice END
        WHERE b.rollup = name;
    ELSE
        DELETE FROM vend_internal.rollup_builds b WHERE b.rollup = name;
        DELETE FROM vend_internal.stale_rollups s
        WHERE s.ctid = ANY (ARRAY(SELECT o.ctid FROM vend_internal.stale_rollups o WHERE o.flag = ANY (build.flags) FOR UPDATE SKIP LOCKED));
    END IF;
END $$;
COMMENT ON FUNCTION vend_internal.build_slice(text, uuid[]) IS
    'Computes the next tenants of a rollup, as many as take about a second; the last one takes the flags back.';

CREATE FUNCTION vend_internal.count_batch(name text) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    UPDATE vend_internal.rollups r SET batches = r.batches + 1 WHERE r.name = $1;
END;
COMMENT ON FUNCTION vend_internal.count_batch(text) IS 'What a batch writes before all else; 40001 if another came between its snapshot and that.';

CREATE FUNCTION vend_internal.refresh_batch(
    name text, notes bigint, in_slices boolean DEFAULT false, OUT keys_refreshed bigint, OUT rows_changed bigint, OUT is_done boolean
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    flags uuid[];
    mask record;
    has_notes boolean;
    taken bigint;
    fault text;
BEGIN
    keys_refreshed := 0;
    rows_changed := 0;
    -- Before the faults are looked for: what happens after that leaves a flag that stays.
    flags := ARRAY(SELECT s.flag FROM vend_internal.stale_rollups s WHERE s.rollup = refresh_batch.name);
    IF flags <> '{}' THEN
        fault := vend_internal.capture_fault(name);
        IF fault IS NOT NULL THEN
            RAISE EXCEPTION 'rollup "%" cannot be kept: %', name, fault USING ERRCODE = '55000',
                HINT = 'It is read from its query until the changes of its sources are seen again: vend.create_rollup() or vend.attach() makes the triggers anew.';
        END IF;
        PERFORM vend_internal.count_batch(name);
        is_done := NOT in_slices OR EXISTS (SELECT FROM vend_internal.rollups r WHERE r.name = refresh_batch.name AND r.tenant_column IS NULL);
        IF is_done THEN
            EXECUTE vend_internal.rebuild_statement(name) INTO keys_refreshed, rows_changed USING flags;
        ELSE
            SELECT b.* INTO keys_refreshed, rows_changed FROM vend_internal.build_slice(name, flags) b;
        END IF;
        RETURN;
    END IF;
    FOR mask IN
        SELECT m.columns, vend_internal.part_of(m.rollup, 'dirty', m.number) AS dirty, (
            SELECT string_agg(format('EXISTS (SELECT FROM %s)', vend_internal.part_of(s.rollup, 'notes', s.position)), ' OR ')
            FROM vend_internal.rollup_sources s
            WHERE s.rollup = m.rollup AND s.touched = m.columns) AS has_notes
        FROM vend_internal.rollup_masks m
        WHERE m.rollup = refresh_batch.name
        ORDER BY m.number
    LOOP
        EXECUTE 'SELECT ' || mask.has_notes INTO has_notes;
        CONTINUE WHEN NOT has_notes;
        PERFORM vend_internal.count_batch(name);
        is_done := vend_internal.is_mostly_dirty(name, mask.columns, mask.dirty);
        IF is_done THEN
            EXECUTE vend_internal.rebuild_statement(name) INTO keys_refreshed, rows_changed USING flags;
            RETURN;
        END IF;
        EXECUTE vend_internal.refresh_statement(name, mask.columns) INTO keys_refreshed, rows_changed, taken USING notes;
        IF taken > 0 THEN
            RETURN;
        END IF;
    END LOOP;
    is_done := true;
END $$;
COMMENT ON FUNCTION vend_internal.refresh_batch(text, bigint, boolean) IS
    'Works off up to so many notes of each source, or what concerns every key, as a whole or a few tenants at a time; is_done: '
    'nothing was left but what a refresh of another rollup is taking. Its caller has locked the rollup. 55000: changes are not seen.';

CREATE FUNCTION vend.refresh(name text DEFAULT NULL)
RETURNS TABLE (rollup text, keys_refreshed bigint, rows_changed bigint, duration interval)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    batch record;
    fault text;
    rounds bigint;
    started timestamptz;
    batch_notes CONSTANT bigint := 1000000;
BEGIN
    PERFORM vend_internal.check_rollup_name(name);
    FOR rollup IN SELECT r.name FROM vend_internal.rollups r WHERE refresh.name IS NULL OR r.name = refresh.name ORDER BY r.name LOOP
        started := clock_timestamp();
        CONTINUE WHEN NOT vend_internal.lock_rollup(rollup, refresh.name IS NOT NULL);
        -- One that cannot be kept does not hold up the others.
        fault := CASE WHEN refresh.name IS NULL THEN vend_internal.capture_fault(rollup) END;
        IF fault IS NOT NULL THEN
            RAISE WARNING 'rollup "%" is not refreshed: %', rollup, fault;
            CONTINUE;
        END IF;
        keys_refreshed := 0;
        rows_changed := 0;
        -- Not until nothing is left, which with busy writers would be never.
        rounds := (SELECT count(*) FROM vend_internal.rollup_masks m WHERE m.rollup = refresh.rollup)
            + (SELECT n.notes FROM vend_internal.pending_notes(rollup) n) / batch_notes + 1;
        FOR round IN 1..rounds LOOP
            batch := vend_internal.refresh_batch(rollup, batch_notes);
            keys_refreshed := keys_refreshed + batch.keys_refreshed;
            rows_changed := rows_changed + batch.rows_changed;
            EXIT WHEN batch.is_done;
        END LOOP;
        UPDATE vend_internal.rollups r SET refreshed_at = clock_timestamp() WHERE r.name = refresh.rollup;
        duration := clock_timestamp() - started;
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION vend.refresh(text) IS
    'Recomputes the keys of a rollup (NULL: of every rollup that nobody else is refreshing) whose sources changed, and writes '
    'the rows that differ. A reader or writer never waits for it. 42704: no such rollup. 55P03: already being refreshed. 55000: '
    'the changes of a source are not seen any more (of one among all: a warning).';
