-- vend.attach: staging views under fixed names, again and with another mapping, and nothing half-made after a refusal.
\set SHOW_CONTEXT never
\getenv inputs PG_ABS_SRCDIR
\set operational_tables :inputs '/sql/include/operational_tables.sql'
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.id(number int) RETURNS uuid LANGUAGE sql RETURN lpad(number::text, 32, '0')::uuid;
CREATE VIEW pg_temp.left_behind AS
SELECT 'schema' AS what, nspname::text AS name FROM pg_namespace WHERE nspname LIKE 'vend\_%' AND nspname <> 'vend_internal'
UNION ALL
SELECT 'grant', c.oid::regclass::text FROM pg_class c, aclexplode(c.relacl) a
WHERE a.grantee = to_regrole('vend_owner') AND c.relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('plain', 'other'))
UNION ALL
SELECT 'grant', nspname FROM pg_namespace n, aclexplode(n.nspacl) a WHERE a.grantee = to_regrole('vend_owner') AND nspname IN ('plain', 'other')
UNION ALL
SELECT 'source', source_schema FROM vend_internal.source
UNION ALL
SELECT 'generated', object_name FROM vend_internal.generated
UNION ALL
SELECT 'recorded', table_name FROM vend_internal.source_grants;
CREATE SCHEMA plain;
CREATE SCHEMA other;
\set ECHO none
SET search_path = plain;
\i :operational_tables
SET search_path = other;
\i :operational_tables
\set ECHO all
RESET search_path;

