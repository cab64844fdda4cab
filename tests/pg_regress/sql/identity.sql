-- Who the caller is by the setting: fixed once a transaction, for a super admin, a garage admin, a customer and nobody. This
-- session's login is a superuser; logins of their own, tokens and other servers are in tests/tap and tests/attacks.
\set SHOW_CONTEXT never
\getenv inputs PG_ABS_SRCDIR
\set plan :inputs '/sql/include/plan.sql'
\set ECHO none
\i :plan
\set ECHO all
SET client_min_messages = warning;
CREATE SCHEMA identity_platform;
SET search_path = identity_platform;
\getenv inputs PG_ABS_SRCDIR
\set operational_tables :inputs '/sql/include/operational_tables.sql'
\i :operational_tables
\set boss '00000000-0000-0000-0000-00000000000a'
\set anna '00000000-0000-0000-0000-0000000000a1'
\set boris '00000000-0000-0000-0000-0000000000b1'
\set clara '00000000-0000-0000-0000-0000000000c1'
\set doris '00000000-0000-0000-0000-0000000000d1'
\set stranger '00000000-0000-0000-0000-0000000000ff'
INSERT INTO users (id, role, created_at) VALUES (:'boss', 'super_admin', now()), (:'anna', ' Garage_Admin', now()), (:'boris', 'garage_admin', now()),
    (:'clara', 'user', now()), (:'doris', NULL, now());
INSERT INTO garages (id, name, capacity, created_at) SELECT ('00000000-0000-0000-0001-00000000000' || n)::uuid, 'G' || n, 10, now() FROM generate_series(1, 4) n;
INSERT INTO garage_admins (id, user_id, garage_id, created_at) VALUES (gen_random_uuid(), :'anna', '00000000-0000-0000-0001-000000000002', now()),
    (gen_random_uuid(), :'anna', '00000000-0000-0000-0001-000000000001', now()), (gen_random_uuid(), :'anna', '00000000-0000-0000-0001-000000000001', now()),
    (gen_random_uuid(), :'anna', NULL, now()), (gen_random_uuid(), :'clara', '00000000-0000-0000-0001-000000000003', now());
CREATE ROLE regress_identity_app LOGIN;
GRANT vend_api TO regress_identity_app;
-- As the application asks, in one row.
CREATE VIEW me AS SELECT right(vend.current_user_id()::text, 2) AS id, vend.current_user_role() AS role,
    (SELECT string_agg(right(g::text, 1), ' ' ORDER BY o) FROM unnest(vend.visible_garages()) WITH ORDINALITY AS v(g, o)) AS garages;
GRANT USAGE ON SCHEMA identity_platform TO regress_identity_app;
GRANT SELECT ON me TO regress_identity_app;

-- Nothing is attached: nobody.
BEGIN;
SET LOCAL app.current_user_id = :'boss';
SELECT * FROM me;
COMMIT;
-- A staging that somebody else made is not read.
CREATE SCHEMA vend_staging;
CREATE VIEW vend_staging.stg_users AS SELECT id, 'super_admin'::text AS role FROM users;
CREATE VIEW vend_staging.stg_garages AS SELECT id FROM garages;
CREATE VIEW vend_staging.stg_garage_admins AS SELECT user_id, garage_id FROM garage_admins;
BEGIN;
SET LOCAL app.current_user_id = :'anna';
SELECT * FROM me;
COMMIT;
DROP SCHEMA vend_staging CASCADE;
SELECT count(*) > 0 AS attached FROM vend.attach('identity_platform');

SET ROLE regress_identity_app;
-- Every kind of user.
BEGIN; SET LOCAL app.current_user_id = :'boss'; SELECT * FROM me; COMMIT;
BEGIN; SET LOCAL app.current_user_id = :'anna'; SELECT * FROM me; COMMIT;
BEGIN; SET LOCAL app.current_user_id = '{000000000000000000000000000000A1}'; SELECT * FROM me; COMMIT;
BEGIN; SET LOCAL app.current_user_id = :'boris'; SELECT * FROM me; COMMIT;
BEGIN; SET LOCAL app.current_user_id = :'clara'; SELECT * FROM me; COMMIT;
BEGIN; SET LOCAL app.current_user_id = :'doris'; SELECT * FROM me; COMMIT;
BEGIN; SET LOCAL app.current_user_id = :'stranger'; SELECT * FROM me; COMMIT;
BEGIN; SET LOCAL app.current_user_id = ''; SELECT * FROM me; COMMIT;
SELECT * FROM me;
BEGIN; SET LOCAL app.current_user_id = :'anna';
SELECT vend.can_access_garage('00000000-0000-0000-0001-000000000001') AS own, vend.can_access_garage('00000000-0000-0000-0001-000000000003') AS foreign,
    vend.can_access_garage('00000000-0000-0000-0001-0000000000ff') AS invented, vend.can_access_garage(NULL) AS none;
