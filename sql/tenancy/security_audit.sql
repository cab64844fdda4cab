-- What stands against the promises of row-level security here. Each view looks at one kind of thing; nothing is changed.

CREATE VIEW vend_internal.our_schemas AS
SELECT n.oid, n.nspname
FROM pg_namespace n
WHERE n.nspname IN ('vend', 'vend_internal', 'vend_staging', 'vend_marts', 'vend_reports');
COMMENT ON VIEW vend_internal.our_schemas IS 'The schemas of the extension and of what it generates.';

-- What shows every row to whoever may read it.
CREATE VIEW vend_internal.unscoped_relations AS
SELECT c.oid
FROM pg_class c
JOIN vend_internal.our_schemas n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'p') AND (n.nspname IN ('vend_staging', 'vend_internal')
    OR n.nspname = 'vend_marts' AND c.relname !~ '^(dim|fact)_')
UNION
SELECT p.relation::oid FROM vend_internal.protections p;
COMMENT ON VIEW vend_internal.unscoped_relations IS
    'Relations of ours that are not scoped in themselves, and every protected table: views that bypass policies show all of it.';

CREATE FUNCTION vend_internal.role_name(role oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce((SELECT quote_ident(r.rolname) FROM pg_roles r WHERE r.oid = $1), 'PUBLIC');
END;
COMMENT ON FUNCTION vend_internal.role_name(oid) IS 'The name of a role as in SQL, or PUBLIC.';

CREATE VIEW vend_internal.audit_tables AS
SELECT 'error' AS severity, p.relation::text AS object,
    CASE WHEN s.statement LIKE '% ENABLE ROW%' THEN 'row-level security is off'
        WHEN s.statement LIKE '% FORCE ROW%' THEN 'row-level security does not bind its owner'
        ELSE format('policy %s is missing or altered', substring(s.statement FROM 'CREATE POLICY (\w+)')) END AS finding,
    CASE WHEN p.rollup IS NOT NULL THEN s.statement
        ELSE format('SELECT vend.protect(%L, %L, %L)', p.relation, p.garage_column, p.user_column) END AS remedy
FROM vend_internal.protections p
CROSS JOIN LATERAL vend_internal.protection_statements(p.relation, vend_internal.scope_of(p.garage_column, p.user_column)) AS s(statement)
UNION ALL
SELECT 'error', i::text, format('partition can be read or written by %s directly', vend_internal.role_name(g.grantee)),
    format('REVOKE %s ON %s FROM %s', g.privilege, i, vend_internal.role_name(g.grantee))
FROM vend_internal.protections p
CROSS JOIN LATERAL vend_internal.partitions_of(p.relation) i
CROSS JOIN LATERAL vend_internal.grants_on(i) g
UNION ALL
SELECT 'error', p.relation::text, format('%s is granted to %s, and no policy stands in its way', g.privilege, vend_internal.role_name(g.grantee)),
    format('REVOKE %s ON %s FROM %s', g.privilege, p.relation, vend_internal.role_name(g.grantee))
FROM vend_internal.protections p
CROSS JOIN LATERAL vend_internal.grants_on(p.relation) g
WHERE g.privilege IN ('TRIGGER', 'TRUNCATE', 'REFERENCES')
UNION ALL
-- Rows that go out by replication obey no policy here.
SELECT DISTINCT 'error', format('%I.%I', t.schemaname, t.tablename), format('is in the publication %s', t.pubname),
    format('ALTER PUBLICATION %I DROP TABLE %I.%I', t.pubname, t.schemaname, t.tablename)
FROM pg_publication_tables t
JOIN pg_namespace n ON n.nspname = t.schemaname
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename
JOIN vend_internal.unscoped_relations u ON u.oid = c.oid
WHERE t.schemaname = 'vend_internal'
UNION ALL
SELECT 'error', t.tgrelid::regclass::text, format('has the trigger %s, which is not ours', t.tgname),
    format('DROP TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass)
FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_proc p ON p.oid = t.tgfoid
WHERE c.relnamespace = 'vend_internal'::regnamespace AND NOT t.tgisinternal
    AND (p.pronamespace NOT IN (SELECT s.oid FROM vend_internal.our_schemas s) OR p.proowner <> to_regrole('vend_owner'))
UNION ALL
SELECT 'warning', p.relation::text, format('has no index that begins with "%s": each read looks at every row', k.name),
    format('CREATE INDEX ON %s (%I)', p.relation, k.name)
FROM vend_internal.protections p
CROSS JOIN LATERAL (VALUES (p.garage_column), (p.user_column::text)) AS k(name)
JOIN pg_attribute a ON a.attrelid = p.relation AND a.attname = k.name
WHERE NOT EXISTS (SELECT FROM pg_index i
    WHERE i.indrelid = p.relation AND i.indisvalid AND i.indpred IS NULL AND i.indkey[0] = a.attnum)
UNION ALL
SELECT 'warning', l.polrelid::regclass::text, format('policy %s calls a helper once a row', l.polname), 'Write it as (SELECT vend.visible_garages()).'
FROM pg_policy l
WHERE replace(concat_ws(' ', pg_get_expr(l.polqual, l.polrelid), pg_get_expr(l.polwithcheck, l.polrelid)), 'SELECT vend.', '')
    ~ '\mvend\.(visible_garages|current_user_id|current_user_role|can_access_garage)\(';
COMMENT ON VIEW vend_internal.audit_tables IS 'What is wrong with protected tables.';

CREATE VIEW vend_internal.audit_grants AS
-- Against what vend.attach() grants, and what the install script does.
SELECT 'error' AS severity, g.relation::text AS object,
    format('%s is granted to %s', g.privilege, vend_internal.role_name(g.grantee)) AS finding,
    format('REVOKE %s ON %s FROM %s', g.privilege, g.relation, vend_internal.role_name(g.grantee)) AS remedy
FROM (
    SELECT DISTINCT c.oid::regclass AS relation, n.nspname, c.relname, g.grantee, g.privilege, r.rolname
    FROM pg_class c
    JOIN vend_internal.our_schemas n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL vend_internal.grants_on(c.oid) g
    LEFT JOIN pg_roles r ON r.oid = g.grantee
    WHERE c.relkind IN ('r', 'v', 'm', 'p', 'S') AND r.rolname IS DISTINCT FROM 'vend_worker'
) AS g
WHERE NOT EXISTS (SELECT FROM pg_init_privs i
        CROSS JOIN LATERAL aclexplode(i.initprivs) AS a
        WHERE i.classoid = 'pg_class'::regclass AND i.objoid = g.relation AND a.grantee = g.grantee AND a.privilege_type = g.privilege)
    AND (g.privilege <> 'SELECT'
        OR g.relation IN (SELECT u.oid FROM vend_internal.unscoped_relations u)
            AND NOT (g.rolname IN ('vend_api', 'vend_bi') AND g.rolname IS NOT NULL
                AND g.relation IN (SELECT p.relation FROM vend_internal.protections p))
        -- Scoped, but what is passed over shows in plans: for whoever was told more than the others.
        OR (g.relname LIKE 'fact\_%' OR g.relname = 'dim_users') AND (g.grantee = 0 OR g.rolname = 'vend_bi'))
UNION ALL
SELECT 'error', v.oid::regclass::text,
    format('shows every row of %s with the rights of %I, and is granted to %s', v.reads, o.rolname, vend_internal.role_name(g.grantee)),
    CASE v.relkind WHEN 'm' THEN 'Revoke it: a materialized view has no policies.' ELSE format('ALTER VIEW %s SET (security_invoker = true)', v.oid::regclass) END
FROM (
    WITH RECURSIVE readers(oid, relkind, reads) AS (
        SELECT c.oid, c.relkind, u.oid::regclass
        FROM vend_internal.unscoped_relations u
        JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = u.oid AND d.classid = 'pg_rewrite'::regclass
        JOIN pg_rewrite w ON w.oid = d.objid
        JOIN pg_class c ON c.oid = w.ev_class
        WHERE c.relnamespace NOT IN (SELECT s.oid FROM vend_internal.our_schemas s)
        UNION
        SELECT c.oid, c.relkind, r.reads
        FROM readers r
        JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = r.oid AND d.classid = 'pg_rewrite'::regclass
        JOIN pg_rewrite w ON w.oid = d.objid
        JOIN pg_class c ON c.oid = w.ev_class
    )
    SELECT r.oid, r.relkind, min(r.reads::text) AS reads FROM readers r GROUP BY r.oid, r.relkind
) AS v
JOIN pg_class c ON c.oid = v.oid
JOIN pg_roles o ON o.oid = c.relowner AND (o.rolsuper OR o.rolbypassrls)
CROSS JOIN LATERAL (SELECT DISTINCT g.grantee FROM vend_internal.grants_on(v.oid) g WHERE g.privilege = 'SELECT' AND g.is_bound) AS g
WHERE v.relkind = 'm' OR NOT coalesce(c.reloptions::text ~ '\msecurity_invoker=(true|on|yes|1)\M', false)
UNION ALL
SELECT 'error', p.oid::regprocedure::text, 'EXECUTE is granted to PUBLIC', format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC', p.oid::regprocedure)
FROM pg_proc p
JOIN vend_internal.our_schemas n ON n.oid = p.pronamespace
WHERE EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0)
    AND NOT EXISTS (SELECT FROM pg_init_privs i
        CROSS JOIN LATERAL aclexplode(i.initprivs) AS a
        WHERE i.classoid = 'pg_proc'::regclass AND i.objoid = p.oid AND a.grantee = 0);
COMMENT ON VIEW vend_internal.audit_grants IS 'What is granted that should not be.';

CREATE VIEW vend_internal.audit_objects AS
SELECT 'error' AS severity, p.oid::regprocedure::text AS object,
    CASE WHEN p.proowner <> to_regrole('vend_owner') THEN format('runs with the rights of %s', vend_internal.role_name(p.proowner))
        ELSE 'runs with the rights of vend_owner, but on its caller''s search_path' END AS finding,
    CASE WHEN p.proowner <> to_regrole('vend_owner') THEN format('ALTER FUNCTION %s OWNER TO vend_owner', p.oid::regprocedure)
        ELSE format('ALTER FUNCTION %s SET search_path = pg_catalog, pg_temp', p.oid::regprocedure) END AS remedy
FROM pg_proc p
JOIN vend_internal.our_schemas n ON n.oid = p.pronamespace
WHERE p.prosecdef AND (p.proowner <> to_regrole('vend_owner')
    OR NOT coalesce(p.proconfig::text ~ '"search_path=pg_catalog, (vend_staging, )?pg_temp"', false))
UNION ALL
SELECT 'error', o.object, format('belongs to the superuser %I', r.rolname), format('ALTER %s OWNER TO vend_owner', o.described)
FROM (
    SELECT c.oid::regclass::text, format('TABLE %s', c.oid::regclass), c.relowner
    FROM pg_class c
    JOIN vend_internal.our_schemas n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'v', 'm', 'p', 'S')
    UNION ALL
    SELECT p.oid::regprocedure::text, format('ROUTINE %s', p.oid::regprocedure), p.proowner
    FROM pg_proc p
    JOIN vend_internal.our_schemas n ON n.oid = p.pronamespace
    WHERE NOT p.prosecdef
    UNION ALL
    SELECT n.nspname::text, format('SCHEMA %I', n.nspname), n.nspowner FROM pg_namespace n WHERE n.oid IN (SELECT s.oid FROM vend_internal.our_schemas s)
) AS o(object, described, owner)
JOIN pg_roles r ON r.oid = o.owner AND r.rolsuper;
COMMENT ON VIEW vend_internal.audit_objects IS 'Objects of ours that run or belong as they should not.';

