-- Comparing what is stored for keys without a note with what the query has now, in one snapshot.

CREATE FUNCTION vend_internal.verify_statement(rollup text, repair boolean) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT format('WITH sampled AS MATERIALIZED (SELECT r.*, r.ctid AS place FROM %1$s AS r WHERE $1 >= 100 OR random() * 100 < $1),
old AS MATERIALIZED (SELECT r.* FROM sampled AS r WHERE %2$s),
fresh AS MATERIALIZED (
    SELECT %3$s FROM %4$s AS r WHERE $1 >= 100 AND %2$s
    UNION ALL
    %5$s),
differing AS MATERIALIZED (
    SELECT DISTINCT %6$s FROM ((SELECT %3$s FROM old EXCEPT SELECT %3$s FROM fresh) UNION ALL (SELECT %3$s FROM fresh EXCEPT SELECT %3$s FROM old)) AS d)%7$s
SELECT (SELECT count(*) FROM (SELECT %6$s FROM old UNION SELECT %6$s FROM fresh) AS k), (SELECT count(*) FROM differing)',
        vend_internal.part_of(r.name, 'stored'),
        concat_ws(' AND ', format('NOT EXISTS (SELECT FROM vend_internal.stale_rollups WHERE rollup = %L)', r.name), (
            SELECT string_agg(format('NOT EXISTS (SELECT FROM %1$s AS n WHERE %2$s) AND NOT EXISTS (SELECT FROM %1$s AS n WHERE %3$s AND %4$s)',
                vend_internal.part_of(m.rollup, 'dirty', m.number), vend_internal.equal_in(m.columns, 'n', 'r'),
                vend_internal.null_in(vend_internal.nullable(m.rollup, m.columns), 'n'), vend_internal.same_in(m.columns, 'n', 'r')), ' AND ')
            FROM vend_internal.rollup_masks m
            WHERE m.rollup = r.name)),
        vend_internal.list_of(o.columns), vend_internal.part_of(r.name, 'query'), (
            SELECT string_agg(format('SELECT %s FROM %s', vend_internal.list_of(o.columns, 'q'), c), E'\n    UNION ALL\n    ')
            FROM unnest(vend_internal.recomputed(r.name, r.key, '(SELECT * FROM old WHERE $1 < 100)')) c),
        vend_internal.list_of(r.key),
        CASE WHEN repair THEN ',' || vend_internal.write_clauses(r.name) ELSE '' END)
    FROM vend_internal.rollups r
    CROSS JOIN LATERAL (SELECT vend_internal.columns_of(vend_internal.part_of(r.name, 'query')::regclass) AS columns) AS o
    WHERE r.name = rollup;
END;
COMMENT ON FUNCTION vend_internal.verify_statement(text, boolean) IS
    'Compares $1 percent of the stored rows of a rollup with its query; returns the numbers of keys and of those that are wrong.';

CREATE FUNCTION vend.verify(name text DEFAULT NULL, sample numeric DEFAULT 100, repair boolean DEFAULT false)
RETURNS TABLE (rollup text, keys_checked bigint, keys_wrong bigint, keys_repaired bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    PERFORM vend_internal.check_rollup_name(name);
    IF sample IS NULL OR repair IS NULL THEN
        RAISE EXCEPTION 'sample and repair must not be NULL' USING ERRCODE = '22004', HINT = 'Leave them out for all keys and no repair.';
    END IF;
    IF NOT (sample > 0 AND sample <= 100) THEN
        RAISE EXCEPTION 'sample % is not a percentage', sample USING ERRCODE = '22023', HINT = 'Give more than 0 and at most 100.';
    END IF;
    FOR rollup IN SELECT r.name FROM vend_internal.rollups r WHERE verify.name IS NULL OR r.name = verify.name ORDER BY r.name LOOP
        CONTINUE WHEN NOT vend_internal.lock_rollup(rollup, verify.name IS NOT NULL);
        EXECUTE vend_internal.verify_statement(rollup, repair) INTO keys_checked, keys_wrong USING sample;
        keys_repaired := CASE WHEN repair THEN keys_wrong ELSE 0 END;
        PERFORM vend_internal.note_check(rollup, sample, keys_checked, keys_wrong, keys_repaired);
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION vend.verify(text, numeric, boolean) IS
    'Computes the stored keys of a rollup (NULL: of every one that nobody else is refreshing) again from its sources and counts '
    'those that differ, or writes them with repair. Keys with a note are left to readers and refreshes. sample is the percentage '
    'of stored rows to check; rows that are missing are found at 100 only. 42704: no such rollup. 55P03: being refreshed. 22023, '
    '22004: bad or NULL argument.';