COMMIT;

-- What is no id.
SET app.current_user_id = 'anna';
\echo :LAST_ERROR_SQLSTATE
SELECT set_config('app.current_user_id', ' 00000000-0000-0000-0000-0000000000a1', true);
\echo :LAST_ERROR_SQLSTATE

-- Fixed: another user, or none, is refused in whatever way; the same user is not.
BEGIN;
SET LOCAL app.current_user_id = :'anna';
SAVEPOINT s;
SET LOCAL app.current_user_id = :'boss';
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
SELECT set_config('app.current_user_id', '', true);
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
WITH x AS MATERIALIZED (SELECT set_config('app.current_user_id', :'boss', true) AS c) SELECT x.c, m.* FROM x, me m;
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
SELECT query_to_xml('SELECT set_config(''app.current_user_id'', ''00000000-0000-0000-0000-00000000000a'', true)', true, false, '');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
DO $$ BEGIN PERFORM set_config('app.current_user_id', '00000000-0000-0000-0000-00000000000a', true);
EXCEPTION WHEN insufficient_privilege THEN RAISE WARNING 'refused inside'; END $$;
SELECT set_config('app.current_user_id', '000000000000000000000000000000a1', true) IS NOT NULL AS same_user;
SELECT * FROM me;
COMMIT;

-- RESET and the like never fix, and what was fixed stays.
BEGIN;
SET LOCAL app.current_user_id = :'anna';
RESET app.current_user_id;
SELECT * FROM me;
SET LOCAL app.current_user_id = :'boss';
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN;
SET LOCAL app.current_user_id = :'anna';
RESET ALL;
SELECT * FROM identity_platform.me;
SET LOCAL app.current_user_id = :'anna';
SELECT * FROM identity_platform.me;
SET LOCAL app.current_user_id TO DEFAULT;
SELECT * FROM identity_platform.me;
SELECT set_config('app.current_user_id', NULL, true);
SELECT * FROM identity_platform.me;
ROLLBACK;

-- A savepoint: what was fixed inside stays fixed after it is rolled back.
BEGIN;
SAVEPOINT s;
SET LOCAL app.current_user_id = :'anna';
ROLLBACK TO s;
SELECT * FROM me;
SAVEPOINT s;
SET LOCAL app.current_user_id = :'boss';
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
SET LOCAL app.current_user_id = :'anna';
SELECT * FROM me;
COMMIT;

-- A session's setting serves one transaction, whether it commits, fails or is prepared.
SET app.current_user_id = :'anna';
SELECT * FROM me;
SHOW app.current_user_id;
BEGIN; SET LOCAL app.current_user_id = :'boris'; SELECT id FROM me; SELECT 1 / 0; ROLLBACK;
SELECT * FROM me;
RESET app.current_user_id;
BEGIN; SET app.current_user_id = :'anna'; SELECT id FROM me; ROLLBACK;
SELECT * FROM me;

-- A function's SET clause is a setting like any other, and what it restores is none.
RESET ROLE;
CREATE FUNCTION as_boss() RETURNS text LANGUAGE sql STABLE AS 'SELECT role FROM identity_platform.me';
ALTER FUNCTION as_boss() SET app.current_user_id = '00000000-0000-0000-0000-00000000000a';
CREATE PROCEDURE two_users() LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('app.current_user_id', '00000000-0000-0000-0000-0000000000a1', true);
    RAISE WARNING 'first: %', (SELECT me FROM identity_platform.me);
    COMMIT;
    RAISE WARNING 'after commit: %', (SELECT me FROM identity_platform.me);
    PERFORM set_config('app.current_user_id', '00000000-0000-0000-0000-0000000000b1', true);
    RAISE WARNING 'second: %', (SELECT me FROM identity_platform.me);
    ROLLBACK;
    RAISE WARNING 'after rollback: %', (SELECT me FROM identity_platform.me);
END $$;
SET ROLE regress_identity_app;
BEGIN;
SET LOCAL app.current_user_id = :'anna';
SELECT identity_platform.as_boss();
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN;
SELECT identity_platform.as_boss();
SELECT * FROM me;
ROLLBACK;
CALL two_users();
SELECT * FROM me;