-- Memberships as they were granted: of a superuser PostgreSQL would say that it is in every role.
CREATE VIEW vend_internal.reader_logins AS
WITH RECURSIVE members(role, of) AS (
    SELECT m.member, m.roleid FROM pg_auth_members m
    UNION
    SELECT m.member, r.of FROM members r JOIN pg_auth_members m ON m.roleid = r.role
)
SELECT r.oid, r.rolname, r.rolsuper, r.rolbypassrls, r.rolreplication, array_agg(o.rolname::text ORDER BY o.rolname::text) AS groups
FROM members m
JOIN pg_roles r ON r.oid = m.role AND r.rolcanlogin AND r.rolname <> 'vend_worker'
JOIN pg_roles o ON o.oid = m.of
GROUP BY r.oid, r.rolname, r.rolsuper, r.rolbypassrls, r.rolreplication
HAVING bool_or(o.rolname IN ('vend_api', 'vend_bi'));
COMMENT ON VIEW vend_internal.reader_logins IS 'The logins in vend_api or vend_bi, with every role they are in.';

CREATE VIEW vend_internal.audit_roles AS
SELECT 'error' AS severity, format('role %I', m.roleid::regrole) AS object, format('has the member %s', vend_internal.role_name(m.member)) AS finding,
    format('REVOKE %s FROM %s', m.roleid::regrole, vend_internal.role_name(m.member)) AS remedy
