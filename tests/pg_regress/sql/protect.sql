-- Row-level security on an application's own tables: what is refused, what is done, and that it is undone without opening them.
\set SHOW_CONTEXT never
CREATE SCHEMA lot;
DELETE FROM vend_internal.audit_log;
SET search_path = lot;
\getenv inputs PG_ABS_SRCDIR
\set operational_tables :inputs '/sql/include/operational_tables.sql'
\i :operational_tables
CREATE FUNCTION g(n int) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$ SELECT lpad(n::text, 32, '0')::uuid $$;
CREATE ROLE regress_lot_owner NOLOGIN;
CREATE ROLE regress_reader IN ROLE vend_api;
CREATE ROLE regress_writer;
GRANT USAGE ON SCHEMA lot TO vend_api, regress_writer, regress_lot_owner;
GRANT EXECUTE ON FUNCTION g(int) TO PUBLIC;
SELECT count(*) > 0 AS attached FROM vend.attach('lot');

CREATE TABLE badges (id int, garage_id uuid, user_id uuid, number text);
CREATE VIEW badge_view AS TABLE badges;
CREATE MATERIALIZED VIEW badge_copy AS TABLE badges;
CREATE TEMP TABLE badge_temp (garage_id uuid);
SELECT vend.protect(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT vend.protect('badge_view');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.protect('badge_copy');
SELECT vend.protect('badge_temp');
SELECT vend.protect('pg_class', 'relname');
SELECT vend.protect('vend_internal.ledger');
SELECT vend.protect('badges', 'garage');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.protect('badges', 'number');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.protect('badges');
\echo :LAST_ERROR_SQLSTATE
CREATE INDEX ON badges (id, garage_id);
CREATE INDEX ON badges (garage_id) WHERE id > 0;
SELECT vend.protect('badges');
CREATE INDEX ON badges (garage_id);
SELECT vend.protect('badges', user_column => 'user_id');
CREATE INDEX ON badges (user_id);
ALTER TABLE badges OWNER TO regress_lot_owner;
ALTER ROLE regress_lot_owner LOGIN;
SELECT vend.protect('badges');
ALTER ROLE regress_lot_owner NOLOGIN;
GRANT UPDATE (number) ON badges TO regress_writer;
SELECT vend.protect('badges');
ALTER ROLE regress_writer BYPASSRLS;
SELECT vend.protect('badges', dry_run => true);
REVOKE UPDATE (number) ON badges FROM regress_writer;
ALTER ROLE regress_writer NOBYPASSRLS;
GRANT TRUNCATE ON badges TO PUBLIC;
SELECT vend.protect('badges');
REVOKE TRUNCATE ON badges FROM PUBLIC;
SELECT count(*) AS policies FROM pg_policy WHERE polrelid = 'badges'::regclass;
CREATE POLICY vend_scope ON badges USING (true);
SELECT vend.protect('badges');
\echo :LAST_ERROR_SQLSTATE
DROP POLICY vend_scope ON badges;

-- Done once; again it changes nothing.
SELECT vend.protect('badges', user_column => 'user_id');
SELECT vend.protect('badges', user_column => 'user_id');
SELECT vend.protect('badges');
\echo :LAST_ERROR_SQLSTATE
SELECT relation, garage_column, user_column, is_intact FROM vend.protected_tables WHERE rollup IS NULL;
SELECT polname, polpermissive, polcmd, (SELECT array_agg(r::regrole ORDER BY r::regrole::text) FROM unnest(polroles) r) AS roles,
    pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polrelid = 'badges'::regclass ORDER BY 1;
-- What was damaged is mended.
ALTER POLICY vend_scope ON badges USING (true);
DROP POLICY vend_allow ON badges;
ALTER TABLE badges NO FORCE ROW LEVEL SECURITY;
SELECT is_intact FROM vend.protected_tables WHERE relation = 'badges'::regclass;
SELECT vend.protect('badges', user_column => 'user_id');
SELECT is_intact FROM vend.protected_tables WHERE relation = 'badges'::regclass;

-- A person's own rows, an admin's garages, and everything for a super admin; nothing without a name.
INSERT INTO users (id, role, created_at, updated_at) VALUES (g(901), 'user', now(), now()), (g(902), 'garage_admin', now(), now()), (g(903), 'super_admin', now(), now());
INSERT INTO garages (id, name, capacity, created_at, updated_at) SELECT g(n), 'G' || n, 10, now(), now() FROM generate_series(1, 3) n;
INSERT INTO garage_admins (id, user_id, garage_id, created_at) VALUES (g(1), g(902), g(1), now()), (g(2), g(902), g(2), now());
INSERT INTO badges VALUES (1, g(1), g(901), 'a'), (2, g(2), NULL, 'b'), (3, g(3), g(901), 'c'), (4, NULL, NULL, 'd');
GRANT SELECT ON badges TO vend_api;
CREATE FUNCTION badges_of(person int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
    PERFORM set_config('app.current_user_id', CASE WHEN person > 0 THEN lot.g(person)::text ELSE '' END, true);
    SET LOCAL ROLE regress_reader;
    SELECT string_agg(id::text, ' ' ORDER BY id) INTO found FROM lot.badges;
    RESET ROLE;
    RETURN found;
END $$;
SELECT badges_of(901);
SELECT badges_of(902);
SELECT badges_of(903);
SELECT badges_of(904);
SELECT badges_of(0);
-- The tables that say who somebody is may be protected themselves: the helpers do not ask themselves.
CREATE INDEX ON garage_admins (garage_id);
CREATE INDEX ON garage_admins (user_id);
SELECT count(*) FROM vend.protect('garage_admins', user_column => 'user_id');
GRANT SELECT ON garage_admins TO vend_api;
BEGIN;
SELECT set_config('app.current_user_id', g(902)::text, true) IS NOT NULL AS named;
SET LOCAL ROLE regress_reader;
SELECT count(*) FROM garage_admins;
INSERT INTO badges VALUES (9, g(1));
ROLLBACK;

-- A partition by itself; a grant on one.
CREATE TABLE visits (garage_id uuid, day date) PARTITION BY RANGE (day);
CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE INDEX ON visits (garage_id);
SELECT vend.protect('visits_1');
GRANT SELECT ON visits_1 TO regress_reader;
SELECT vend.protect('visits');
REVOKE SELECT ON visits_1 FROM regress_reader;
SELECT count(*) FROM vend.protect('visits');

-- Opened by accident it cannot be.
SELECT vend.unprotect('badge_view');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.unprotect('badges');
\echo :LAST_ERROR_SQLSTATE
REVOKE SELECT ON badges FROM vend_api;
CREATE POLICY of_others ON badges USING (true);
SELECT vend.unprotect('badges');
SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = 'badges'::regclass;
SELECT vend.unprotect('visits');
SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = 'visits'::regclass;
SELECT event, login, subject, details FROM vend.audit_log WHERE event IN ('protect', 'unprotect') ORDER BY id;
SET ROLE regress_reader;
SELECT vend.protect('lot.badges');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
SELECT vend.detach();
SET client_min_messages = warning;
DROP SCHEMA lot CASCADE;
DROP ROLE regress_lot_owner, regress_reader, regress_writer;
DELETE FROM vend_internal.protected_tables;