-- Refused: with the list, and nothing half-made.
ALTER TABLE plain.payments RENAME amount TO amount_cents;
ALTER TABLE plain.payments ALTER amount_cents TYPE bigint;
ALTER TABLE plain.parked RENAME TO visits;
SELECT * FROM vend.attach('plain');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM vend.attach('plain', '{"parked": {"table": "visits"}}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM vend.attach('plain', '{"parked": {"table": "visits"}, "payments": {"columns": {"amount": "amount_cents / 100.0", "fee": "3"}}}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM vend.attach('plain', '{"parked": {"table": "visits"}, "payments": {"columns": {"amount": "amount_cents::float8 / 100"}}}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM vend.attach('nowhere');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM vend.attach('plain', '{}', 'Europe/Berlln');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM vend.attach('plain', NULL);
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE plain.users DROP CONSTRAINT users_pkey;
INSERT INTO plain.users (id, role) VALUES (pg_temp.id(1), 'user'), (pg_temp.id(1), 'user');
SELECT * FROM vend.attach('plain', '{"parked": {"table": "visits"}, "payments": {"columns": {"amount": "amount_cents / 100.0"}}}');
\echo :LAST_ERROR_SQLSTATE
TRUNCATE plain.users;
ALTER TABLE plain.users ADD PRIMARY KEY (id);
-- A schema that is not ours stays as it is, and so does everything else.
CREATE SCHEMA vend_reports;
SELECT * FROM vend.attach('plain', '{"parked": {"table": "visits"}, "payments": {"columns": {"amount": "amount_cents / 100.0"}}}');
\echo :LAST_ERROR_SQLSTATE
DROP SCHEMA vend_reports;
TABLE pg_temp.left_behind;

-- Attached, with a mapping: values are cleaned, typed and in UTC.
SELECT * FROM vend.attach('plain', '{"parked": {"table": "\"plain\".VISITS"}, "payments": {"columns": {"amount": "amount_cents / 100.0 -- dollars"}}}', 'Europe/Berlin');
INSERT INTO plain.garages (id, capacity, created_at) VALUES (pg_temp.id(1), 10, '2026-07-01 12:00');
INSERT INTO plain.users (id, role) VALUES (pg_temp.id(1), ' Garage_Admin ');
INSERT INTO plain.payments (id, garage_id, amount_cents, status, currency) VALUES (pg_temp.id(1), pg_temp.id(1), 1250, 'Succeeded ', 'USD'), (pg_temp.id(2), pg_temp.id(1), NULL, ' ', NULL);
INSERT INTO plain.visits (id, garage_id, vehicle_plate) VALUES (pg_temp.id(1), pg_temp.id(1), ' AB 12 '), (pg_temp.id(2), pg_temp.id(1), '  ');
INSERT INTO plain.garage_daily_occupancy VALUES (pg_temp.id(1), pg_temp.id(1), '2026-01-01', '[1]', '2026-01-02'), (pg_temp.id(2), pg_temp.id(1), '2026-01-01 23:00', '[2]', '2026-01-03'),
    (pg_temp.id(3), pg_temp.id(1), '2026-01-02', '[3]', '2026-01-03'), (pg_temp.id(4), pg_temp.id(1), '2026-01-02', '[4]', '2026-01-03'), (pg_temp.id(5), pg_temp.id(1), '2026-01-02', '[5]', NULL);
SELECT created_at, timezone, pg_typeof(created_at) FROM vend_staging.stg_garages;
SELECT '<' || role || '>' AS role FROM vend_staging.stg_users;
SELECT amount, '<' || status || '>' AS status, currency FROM vend_staging.stg_payments ORDER BY id;
SELECT '<' || vehicle_plate || '>' AS vehicle_plate FROM vend_staging.stg_parked ORDER BY id;
SELECT day, hourly_occupancy FROM vend_staging.stg_garage_daily_occupancy ORDER BY day;
-- Names, types and owners do not depend on the source.
CREATE TABLE made AS SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attcollation
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'vend_staging'::regnamespace;
SELECT s.table_name, s.column_name FROM vend_internal.source_columns s
LEFT JOIN made m ON m.attrelid = format('vend_staging.stg_%s', s.table_name)::regclass AND m.attname = s.column_name AND m.attnum = s.position
    AND m.atttypid = s.type::regtype AND m.atttypmod = -1 AND m.attcollation IN (0, 'pg_catalog."default"'::regcollation)
WHERE m.attrelid IS NULL;
SELECT n.nspname, c.relowner::regrole, obj_description(c.oid) IS NOT NULL AS has_comment, count(*) > 0 AS some
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ('vend_staging', 'vend_marts', 'vend_reports')
GROUP BY 1, 2, 3 ORDER BY 1;
SELECT nspname, nspowner::regrole FROM pg_namespace WHERE nspname IN ('vend_staging', 'vend_marts', 'vend_reports') ORDER BY 1;
SELECT * FROM vend_internal.source_grants ORDER BY 1, 2;
-- Every view that was made can be read, and the list of them is complete.
DO $$
DECLARE
    view_name regclass;
BEGIN
    FOR view_name IN SELECT format('%I.%I', schema_name, object_name)::regclass FROM vend_internal.generated LOOP
        EXECUTE format('SELECT count(*) FROM %s', view_name);
    END LOOP;
END $$;
SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace IN ('vend_staging'::regnamespace, 'vend_marts'::regnamespace, 'vend_reports'::regnamespace)
EXCEPT SELECT format('%I.%I', schema_name, object_name)::regclass FROM vend_internal.generated;

-- Again, the same: the same rows, in the same place.
CREATE TABLE first AS SELECT g.*, format('%I.%I', g.schema_name, g.object_name)::regclass::oid AS oid, s.attached_at FROM vend_internal.generated g, vend_internal.source s;
SELECT count(*) > 9 AS many FROM vend.attach('plain', '{"parked": {"table": "visits"}, "payments": {"columns": {"amount": "amount_cents / 100.0"}}}', 'Europe/Berlin');
CREATE TABLE second AS SELECT g.*, format('%I.%I', g.schema_name, g.object_name)::regclass::oid AS oid FROM vend_internal.generated g;
SELECT count(*) AS differing FROM first FULL JOIN second USING (position, schema_name, object_name, kind, oid) WHERE first.oid IS NULL OR second.oid IS NULL;
SELECT timezone, source_schema FROM vend_internal.source;

-- Another schema, zone and mapping: somebody's view on a report goes on working, and the old grants are gone.
CREATE VIEW mine AS SELECT g.timezone, g.capacity, o.capacity AS reported FROM vend_staging.stg_garages g JOIN vend_reports.mv_current_occupancy o ON o.garage_id = g.id;
TABLE mine;
CREATE DOMAIN other.label AS varchar(40) COLLATE "C";
ALTER TABLE other.garages ADD timezone other.label, ALTER name TYPE text COLLATE "C", ALTER created_at TYPE timestamptz(0), ALTER id SET DEFAULT NULL;
ALTER TABLE other.payments ALTER amount TYPE int, ALTER status TYPE char(20), ALTER currency TYPE name;
ALTER TABLE other.garage_daily_occupancy ALTER day TYPE date;
ALTER TABLE other.users DROP COLUMN phone, DROP COLUMN first_name;
INSERT INTO other.garages (id, capacity, created_at, timezone) VALUES (pg_temp.id(1), 20, '2026-07-01 12:00+02', 'Asia/Tokyo'), (pg_temp.id(2), 30, '2026-07-01 12:00+02', ' Nowhere '), (pg_temp.id(3), 40, '2026-07-01 12:00+02', NULL);
GRANT SELECT ON other.users TO vend_owner;
SELECT count(*) > 9 AS many FROM vend.attach('other', '{"garages": {"columns": {"capacity": "capacity * 2"}}}', 'America/Denver');
TABLE mine ORDER BY capacity;
SELECT created_at FROM vend_staging.stg_garages LIMIT 1;
SELECT what, name FROM pg_temp.left_behind WHERE what IN ('source', 'recorded') OR what = 'grant' AND name NOT LIKE 'other.%' ORDER BY 1, 2;
-- A refusal leaves what was attached.
SELECT count(*) FROM vend.attach('plain');
SELECT count(*) FROM mine;
SELECT source_schema FROM vend_internal.source;
-- vend_owner can read what it needs.
SELECT count(*) > 0 AS some, bool_and(has_table_privilege('vend_owner', c.oid, 'SELECT')) AS granted
FROM pg_class c WHERE c.relnamespace = 'other'::regnamespace AND c.relkind = 'r';
DROP VIEW mine;
SELECT vend.detach();
SELECT what, name FROM pg_temp.left_behind;
DROP TABLE made, first, second;
DROP SCHEMA plain, other CASCADE;
