-- vend.detach and DROP EXTENSION take back what attach made, and nothing else.
\set SHOW_CONTEXT never
\getenv inputs PG_ABS_SRCDIR
\set operational_tables :inputs '/sql/include/operational_tables.sql'
SELECT vend.detach();
CREATE SCHEMA plain;
SET search_path = plain;
\set ECHO none
\i :operational_tables
\set ECHO all
RESET search_path;
CREATE VIEW grants AS
SELECT c.relname, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a
WHERE c.relnamespace = 'plain'::regnamespace AND a.grantee = to_regrole('vend_owner')
UNION ALL
SELECT nspname, a.privilege_type FROM pg_namespace n, aclexplode(n.nspacl) a WHERE nspname = 'plain' AND a.grantee = to_regrole('vend_owner');
GRANT SELECT, UPDATE ON plain.users TO vend_owner;
SELECT count(*) > 9 AS attached FROM vend.attach('plain');

-- Somebody's view stands in the way: refused, naming it, and nothing is dropped.
CREATE VIEW mine AS SELECT * FROM vend_reports.mv_current_occupancy;
SELECT vend.detach();
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM mine;
DROP VIEW mine;
CREATE TABLE vend_reports.mine (n int);
SELECT vend.detach();
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) = (SELECT count(*) FROM vend_internal.generated) AS complete FROM pg_class
WHERE relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('vend_staging', 'vend_marts', 'vend_reports')) AND relkind = 'v';
DROP TABLE vend_reports.mine;

-- Detached: only the grants of before are left.
SELECT vend.detach();
SELECT nspname FROM pg_namespace WHERE nspname LIKE 'vend\_%';
TABLE grants;
SELECT (SELECT count(*) FROM vend_internal.source) AS source, (SELECT count(*) FROM vend_internal.generated) AS generated, (SELECT count(*) FROM vend_internal.source_grants) AS grants;

-- Tables that were renamed or dropped meanwhile do no harm.
SELECT count(*) > 9 AS attached FROM vend.attach('plain');
SET client_min_messages = warning;
DROP TABLE plain.parked CASCADE;
RESET client_min_messages;
SELECT vend.detach();
SELECT nspname FROM pg_namespace WHERE nspname LIKE 'vend\_%';

-- DROP EXTENSION while attached, in a database of its own.
SELECT current_database() AS home \gset
CREATE DATABASE vend_drop;
\c vend_drop
SET client_min_messages = warning;
CREATE EXTENSION vend_analytics;
CREATE SCHEMA plain;
SET search_path = plain;
\set ECHO none
\i :operational_tables
\set ECHO all
RESET search_path;
SELECT count(*) > 9 AS attached FROM vend.attach('plain');
-- Somebody's view stands in the way here too, until it is told to go.
CREATE VIEW mine AS SELECT * FROM vend_reports.mv_current_occupancy;
DROP EXTENSION vend_analytics;
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM mine;
-- Of other extensions, whichever there are, nothing is said.
SELECT name AS other FROM pg_available_extensions WHERE name <> 'vend_analytics' AND installed_version IS NULL
ORDER BY name <> 'pgcrypto', name LIMIT 1 \gset
CREATE EXTENSION :"other";
DROP EXTENSION IF EXISTS :"other";
SELECT count(*) FROM mine;
DROP EXTENSION IF EXISTS vend_analytics CASCADE;
SELECT nspname FROM pg_namespace WHERE nspname LIKE 'vend%';
SELECT evtname FROM pg_event_trigger;
SELECT relname FROM pg_class WHERE relowner = 'vend_owner'::regrole;
SELECT relname FROM pg_class c, aclexplode(c.relacl) a WHERE a.grantee = 'vend_owner'::regrole;
-- Without anybody's view no CASCADE is needed.
CREATE EXTENSION vend_analytics;
SELECT count(*) > 9 AS attached FROM vend.attach('plain');
DROP EXTENSION vend_analytics;
SELECT nspname FROM pg_namespace WHERE nspname LIKE 'vend%';
SELECT deptype, classid::regclass FROM pg_shdepend WHERE refobjid = 'vend_owner'::regrole AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database());
\c :home
DROP DATABASE vend_drop;
DROP VIEW grants;
SET client_min_messages = warning;
DROP SCHEMA plain CASCADE;
