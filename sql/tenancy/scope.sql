-- What row-level security lets a caller see, written once: policies, generated functions and the marts all take it from here.

-- A view that reads with its caller's rights shows this to whoever row-level security does not bind, and hands it on to
-- the functions that run with vend_owner's rights and cannot see who calls them: PostgreSQL itself decides, in the same
-- place and by the same rule as for the rows of a protected table. It stays out of dumps; another server has another one.
CREATE TABLE vend_internal.bypass (token uuid NOT NULL DEFAULT gen_random_uuid());
COMMENT ON TABLE vend_internal.bypass IS 'One row, without a policy: whoever can read it sees every row of a protected table.';
INSERT INTO vend_internal.bypass DEFAULT VALUES;
ALTER TABLE vend_internal.bypass ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

-- Not in SQL, in which each call that is not part of a query's plan would be planned anew.
CREATE FUNCTION vend_internal.bypasses(token uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN coalesce($1 = (SELECT b.token FROM vend_internal.bypass b), false);
END $$;
COMMENT ON FUNCTION vend_internal.bypasses(uuid) IS 'Whether a token was read by somebody whom row-level security does not bind.';

-- For views that are of no garage at all. The role is asked for only where row-level security binds: whoever it does not may
-- look even where the library is not preloaded.
CREATE VIEW vend_internal.platform_scope AS
SELECT NOT row_security_active('vend_internal.bypass'::regclass) OR (SELECT vend.current_user_role()) = 'super_admin' AS is_visible;
COMMENT ON VIEW vend_internal.platform_scope IS 'Whether its reader sees what is of the whole platform.';

CREATE FUNCTION vend_internal.scope_of(garage_column text, user_column text DEFAULT NULL) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- As pg_get_expr() writes it, so that a policy can be compared with what it should be.
    SELECT CASE
        WHEN garage_column IS NULL THEN '(( SELECT vend.current_user_role() AS current_user_role) = ''super_admin''::text)'
        WHEN user_column IS NULL THEN g.scope
        ELSE format('(%s OR (%I = ( SELECT vend.current_user_id() AS current_user_id)))', g.scope, user_column)
    END
    FROM (SELECT format('vend_internal.is_visible(%I, ( SELECT vend.visible_garages() AS visible_garages))', garage_column)) AS g(scope);
END;
COMMENT ON FUNCTION vend_internal.scope_of(text, text) IS
    'The condition under which a row is the caller''s: by its garage, or by its user as well; without either, super admins only.';

-- The restrictive policy binds every role and is what keeps rows apart. The permissive one only lets our readers in, and
-- repeats the scope: with USING (true) it would show every row once the other one is gone.
CREATE FUNCTION vend_internal.wanted_policies(relation regclass, scope text)
RETURNS TABLE (policy name, permissive boolean, command "char", roles oid[], statement text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'vend_scope', false, '*'::"char", '{0}'::oid[],
        format('CREATE POLICY vend_scope ON %s AS RESTRICTIVE FOR ALL USING (%s)', relation, scope)
    UNION ALL
    SELECT 'vend_allow', true, 'r'::"char", ARRAY[to_regrole('vend_api')::oid, to_regrole('vend_bi')::oid],
        format('CREATE POLICY vend_allow ON %s AS PERMISSIVE FOR SELECT TO vend_api, vend_bi USING (%s)', relation, scope);
END;
COMMENT ON FUNCTION vend_internal.wanted_policies(regclass, text) IS 'The policies of a protected table.';

CREATE FUNCTION vend_internal.protection_statements(relation regclass, scope text) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT s.statement
    FROM (
        SELECT 1 AS position, format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', $1) AS statement
        FROM pg_class c
        WHERE c.oid = $1 AND NOT c.relrowsecurity
        UNION ALL
        SELECT 2, format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', $1)
        FROM pg_class c
        WHERE c.oid = $1 AND NOT c.relforcerowsecurity
        UNION ALL
        SELECT CASE w.policy WHEN 'vend_scope' THEN 3 ELSE 4 END,
            concat(CASE WHEN p.oid IS NOT NULL THEN format('DROP POLICY %I ON %s; ', w.policy, $1) END, w.statement)
        FROM vend_internal.wanted_policies($1, $2) w
        LEFT JOIN pg_policy p ON p.polrelid = $1 AND p.polname = w.policy
        WHERE (p.polpermissive, p.polcmd, pg_get_expr(p.polqual, p.polrelid)) IS DISTINCT FROM (w.permissive, w.command, $2)
            OR p.polwithcheck IS NOT NULL
            OR NOT (p.polroles @> w.roles AND p.polroles <@ w.roles)
    ) AS s
    ORDER BY s.position;
END;
COMMENT ON FUNCTION vend_internal.protection_statements(regclass, text) IS
    'What has to be done so that a table is protected with this scope; nothing, if it is.';
