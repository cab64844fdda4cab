-- Row-level security on the application's own tables, when asked for. It runs with the rights of whoever asks, and refuses
-- wherever a table would be left half open, or its own writers be locked out.
CREATE TABLE vend_internal.protected_tables (
    relation regclass PRIMARY KEY,
    garage_column name NOT NULL,
    user_column name,
    -- What was off before, and so may be switched off again.
    switched_on boolean NOT NULL,
    forced boolean NOT NULL,
    protected_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE vend_internal.protected_tables IS 'The tables that vend.protect() protects.';
SELECT pg_catalog.pg_extension_config_dump('vend_internal.protected_tables', '');

CREATE VIEW vend_internal.protections AS
SELECT p.relation, p.garage_column, p.user_column, NULL::text AS rollup
FROM vend_internal.protected_tables p
JOIN pg_class c ON c.oid = p.relation
UNION ALL
SELECT c.oid::regclass, r.tenant_column, NULL, r.name
FROM vend_internal.rollups r
JOIN pg_class c ON c.oid = to_regclass(vend_internal.part_of(r.name, 'stored'));
COMMENT ON VIEW vend_internal.protections IS 'Every table that must be protected: those of vend.protect(), and what rollups store.';

CREATE VIEW vend.protected_tables AS
SELECT p.relation, p.garage_column, p.user_column, p.rollup, f.faults = 0 AS is_intact
FROM vend_internal.protections p
CROSS JOIN LATERAL (
    SELECT count(*) AS faults
    FROM vend_internal.protection_statements(p.relation, vend_internal.scope_of(p.garage_column, p.user_column))
) AS f;
COMMENT ON VIEW vend.protected_tables IS
    'The tables with our row-level security: those of vend.protect(), and what each rollup stores. Without a garage_column '
    'only super admins see rows. Not is_intact: a policy was dropped or altered, and vend.security_audit() says how to mend it.';

-- A role that row-level security does not bind, or that may write by right of ownership.
CREATE FUNCTION vend_internal.grants_on(relation oid) RETURNS TABLE (grantee oid, privilege text, is_bound boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT a.grantee, a.privilege_type, NOT coalesce(r.rolsuper OR r.rolbypassrls, false)
    FROM pg_class c
    CROSS JOIN LATERAL (
        SELECT c.relacl AS acl
        UNION ALL
        SELECT t.attacl FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attacl IS NOT NULL
    ) AS l
    CROSS JOIN LATERAL aclexplode(l.acl) AS a
    LEFT JOIN pg_roles r ON r.oid = a.grantee
    WHERE c.oid = $1 AND a.grantee <> c.relowner;
END;
COMMENT ON FUNCTION vend_internal.grants_on(oid) IS
    'What others than its owner may do with a table or a column of it (grantee 0: everybody), and whether policies bind them.';

CREATE FUNCTION vend_internal.check_protectable(relation regclass, garage_column name, user_column name) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    fault record;
BEGIN
    SELECT p.problem, p.hint, p.code INTO fault
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_roles o ON o.oid = c.relowner
    CROSS JOIN LATERAL (
        SELECT 1 AS rank, 'is not an ordinary table' AS problem, '42809' AS code,
            'A view follows the policies of its tables with WITH (security_invoker = true); materialized views and foreign tables have none.' AS hint
        WHERE c.relkind NOT IN ('r', 'p')
        UNION ALL
        SELECT 1, 'is temporary', '42809', 'Only its own session sees it.'
        WHERE c.relpersistence = 't'
        UNION ALL
        SELECT 1, 'belongs to PostgreSQL or to vend_analytics', '42809', 'Protect the application''s own tables.'
        WHERE n.nspname IN ('pg_catalog', 'information_schema', 'pg_toast', 'vend', 'vend_internal', 'vend_staging', 'vend_marts', 'vend_reports')
        UNION ALL
        SELECT 1, 'is a partition', '42809', 'Protect the partitioned table, and grant nothing on its partitions.'
        WHERE c.relispartition
        UNION ALL
        SELECT 2, format('does not belong to "%s"', current_user), '42501', format('Call it as "%s" or as a superuser.', o.rolname)
        WHERE NOT pg_has_role(c.relowner, 'USAGE')
        UNION ALL
        SELECT 3, format('has no column "%s"', k.name), '42703', 'Name the columns that hold the garage and, if rows are also a person''s own, the user.'
        FROM (VALUES (garage_column), (user_column)) AS k(name)
        WHERE k.name IS NOT NULL AND NOT EXISTS (SELECT FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attname = k.name AND a.attnum > 0 AND NOT a.attisdropped)
        UNION ALL
        SELECT 4, format('has "%s" of type %s', a.attname, format_type(a.atttypid, a.atttypmod)), '42804', 'Garages and users are compared as uuid.'
        FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attname IN (garage_column, user_column) AND a.atttypid <> 'uuid'::regtype
        UNION ALL
        SELECT 5, format('has no index that begins with "%s"', a.attname), '55000', format('CREATE INDEX ON %s (%I);', c.oid::regclass, a.attname)
        FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attname IN (garage_column, user_column) AND NOT EXISTS (
            SELECT FROM pg_index i
            WHERE i.indrelid = c.oid AND i.indisvalid AND i.indisready AND i.indpred IS NULL AND i.indkey[0] = a.attnum)
        UNION ALL
        SELECT 6, format('belongs to "%s", who can log in and could not write to it any more', o.rolname), '55000',
            'Give it to a role that cannot log in; policies bind even the owner.'
        WHERE o.rolcanlogin AND NOT o.rolsuper AND NOT o.rolbypassrls
        UNION ALL
        SELECT 7, format('can be written by %s, who could not any more', coalesce(quote_ident(r.rolname), 'everybody')), '55000',
            'Revoke INSERT, UPDATE and DELETE, or give the writer BYPASSRLS.'
        FROM vend_internal.grants_on(c.oid) g
        LEFT JOIN pg_roles r ON r.oid = g.grantee
        WHERE g.privilege IN ('INSERT', 'UPDATE', 'DELETE') AND g.is_bound
        UNION ALL
        SELECT 8, format('grants %s to %s', g.privilege, coalesce(quote_ident(r.rolname), 'everybody')), '55000',
            'Revoke it: no policy stands in its way.'
        FROM vend_internal.grants_on(c.oid) g
        LEFT JOIN pg_roles r ON r.oid = g.grantee
        WHERE g.privilege IN ('TRIGGER', 'TRUNCATE', 'REFERENCES')
        UNION ALL
        SELECT 9, format('has the partition %s, which is granted to %s', i::regclass, coalesce(quote_ident(r.rolname), 'everybody')), '55000',
            'Revoke it: who reads a partition directly is not bound by the policies of the whole.'
        FROM vend_internal.partitions_of(c.oid) i
        CROSS JOIN LATERAL vend_internal.grants_on(i) g
        LEFT JOIN pg_roles r ON r.oid = g.grantee
    ) AS p
    WHERE c.oid = relation
    ORDER BY p.rank, p.problem
    FETCH FIRST ROW ONLY;
    IF FOUND THEN
        RAISE EXCEPTION '% %', relation, fault.problem USING ERRCODE = fault.code, HINT = fault.hint;
    END IF;
END $$;
COMMENT ON FUNCTION vend_internal.check_protectable(regclass, name, name) IS 'Raises an error if a table cannot be protected.';

CREATE FUNCTION vend.protect(
    relation regclass, garage_column name DEFAULT 'garage_id', user_column name DEFAULT NULL, dry_run boolean DEFAULT false
) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    existing vend_internal.protected_tables;
    before pg_class;
    scope text := vend_internal.scope_of(protect.garage_column, protect.user_column);
    statement text;
    is_changed boolean := false;
BEGIN
    IF relation IS NULL OR protect.garage_column IS NULL OR dry_run IS NULL THEN
        RAISE EXCEPTION 'relation, garage_column and dry_run must not be NULL' USING ERRCODE = '22004',
            HINT = 'Every protected row belongs to a garage.';
    END IF;
    SELECT * INTO existing FROM vend_internal.protected_tables t WHERE t.relation = protect.relation;
    IF (existing.garage_column, existing.user_column) IS DISTINCT FROM (protect.garage_column, protect.user_column)
        AND existing.relation IS NOT NULL
    THEN
        RAISE EXCEPTION '% is protected by %', relation, concat_ws(' and ', existing.garage_column, existing.user_column)
            USING ERRCODE = '42710', HINT = 'Call vend.unprotect() first if it is to be protected by other columns.';
    END IF;
    IF existing.relation IS NULL AND EXISTS (SELECT FROM pg_policy p
        WHERE p.polrelid = protect.relation AND p.polname IN ('vend_scope', 'vend_allow'))
    THEN
        RAISE EXCEPTION '% has a policy of somebody else named vend_scope or vend_allow', relation
            USING ERRCODE = '42710', HINT = 'Rename or drop it.';
    END IF;
    PERFORM vend_internal.check_protectable(relation, protect.garage_column, protect.user_column);
    IF NOT dry_run THEN
        PERFORM vend_internal.lock_relation(relation, 'ACCESS EXCLUSIVE');
        -- What was granted before we had it.
        PERFORM vend_internal.check_protectable(relation, protect.garage_column, protect.user_column);
    END IF;
    SELECT * INTO before FROM pg_class c WHERE c.oid = protect.relation;
    IF (SELECT o.rolsuper FROM pg_roles o WHERE o.oid = before.relowner) THEN
        RAISE WARNING '% belongs to the superuser "%"', relation, before.relowner::regrole
            USING HINT = 'What runs with the rights of its owner, such as a view, sees every row.';
    END IF;
    FOR statement IN SELECT s FROM vend_internal.protection_statements(relation, scope) s LOOP
        IF NOT dry_run THEN
            EXECUTE statement;
        END IF;
        is_changed := true;
        RETURN NEXT statement;
    END LOOP;
    IF is_changed AND NOT dry_run THEN
        INSERT INTO vend_internal.protected_tables AS t (relation, garage_column, user_column, switched_on, forced)
        VALUES (relation, protect.garage_column, protect.user_column, NOT before.relrowsecurity, NOT before.relforcerowsecurity)
        -- Protected again: what was off at first still was.
        ON CONFLICT ON CONSTRAINT protected_tables_pkey DO UPDATE SET protected_at = excluded.protected_at;
        PERFORM vend_internal.write_audit('protect', relation::text,
            jsonb_build_object('garage_column', protect.garage_column, 'user_column', protect.user_column));
    END IF;
END $$;
COMMENT ON FUNCTION vend.protect(regclass, name, name, boolean) IS
    'Row-level security on a table: a row is seen by whom its garage is visible to and, with user_column, by its own user; nobody '
    'without BYPASSRLS writes. Returns the statements; with dry_run they are only shown. Repeating it mends what is missing. 42809: not an '
    'ordinary table. 42501: not its owner. 42703, 42804: no such column, or not uuid. 55000: no index, or rights that policies would break or '
    'not stop. 42710: protected by other columns. 55P03: in use. 22004: NULL argument.';

CREATE FUNCTION vend.unprotect(relation regclass) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    existing vend_internal.protected_tables;
    readers text;
    statement text;
BEGIN
    IF relation IS NULL THEN
        RAISE EXCEPTION 'relation must not be NULL' USING ERRCODE = '22004', HINT = 'vend.protected_tables lists what is protected.';
    END IF;
    SELECT * INTO existing FROM vend_internal.protected_tables t WHERE t.relation = unprotect.relation;
    IF existing.relation IS NULL THEN
        RAISE EXCEPTION '% is not protected by vend.protect()', relation USING ERRCODE = '42704',
            HINT = 'vend.protected_tables lists what is; the tables of rollups always are.';
    END IF;
    PERFORM vend_internal.lock_relation(relation, 'ACCESS EXCLUSIVE');
    SELECT string_agg(DISTINCT coalesce(r.rolname::text, 'everybody'), ', ') INTO readers
    FROM vend_internal.grants_on(unprotect.relation) g
    LEFT JOIN pg_roles r ON r.oid = g.grantee
    WHERE g.privilege = 'SELECT' AND coalesce(r.rolname, '') NOT IN ('vend_owner', 'vend_worker');
    IF readers IS NOT NULL THEN
        RAISE EXCEPTION '% can be read by %', relation, readers USING ERRCODE = '55000',
            HINT = 'Revoke SELECT first: without the policies they would see every row.';
    END IF;
    FOR statement IN
        SELECT s.statement
        FROM (
            SELECT 1 AS position, format('DROP POLICY %I ON %s', p.polname, relation) AS statement
            FROM pg_policy p
            WHERE p.polrelid = unprotect.relation AND p.polname IN ('vend_scope', 'vend_allow')
            UNION ALL
            SELECT 2, format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', relation) WHERE existing.forced
            UNION ALL
            SELECT 3, format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', relation)
            WHERE existing.switched_on AND NOT EXISTS (SELECT FROM pg_policy p
                WHERE p.polrelid = unprotect.relation AND p.polname NOT IN ('vend_scope', 'vend_allow'))
        ) AS s
        ORDER BY s.position, s.statement
    LOOP
        EXECUTE statement;
        RETURN NEXT statement;
    END LOOP;
    DELETE FROM vend_internal.protected_tables t WHERE t.relation = unprotect.relation;
    PERFORM vend_internal.write_audit('unprotect', relation::text);
END $$;
COMMENT ON FUNCTION vend.unprotect(regclass) IS
    'Takes back what vend.protect() did, and returns the statements. 42704: not protected. 55000: somebody could read it. '
    '55P03: in use. 22004: NULL argument.';
