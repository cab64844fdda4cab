-- What the extension keeps of a person is their id. In the history of subscriptions another, random one takes its place, so that
-- who was one customer stays one customer, and no number changes.
CREATE FUNCTION vend_internal.count_rows(statement text, user_id uuid, stand_in uuid DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed bigint;
BEGIN
    EXECUTE statement USING user_id, stand_in;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END $$;
COMMENT ON FUNCTION vend_internal.count_rows(text, uuid, uuid) IS 'Executes a statement with a user ($1) and who takes their place ($2), and counts its rows.';

CREATE FUNCTION vend.forget_user(user_id uuid) RETURNS TABLE (object text, rows_changed bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    stand_in CONSTANT uuid := gen_random_uuid();
    in_use boolean := false;
    kept record;
    total bigint := 0;
BEGIN
    IF forget_user.user_id IS NULL THEN
        RAISE EXCEPTION 'user_id must not be NULL' USING ERRCODE = '22004', HINT = 'Give the id of the person who is to be forgotten.';
    END IF;
    PERFORM vend_internal.lock_source();
    IF to_regclass('vend_staging.stg_subscriptions') IS NOT NULL THEN
        EXECUTE 'SELECT EXISTS (SELECT FROM vend_staging.stg_users u WHERE u.id = $1)
            OR EXISTS (SELECT FROM vend_staging.stg_subscriptions s WHERE s.user_id = $1)
            OR EXISTS (SELECT FROM vend_staging.stg_parked p WHERE p.user_id = $1)'
        INTO in_use USING forget_user.user_id;
    END IF;
    IF in_use THEN
        RAISE EXCEPTION 'the operational tables still hold this user' USING ERRCODE = '55000',
            HINT = 'Erase the person there first: what is read from there cannot be forgotten here.';
    END IF;
    FOR kept IN
        SELECT 1 AS position, 'vend_internal.subscription_versions' AS object,
            'UPDATE vend_internal.subscription_versions SET user_id = $2 WHERE user_id = $1' AS statement
        UNION ALL
        SELECT 2, 'vend_internal.ledger', 'UPDATE vend_internal.ledger SET user_id = $2 WHERE user_id = $1'
        UNION ALL
        SELECT 3, 'vend_internal.login_map', 'DELETE FROM vend_internal.login_map WHERE user_id = $1 AND $2 IS NOT NULL'
        UNION ALL
        SELECT 4, 'vend_internal.audit_log', 'UPDATE vend_internal.audit_log SET details = details || ''{"user_id": null}'', subject = ''erased''
            WHERE details ->> ''user_id'' = $1::text AND $2 IS NOT NULL'
        UNION ALL
        -- What was told of errors and of what was found; whoever paused a job may have said for whom.
        SELECT 5, k.object, format('UPDATE %1$s SET %2$I = replace(%2$I::text, $1::text, ''erased'')::%3$s
            WHERE strpos(%2$I::text, $1::text) > 0 AND $2 IS NOT NULL', k.object, k.column_name, k.type)
        FROM (VALUES ('vend_internal.alerts', 'details', 'jsonb'), ('vend_internal.job_runs', 'message', 'text'),
            ('vend_internal.jobs', 'pause_reason', 'text')) AS k(object, column_name, type)
        UNION ALL
        -- Notes before what is stored, and both only where a column can hold an id: what is deleted is computed anew.
        SELECT CASE WHEN c.relname LIKE 'notes\_%' THEN 6 ELSE 7 END, c.oid::regclass::text,
            format('WITH gone AS (DELETE FROM %s WHERE (%s) AND $2 IS NOT NULL RETURNING 1), told AS (
                INSERT INTO vend_internal.stale_rollups (rollup, reason) SELECT r, ''a user was forgotten'' FROM unnest(%L::text[]) r WHERE EXISTS (SELECT FROM gone))
                SELECT FROM gone', c.oid::regclass, string_agg(format('%I = $1', a.attname), ' OR '), ARRAY(
                SELECT r.name
                FROM vend_internal.rollups r
                WHERE r.name = p.rollup OR EXISTS (SELECT FROM vend_internal.notes_tables(r.name) t WHERE c.oid = ANY (t.others))))
        FROM (
            SELECT r.name, r.tenant_column, to_regclass(vend_internal.part_of(r.name, 'stored'))
            FROM vend_internal.rollups r
            UNION ALL
            SELECT r.name, r.tenant_column, to_regclass(vend_internal.part_of(s.rollup, 'notes', s.position))
            FROM vend_internal.rollup_sources s
            JOIN vend_internal.rollups r ON r.name = s.rollup
        ) AS p(rollup, tenant_column, relation)
        JOIN pg_class c ON c.oid = p.relation
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid = 'uuid'::regtype
            AND a.attname IS DISTINCT FROM p.tenant_column
        GROUP BY c.oid, c.relname, p.rollup
        ORDER BY 1, 2
    LOOP
        object := kept.object;
        rows_changed := vend_internal.count_rows(kept.statement, forget_user.user_id, stand_in);
        total := total + rows_changed;
        CONTINUE WHEN rows_changed = 0;
        RETURN NEXT;
    END LOOP;
    -- Summaries hold ids and hashes of licence plates until their keys are computed anew. Notes of what was erased in the
    -- operational tables wait, too, and are a mention by themselves.
    FOR kept IN SELECT r.name FROM vend_internal.rollups r ORDER BY r.name LOOP
        PERFORM vend.refresh(kept.name) WHERE (SELECT n.notes FROM vend_internal.pending_notes(kept.name) n) > 0;
    END LOOP;
    PERFORM vend_internal.write_audit('forget_user', 'erased', jsonb_build_object('rows_changed', total));
END $$;
COMMENT ON FUNCTION vend.forget_user(uuid) IS
    'Erases what the extension keeps of a person, and returns from which of its tables and how many rows: a random id takes the place of theirs in '
    'the history of subscriptions, so that no number changes; mapped logins and mentions go; rollups are refreshed. Erase them in the '
    'operational tables first. 55000: those still hold the user, or a rollup cannot be kept. 55P03: one is being refreshed. 22004: NULL. '
    'What is in older dumps and in the server''s log stays there.';