FROM pg_auth_members m
WHERE m.roleid = to_regrole('vend_owner')
UNION ALL
SELECT 'error', format('role %I', r.rolname), 'has other attributes than it was made with', w.remedy
FROM (VALUES
    ('vend_owner', false, true, -1, 'ALTER ROLE vend_owner NOLOGIN NOSUPERUSER NOREPLICATION NOCREATEROLE NOCREATEDB BYPASSRLS'),
    ('vend_worker', true, true, 0, 'ALTER ROLE vend_worker LOGIN NOSUPERUSER NOREPLICATION NOCREATEROLE NOCREATEDB BYPASSRLS CONNECTION LIMIT 0'),
    ('vend_api', false, false, -1, 'ALTER ROLE vend_api NOLOGIN NOSUPERUSER NOREPLICATION NOCREATEROLE NOCREATEDB NOBYPASSRLS'),
    ('vend_bi', false, false, -1, 'ALTER ROLE vend_bi NOLOGIN NOSUPERUSER NOREPLICATION NOCREATEROLE NOCREATEDB NOBYPASSRLS')
) AS w(name, login, bypassrls, connection_limit, remedy)
JOIN pg_roles r ON r.rolname = w.name
WHERE r.rolsuper OR r.rolreplication OR r.rolcreaterole OR r.rolcreatedb
    OR (r.rolcanlogin, r.rolbypassrls, r.rolconnlimit) IS DISTINCT FROM (w.login, w.bypassrls, w.connection_limit)
