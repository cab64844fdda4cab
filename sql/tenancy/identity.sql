-- Who the caller is, and which garages that shows. Policies call these with the rights of whoever reads the table; what they
-- read is read as vend_owner.
CREATE TABLE vend_internal.login_map (
    login name PRIMARY KEY,
    -- Of the role when it was mapped: one made anew under the same name, or in another cluster, is somebody else.
    role oid NOT NULL,
    user_id uuid NOT NULL
);
COMMENT ON TABLE vend_internal.login_map IS 'The user that a database login stands for; set by vend.map_login.';
SELECT pg_catalog.pg_extension_config_dump('vend_internal.login_map', '');

-- session_user, as SET ROLE and definer functions change the other.
CREATE VIEW vend_internal.mapped_user AS
SELECT m.user_id FROM vend_internal.login_map m WHERE m.login = session_user AND m.role = to_regrole(quote_ident(session_user));
COMMENT ON VIEW vend_internal.mapped_user IS 'The user that the login of this session is mapped to; no row if to none.';

COMMENT ON FUNCTION vend_internal.is_attached() IS 'Whether there is a staging of ours to read users from.';

-- Runs in every transaction, as those below, so they are PL/pgSQL: it keeps its plans, where a function in SQL is planned in
-- each call.
CREATE FUNCTION vend_internal.caller(OUT user_id uuid, OUT role text)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- First, so that a library that is not preloaded is an error for mapped logins too.
    claimed uuid := vend_internal.claimed_user();
BEGIN
    IF vend_internal.is_attached() THEN
        SELECT u.id, coalesce(u.role, 'user') INTO user_id, role
        FROM vend_staging.stg_users u
        WHERE u.id = coalesce((SELECT m.user_id FROM vend_internal.mapped_user m), claimed);
    END IF;
END $$;
COMMENT ON FUNCTION vend_internal.caller() IS 'The user for whom the transaction acts, and the user''s role; NULL for nobody.';

CREATE FUNCTION vend.sign_in(token text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM vend_internal.mapped_user) THEN
        PERFORM vend_internal.note_refused_sign_in();
        RAISE EXCEPTION 'login "%" stands for a user of its own', session_user
            USING ERRCODE = '42501', HINT = 'Sign in with another login, or see vend.unmap_login.';
    END IF;
    PERFORM vend_internal.accept_token(token);
END $$;
COMMENT ON FUNCTION vend.sign_in(text) IS
    'Makes this transaction act for the user that a signed token names: a compact JWT with alg EdDSA, sub, exp, aud (this database) and jti, '
    'used once. Send it as a parameter, so that no log shows it. 28000: not accepted, for whatever reason. 42501: the transaction acts for another '
    'user, or the login may not sign in. 53400: too many tokens in use. 55000: not preloaded.';

CREATE FUNCTION vend.current_user_id() RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (vend_internal.caller()).user_id;
END $$;
COMMENT ON FUNCTION vend.current_user_id() IS
    'The user for whom this transaction acts: whom the login is mapped to, else who signed in with a token, else whom '
    'app.current_user_id named first. NULL: nobody, as nobody was named or there is no such user. 55000: not preloaded.';

CREATE FUNCTION vend.current_user_role() RETURNS text
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (vend_internal.caller()).role;
END $$;
COMMENT ON FUNCTION vend.current_user_role() IS
    'The role of vend.current_user_id(): super_admin, garage_admin, user or another word of the users table; user where that has none. '
    'NULL: nobody. 55000: not preloaded.';

CREATE FUNCTION vend.visible_garages() RETURNS uuid[]
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    caller record := vend_internal.caller();
BEGIN
    IF caller.role = 'super_admin' THEN
        RETURN (SELECT array_agg(g.id ORDER BY g.id) FROM vend_staging.stg_garages g);
    ELSIF caller.role = 'garage_admin' THEN
        RETURN (
            SELECT array_agg(DISTINCT a.garage_id ORDER BY a.garage_id)
            FROM vend_staging.stg_garage_admins a
            WHERE a.user_id = caller.user_id AND a.garage_id IS NOT NULL);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION vend.visible_garages() IS
    'The ids of the garages whose rows the caller sees: all for a super admin, the assigned ones for a garage admin. NULL for '
    'everybody else and without any. 55000: not preloaded.';

