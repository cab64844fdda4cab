-- Each thing that the audit looks for is done, found, and undone.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA audited;
SET search_path = audited;
\getenv inputs PG_ABS_SRCDIR
\set operational_tables :inputs '/sql/include/operational_tables.sql'
\i :operational_tables
SELECT count(*) > 0 AS attached FROM vend.attach('audited');
CREATE VIEW findings AS SELECT severity, object, finding, remedy FROM vend.security_audit() WHERE object NOT LIKE 'PostgreSQL %';
TABLE findings;

-- Protected tables.
CREATE INDEX ON payments (garage_id);
SELECT count(*) FROM vend.protect('payments');
ALTER TABLE payments DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
TABLE findings;
ALTER TABLE payments ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER POLICY vend_scope ON payments USING (true);
DROP POLICY vend_allow ON vend_internal.stored_daily_revenue;
TABLE findings;
SELECT vend.protect('payments') IS NOT NULL AS mended;
SELECT remedy AS remedies FROM findings \gset
:remedies;
TABLE findings;
DROP INDEX payments_garage_id_idx, payments_garage_id_payment_date_idx, payments_garage_id_updated_at_idx;
CREATE TABLE slow (garage_id uuid);
ALTER TABLE slow ENABLE ROW LEVEL SECURITY;
CREATE POLICY slow ON slow USING (garage_id = ANY (vend.visible_garages()));
TABLE findings;
DROP TABLE slow;
CREATE INDEX ON payments (garage_id, payment_date);
CREATE INDEX ON payments (garage_id, updated_at);
GRANT TRUNCATE ON payments TO vend_api;
CREATE TABLE parts (garage_id uuid, at date) PARTITION BY RANGE (at);
CREATE TABLE parts_1 PARTITION OF parts DEFAULT;
CREATE INDEX ON parts (garage_id);
SELECT count(*) FROM vend.protect('parts');
GRANT SELECT ON parts_1 TO vend_api;
TABLE findings;
REVOKE TRUNCATE ON payments FROM vend_api;
DROP TABLE parts;
DELETE FROM vend_internal.protected_tables WHERE relation::oid NOT IN (SELECT oid FROM pg_class);
SET client_min_messages = error;
CREATE PUBLICATION of_one FOR TABLE vend_internal.stored_daily_revenue;
SET client_min_messages = warning;
CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER spy AFTER INSERT ON vend_internal.stored_daily_revenue FOR EACH ROW EXECUTE FUNCTION spy();
TABLE findings;
DROP PUBLICATION of_one;
DROP TRIGGER spy ON vend_internal.stored_daily_revenue;
TABLE findings;

-- Grants, and views that see more than who reads them.
CREATE ROLE regress_analyst;
GRANT SELECT ON vend_staging.stg_users, vend_marts.users, vend_internal.exact_daily_revenue TO regress_analyst;
GRANT SELECT ON vend_marts.fact_subscription_periods, vend_marts.dim_users TO vend_bi;
GRANT INSERT ON vend_internal.stored_daily_revenue TO vend_api;
GRANT UPDATE (rate) ON vend_internal.platform_fees TO PUBLIC;
GRANT SELECT ON vend_reports.mv_daily_revenue TO regress_analyst;
TABLE findings;
REVOKE ALL ON vend_staging.stg_users, vend_marts.users, vend_internal.exact_daily_revenue, vend_reports.mv_daily_revenue FROM regress_analyst;
REVOKE ALL ON vend_marts.fact_subscription_periods, vend_marts.dim_users FROM vend_bi;
REVOKE INSERT ON vend_internal.stored_daily_revenue FROM vend_api;
REVOKE UPDATE (rate) ON vend_internal.platform_fees FROM PUBLIC;
CREATE VIEW revenue AS TABLE vend_internal.stored_daily_revenue;
CREATE VIEW revenue_again AS TABLE revenue;
CREATE VIEW revenue_invoker WITH (security_invoker) AS TABLE vend_internal.stored_daily_revenue;
CREATE MATERIALIZED VIEW revenue_copy AS TABLE payments;
CREATE VIEW scoped AS TABLE vend_reports.mv_daily_revenue;
GRANT SELECT ON revenue_again, revenue_invoker, revenue_copy, scoped TO regress_analyst;
TABLE findings;
DROP VIEW revenue CASCADE;
DROP VIEW revenue_invoker, scoped;
DROP MATERIALIZED VIEW revenue_copy;

-- Functions and owners.
GRANT EXECUTE ON FUNCTION vend.refresh(text) TO PUBLIC;
ALTER FUNCTION vend.verify(text, numeric, boolean) RESET search_path;
ALTER FUNCTION vend.set_policy(text, text) OWNER TO postgres;
ALTER FUNCTION vend.visible_garages() OWNER TO regress_analyst;
ALTER VIEW vend_marts.visits OWNER TO postgres;
TABLE findings;
REVOKE EXECUTE ON FUNCTION vend.refresh(text) FROM PUBLIC;
ALTER FUNCTION vend.verify(text, numeric, boolean) RESET ALL;
ALTER FUNCTION vend.verify(text, numeric, boolean) SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION vend.verify(text, numeric, boolean) SET jit = off;
ALTER FUNCTION vend.set_policy(text, text) OWNER TO vend_owner;
ALTER FUNCTION vend.visible_garages() OWNER TO vend_owner;
ALTER VIEW vend_marts.visits OWNER TO vend_owner;

-- Roles.
CREATE ROLE regress_login LOGIN IN ROLE vend_api, vend_bi, pg_read_all_data;
CREATE ROLE regress_strong LOGIN BYPASSRLS IN ROLE regress_analyst;
GRANT vend_bi TO regress_analyst;
GRANT vend_owner TO regress_analyst;
GRANT regress_analyst TO vend_worker;
ALTER ROLE vend_worker CONNECTION LIMIT 3;
GRANT CREATE ON SCHEMA audited TO regress_login;
SELECT vend.map_login('regress_login', 'aaaaaaaa-0000-0000-0000-000000000000');
UPDATE vend_internal.login_map SET role = 1 WHERE login = 'regress_login';
SELECT * FROM findings WHERE (object, finding) <> ('role regress_strong', 'may use TEMP on the database');
REVOKE vend_owner FROM regress_analyst;
REVOKE regress_analyst FROM vend_worker;
ALTER ROLE vend_worker CONNECTION LIMIT 0;
SELECT vend.unmap_login('regress_login');
REVOKE CREATE ON SCHEMA audited FROM regress_login;
DROP ROLE regress_login, regress_strong, regress_analyst;
TABLE findings;

-- The server.
SELECT v, vend_internal.is_outdated(v) FROM unnest(ARRAY[150017, 150018, 160013, 170010, 180003, 180004, 190000]) AS v;
SET vend_analytics.identity = 'token';
TABLE findings;
RESET vend_analytics.identity;
SELECT vend.unprotect('payments') IS NOT NULL;
SELECT vend.detach();
DROP SCHEMA audited CASCADE;