UNION ALL
SELECT 'error', format('role %I', l.rolname), f.finding, f.remedy
FROM vend_internal.reader_logins l
CROSS JOIN LATERAL (
    SELECT 'is in both vend_api and vend_bi' AS finding, 'Make two logins: what one of them reads is hidden from the other on purpose.' AS remedy
    WHERE l.groups @> '{vend_api, vend_bi}'
    UNION ALL
    SELECT format('is in %s, too', g), format('REVOKE %I FROM %I', g, l.rolname)
    FROM unnest(l.groups) AS g
    JOIN pg_roles r ON r.rolname = g
    WHERE r.rolsuper OR r.rolbypassrls OR r.rolreplication OR r.rolname ~ '^pg_(read|write)_|^pg_execute_server_program$'
    UNION ALL
    SELECT 'is a superuser, or has BYPASSRLS or REPLICATION', format('ALTER ROLE %I NOSUPERUSER NOBYPASSRLS NOREPLICATION', l.rolname)
    WHERE l.rolsuper OR l.rolbypassrls OR l.rolreplication
    UNION ALL
    SELECT format('may use %s on the database', p.privilege), format('REVOKE %s ON DATABASE %I FROM %I, PUBLIC', p.privilege, current_database(), l.rolname)
    FROM (VALUES ('TEMP'), ('CREATE')) AS p(privilege)
    WHERE has_database_privilege(l.oid, current_database(), p.privilege) AND NOT l.rolsuper
    UNION ALL
    SELECT format('may make objects in schema %s', n.nspname), format('REVOKE CREATE ON SCHEMA %I FROM %I, PUBLIC', n.nspname, l.rolname)
    FROM pg_namespace n
    WHERE n.nspname !~ '^pg_(temp|toast)' AND has_schema_privilege(l.oid, n.oid, 'CREATE') AND NOT l.rolsuper
) AS f
UNION ALL
SELECT 'warning', format('role %I', m.roleid::regrole), 'has vend_worker as a member, which acts with its rights', format('REVOKE %s FROM vend_worker', m.roleid::regrole)
FROM pg_auth_members m
WHERE m.member = to_regrole('vend_worker')
UNION ALL
SELECT 'warning', format('login %s', m.login), 'is mapped, but the role is gone or was made anew: it stands for nobody',
    format('SELECT vend.map_login(%L, ...), or vend.unmap_login(%L)', m.login, m.login)