CREATE FUNCTION vend.can_access_garage(garage_id uuid) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    caller record := vend_internal.caller();
BEGIN
    -- As among vend.visible_garages(), without making a list of them.
    IF caller.role = 'super_admin' THEN
        RETURN EXISTS (SELECT FROM vend_staging.stg_garages g WHERE g.id = can_access_garage.garage_id);
    ELSIF caller.role = 'garage_admin' THEN
        RETURN EXISTS (
            SELECT
            FROM vend_staging.stg_garage_admins a
            WHERE a.user_id = caller.user_id AND a.garage_id = can_access_garage.garage_id);
    END IF;
    RETURN false;
END $$;
COMMENT ON FUNCTION vend.can_access_garage(uuid) IS
    'Whether a garage is among vend.visible_garages(); false for NULL. For an application''s own checks: in a policy it would '
    'run once a row. 55000: not preloaded.';

-- Readers' views call this with whatever the reader sees of bypass.
CREATE FUNCTION vend_internal.garages_in_scope(token uuid) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF vend_internal.bypasses(token) THEN
        RETURN QUERY SELECT g.id FROM vend_staging.stg_garages g;
    ELSE
        RETURN QUERY SELECT unnest(vend.visible_garages());
    END IF;
END $$;
COMMENT ON FUNCTION vend_internal.garages_in_scope(uuid) IS 'The garages whose rows a report shows its reader.';

CREATE FUNCTION vend.map_login(login name, user_id uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mapped record;
BEGIN
    IF map_login.login IS NULL OR map_login.user_id IS NULL THEN
        RAISE EXCEPTION 'login and user_id must not be NULL'
            USING ERRCODE = '22004', HINT = 'Use vend.unmap_login to take a mapping back.';
    END IF;
    SELECT r.oid, r.rolcanlogin INTO mapped FROM pg_roles r WHERE r.rolname = map_login.login;
    IF mapped.oid IS NULL THEN
        RAISE EXCEPTION 'role "%" does not exist', map_login.login
            USING ERRCODE = '42704', HINT = 'Create the login first; names are case-sensitive here.';
    ELSIF NOT mapped.rolcanlogin THEN
        RAISE EXCEPTION 'role "%" cannot log in', map_login.login
            USING ERRCODE = '22023', HINT = 'Map the login that connects: a session does not act as the groups that it is in.';
    END IF;
    INSERT INTO vend_internal.login_map AS m (login, role, user_id)
    VALUES (map_login.login, mapped.oid, map_login.user_id)
    ON CONFLICT ON CONSTRAINT login_map_pkey DO UPDATE SET role = excluded.role, user_id = excluded.user_id;
    PERFORM vend_internal.write_audit('map_login', map_login.login, jsonb_build_object('user_id', map_login.user_id));
END $$;
COMMENT ON FUNCTION vend.map_login(name, uuid) IS
    'Lets every session of a database login act for one user, whatever it sets. Repeat it for a role that was dropped and made '
    'again, or restored into another cluster. 22004: NULL. 42704: no such role. 22023: the role cannot log in.';

CREATE FUNCTION vend.unmap_login(login name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unmapped uuid;
BEGIN
    DELETE FROM vend_internal.login_map m WHERE m.login = unmap_login.login RETURNING m.user_id INTO unmapped;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'login "%" is not mapped', unmap_login.login
            USING ERRCODE = '42704', HINT = 'See vend_internal.login_map for those that are.';
    END IF;
    PERFORM vend_internal.write_audit('unmap_login', unmap_login.login, jsonb_build_object('user_id', unmapped));
END $$;
COMMENT ON FUNCTION vend.unmap_login(name) IS 'Takes back vend.map_login. 42704: the login is not mapped.';