-- A plan kept from one user serves the next one right, and a parallel plan asks its leader.
RESET ROLE;
CREATE VIEW all_garages AS SELECT id FROM garages;
GRANT SELECT ON all_garages TO regress_identity_app;
SET ROLE regress_identity_app;
SET plan_cache_mode = force_generic_plan;
PREPARE mine AS SELECT right(g.id::text, 1) AS garage FROM all_garages g WHERE g.id = ANY ((SELECT vend.visible_garages())::uuid[]) ORDER BY 1;
BEGIN; SET LOCAL app.current_user_id = :'boss'; EXECUTE mine; COMMIT;
BEGIN; SET LOCAL app.current_user_id = :'anna'; EXECUTE mine; COMMIT;
EXECUTE mine;
DEALLOCATE mine;
RESET plan_cache_mode;
BEGIN;
SET LOCAL app.current_user_id = :'anna';
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SELECT * FROM pg_temp.plan($q$SELECT count(*) FROM all_garages g WHERE g.id = ANY ((SELECT vend.visible_garages())::uuid[])$q$);
SELECT count(*) FROM all_garages g WHERE g.id = ANY ((SELECT vend.visible_garages())::uuid[]);
-- In a worker the setting arrives and nobody is asked.
SELECT count(*) AS parallel, min(current_setting('app.current_user_id')) FROM all_garages;
COMMIT;

-- Logins that are mapped; the rest of the order of precedence needs logins of their own.
SELECT vend.map_login('regress_identity_app', :'boss');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
CREATE ROLE regress_identity_group;
SELECT vend.map_login(NULL, :'boss');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.map_login('regress_no_such_role', :'boss');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.map_login('regress_identity_group', :'boss');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.map_login('regress_identity_app', :'boris');
SELECT vend.map_login('regress_identity_app', :'anna');
SELECT login, role = 'regress_identity_app'::regrole AS is_role, right(user_id::text, 2) AS user FROM vend_internal.login_map;
SET SESSION AUTHORIZATION regress_identity_app;
SELECT * FROM me;
BEGIN; SET LOCAL app.current_user_id = :'boss'; SELECT * FROM me; COMMIT;
SELECT * FROM vend_internal.login_map;
\echo :LAST_ERROR_SQLSTATE
SELECT vend_internal.claimed_user();
\echo :LAST_ERROR_SQLSTATE
RESET SESSION AUTHORIZATION;
-- Renamed: nobody is mapped, under either name.
ALTER ROLE regress_identity_app RENAME TO regress_identity_new;
SET SESSION AUTHORIZATION regress_identity_new;
SELECT * FROM me;
RESET SESSION AUTHORIZATION;
CREATE ROLE regress_identity_app LOGIN IN ROLE vend_api;
GRANT USAGE ON SCHEMA identity_platform TO regress_identity_app;
GRANT SELECT ON me TO regress_identity_app;
SET SESSION AUTHORIZATION regress_identity_app;
SELECT * FROM me;
BEGIN; SET LOCAL app.current_user_id = :'clara'; SELECT * FROM me; COMMIT;
RESET SESSION AUTHORIZATION;
SELECT vend.map_login('regress_identity_app', :'anna');
SET SESSION AUTHORIZATION regress_identity_app;
SELECT * FROM me;
RESET SESSION AUTHORIZATION;
SELECT vend.unmap_login('regress_identity_app');
SELECT vend.unmap_login('regress_identity_app');
\echo :LAST_ERROR_SQLSTATE
-- A login of vend_bi is nobody unless mapped, through a group too; a superuser is none of its members.
GRANT vend_bi TO regress_identity_group;
GRANT regress_identity_group TO regress_identity_app;
SET SESSION AUTHORIZATION regress_identity_app;
BEGIN; SET LOCAL app.current_user_id = :'boss'; SELECT * FROM me; COMMIT;
RESET SESSION AUTHORIZATION;
SELECT vend.map_login('regress_identity_app', :'anna');
SET SESSION AUTHORIZATION regress_identity_app;
BEGIN; SET LOCAL app.current_user_id = :'boss'; SELECT * FROM me; COMMIT;
RESET SESSION AUTHORIZATION;
SELECT vend.unmap_login('regress_identity_app');
BEGIN; SET LOCAL app.current_user_id = :'boss'; SELECT * FROM me; COMMIT;

-- Who may not ask.
CREATE ROLE regress_identity_other;
SET ROLE regress_identity_other;
SELECT vend.current_user_id();
\echo :LAST_ERROR_SQLSTATE
-- What may not be changed.
SET vend_analytics.identity = 'setting';
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;

SELECT vend.detach();
DROP SCHEMA identity_platform CASCADE;
DROP OWNED BY regress_identity_app, regress_identity_new;
DROP ROLE regress_identity_app, regress_identity_new, regress_identity_group, regress_identity_other;