FROM vend_internal.login_map m
WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = m.role AND r.rolname = m.login);
COMMENT ON VIEW vend_internal.audit_roles IS 'What is wrong with roles, logins and their mapping.';

CREATE FUNCTION vend_internal.is_outdated(version int) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce($1 < (ARRAY[150018, 160014, 170010, 180004])[$1 / 10000 - 14], false);
END;
COMMENT ON FUNCTION vend_internal.is_outdated(int) IS 'Whether a release (server_version_num) lacks corrections that this extension relies on.';

CREATE VIEW vend_internal.audit_server AS
SELECT 'error' AS severity, 'shared_preload_libraries' AS object, 'vend_analytics is not preloaded: nobody can be told from anybody' AS finding,
    'ALTER SYSTEM SET shared_preload_libraries = ''vend_analytics'', with the libraries that are there, and a restart' AS remedy
WHERE NOT EXISTS (SELECT FROM pg_settings s
    CROSS JOIN LATERAL regexp_split_to_table(s.setting, '\s*,\s*') AS library
    WHERE s.name = 'shared_preload_libraries' AND btrim(library, '" ') ~ '(^|/)vend_analytics(\.so)?$')
UNION ALL
SELECT 'error', 'vend_analytics.token_public_key', 'tokens are asked for, but there is no key to verify them: nobody can sign in', 'Set it in postgresql.conf.'
WHERE current_setting('vend_analytics.identity', true) = 'token' AND coalesce(current_setting('vend_analytics.token_public_key', true), '') = ''
UNION ALL
SELECT 'warning', format('PostgreSQL %s', current_setting('server_version')), 'has known faults that minor releases have mended', 'Update to the latest minor release.'
WHERE vend_internal.is_outdated(current_setting('server_version_num')::int);
COMMENT ON VIEW vend_internal.audit_server IS 'What is wrong with the server''s settings.';

CREATE FUNCTION vend.security_audit() RETURNS TABLE (severity text, object text, finding text, remedy text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off
BEGIN ATOMIC
    SELECT a.severity, a.object, a.finding, a.remedy
    FROM (
        SELECT * FROM vend_internal.audit_tables
        UNION
        SELECT * FROM vend_internal.audit_grants
        UNION
        SELECT * FROM vend_internal.audit_objects
        UNION
        SELECT * FROM vend_internal.audit_roles
        UNION
        SELECT * FROM vend_internal.audit_server
    ) AS a
    ORDER BY a.severity, a.object, a.finding;
END;
COMMENT ON FUNCTION vend.security_audit() IS
    'What stands against the separation of tenants in this database, as errors and warnings, each with what to do; no rows: nothing was '
    'found. It changes nothing. Only for superusers and vend_owner.';
