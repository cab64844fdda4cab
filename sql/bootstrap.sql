-- Runs first: roles and schemas, refused where somebody else made them (a role with the wrong rights would own
-- every view and every definer function).
DO $$
DECLARE
    wanted record;
    existing pg_authid;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('vend_owner', 'NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION BYPASSRLS', false, true, -1),
            ('vend_worker', 'LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION BYPASSRLS CONNECTION LIMIT 0', true, true, 0),
            ('vend_api', 'NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', false, false, -1),
            ('vend_bi', 'NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', false, false, -1)
        ) AS w(name, attributes, login, bypassrls, connection_limit)
    LOOP
        SELECT * INTO existing FROM pg_authid WHERE rolname = wanted.name;
        IF NOT FOUND THEN
            EXECUTE format('CREATE ROLE %I %s', wanted.name, wanted.attributes);
        ELSIF existing.rolsuper OR existing.rolcreaterole OR existing.rolcreatedb OR existing.rolreplication
            OR existing.rolcanlogin <> wanted.login OR existing.rolbypassrls <> wanted.bypassrls
            OR existing.rolconnlimit <> wanted.connection_limit OR existing.rolpassword IS NOT NULL
        THEN
            RAISE EXCEPTION 'role "%" exists with other attributes', wanted.name
                USING ERRCODE = '42710',
                HINT = format('Rename or drop it, or make it %s with no password.', wanted.attributes);
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_auth_members WHERE roleid = 'vend_owner'::regrole) THEN
        RAISE EXCEPTION 'role "vend_owner" has members'
            USING ERRCODE = '42710', HINT = 'Revoke vend_owner from every role: it owns what reads across tenants.';
    END IF;
    IF to_regnamespace('vend') IS NOT NULL OR to_regnamespace('vend_internal') IS NOT NULL THEN
        RAISE EXCEPTION 'schema "%" already exists', CASE WHEN to_regnamespace('vend') IS NULL THEN 'vend_internal' ELSE 'vend' END
            USING ERRCODE = '42P06', HINT = 'Rename or drop it: the extension makes its own.';
    END IF;
END $$;

CREATE SCHEMA vend;
COMMENT ON SCHEMA vend IS 'vend_analytics: functions, aggregates and information views.';
CREATE SCHEMA vend_internal;
COMMENT ON SCHEMA vend_internal IS 'vend_analytics: catalog tables and support functions; not an interface.';
