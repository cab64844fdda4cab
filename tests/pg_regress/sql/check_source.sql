-- vend.check_source: every kind of finding, in one pass, and nothing left behind.
\set SHOW_CONTEXT never
\getenv inputs PG_ABS_SRCDIR
\set operational_tables :inputs '/sql/include/operational_tables.sql'
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.id(number int) RETURNS uuid LANGUAGE sql RETURN lpad(number::text, 32, '0')::uuid;
CREATE SCHEMA sound;
SET search_path = sound;
\set ECHO none
\i :operational_tables
\set ECHO all
RESET search_path;

-- A sound source has no findings, with rows or without.
SELECT * FROM vend.check_source('sound');
INSERT INTO sound.users VALUES (pg_temp.id(1), 'Ada', 'Lovelace', 'ada@example.com', NULL, NULL, 'user', '2026-01-01', '2026-01-01');
INSERT INTO sound.garages VALUES (pg_temp.id(1), 'North', NULL, 10, NULL, '2026-01-01', '2026-01-01');
INSERT INTO sound.passes VALUES (pg_temp.id(1), pg_temp.id(1), 'Day', NULL, NULL, NULL, 100, true, '2026-01-01', '2026-01-01');
INSERT INTO sound.subscriptions VALUES (pg_temp.id(1), NULL, pg_temp.id(1), pg_temp.id(1), pg_temp.id(1), NULL, 'active', '2026-01-01', '2026-02-01', false, NULL, 100, NULL, NULL, NULL, '2026-01-01', '2026-01-01');
INSERT INTO sound.payments VALUES (pg_temp.id(1), NULL, pg_temp.id(1), pg_temp.id(1), 100, 3, 97, 'succeeded', 'usd', '2026-01-01', '2026-01-01', '2026-01-01');
INSERT INTO sound.pass_price_history VALUES (pg_temp.id(1), pg_temp.id(1), 90, 100, NULL, NULL, NULL, NULL, '2026-01-01', '2026-01-01');
INSERT INTO sound.garage_admins VALUES (pg_temp.id(1), pg_temp.id(1), pg_temp.id(1), NULL, NULL, NULL, '2026-01-01');
INSERT INTO sound.parked VALUES (pg_temp.id(1), pg_temp.id(1), NULL, NULL, 'AB 123', '2026-01-01 08:00', NULL, '2026-01-01');
INSERT INTO sound.garage_daily_occupancy VALUES (pg_temp.id(1), pg_temp.id(1), '2026-01-01', '[1, null, 2]', '2026-01-02');
SELECT * FROM vend.check_source('sound');

\x on
-- The mapping: each wrong key and value is named.
SELECT * FROM vend.check_source('sound', '[]');
SELECT * FROM vend.check_source('sound', '{"paymets": {}, "users": "people", "garages": {"colums": {}, "table": "a.b.c"},
    "passes": {"columns": {"nam": "name", "name": 3, "description": null}, "table": 7}, "parked": {"columns": []}}');
-- Tables: missing, and of a kind whose changes cannot be followed.
CREATE VIEW sound.people AS SELECT * FROM sound.users;
CREATE MATERIALIZED VIEW sound.places AS SELECT * FROM sound.garages;
CREATE TEMP TABLE visits AS SELECT * FROM sound.parked;
SELECT format('{"users": {"table": "people"}, "garages": {"table": "sound.places"}, "parked": {"table": "%s.visits"},
    "passes": {"table": "pg_catalog.pg_class"}, "payments": {"table": "no_such"}, "subscriptions": {"table": "\"No Such\".t"}}',
    nspname) AS mapping
FROM pg_namespace WHERE oid = pg_my_temp_schema() \gset
SELECT severity, table_name, regexp_replace(problem, 'pg_temp_\d+', 'pg_temp') AS problem, hint FROM vend.check_source('sound', :'mapping');
SELECT * FROM vend.check_source('no such schema');
SELECT * FROM vend.check_source(NULL);
\echo :LAST_ERROR_SQLSTATE

-- Expressions: one over the table's own columns, and nothing else. None of these does what it tries to.
SELECT * FROM vend.check_source('sound', '{"subscriptions": {"columns": {"monthly_amount": "(monthly_amount", "status": "status FROM sound.users",
    "user_id": "(SELECT id FROM sound.users)", "garage_id": "garage_id, pass_id", "pass_id": "*", "created_at": "max(created_at)",
    "canceled_at": "no_such_column", "current_period_start": "generate_series(now(), now(), interval ''1 day'')",
    "current_period_end": "max(created_at) OVER ()", "cancel_at_period_end": "true; DROP TABLE sound.users",
    "stripe_price_id": "1), (SELECT 1", "renewal_status": "status AS x", "renewal_attempted_at": "", "next_renewal_date": "$1",
    "stripe_subscription_id": "status -- ", "id": "no_such_function(id)", "updated_at": "/* created_at"}}}');
SELECT count(*) FROM sound.users;
-- A function that an ordinary role may replace is refused, and so is a cast of its own and a sequence.
CREATE ROLE mallory;
CREATE SCHEMA lair AUTHORIZATION mallory;
GRANT USAGE ON SCHEMA lair TO vend_owner;
SET ROLE mallory;
CREATE FUNCTION lair.half(numeric) RETURNS numeric LANGUAGE sql IMMUTABLE RETURN $1 / 2;
CREATE OPERATOR lair.@/ (RIGHTARG = numeric, FUNCTION = lair.half);
CREATE DOMAIN lair.price AS numeric CHECK (lair.half(VALUE) > 0);
CREATE TYPE lair.mood AS ENUM ('user', 'garage_admin');
CREATE FUNCTION lair.mood_text(lair.mood) RETURNS text LANGUAGE sql IMMUTABLE RETURN 'user';
CREATE CAST (lair.mood AS text) WITH FUNCTION lair.mood_text(lair.mood);
CREATE SEQUENCE lair.counter;
RESET ROLE;
ALTER TABLE sound.users ADD mood lair.mood;
SELECT severity, table_name, column_name, problem, hint
FROM vend.check_source('sound', '{"payments": {"columns": {"amount": "lair.half(amount)", "stripe_fee": "OPERATOR(lair.@/) stripe_fee",
    "net_amount": "net_amount::lair.price", "currency": "nextval(''lair.counter'')::text"}}, "users": {"columns": {"role": "mood"}},
    "passes": {"columns": {"name": "CASE WHEN ''user''::lair.mood = ''user'' THEN name END"}}}');
-- One that a superuser owns will do.
ALTER FUNCTION lair.half(numeric) OWNER TO postgres;
SELECT * FROM vend.check_source('sound', '{"payments": {"columns": {"amount": "lair.half(amount)", "net_amount": "lair.half(net_amount)", "stripe_fee": "stripe_fee / 2.0"}}}');

-- Columns: missing, of a wrong type, and local times in disguise.
CREATE SCHEMA odd;
SET search_path = odd;
\set ECHO none
\i :operational_tables
\set ECHO all
RESET search_path;
ALTER TABLE odd.users DROP CONSTRAINT users_pkey, DROP COLUMN phone, DROP COLUMN role;
ALTER TABLE odd.garages ALTER capacity TYPE numeric, ADD timezone text;
ALTER TABLE odd.passes ALTER monthly_amount TYPE float8, ALTER active TYPE int USING 1;
ALTER TABLE odd.subscriptions ALTER id TYPE bigint USING 1, ALTER created_at TYPE date, ALTER updated_at TYPE bigint USING 1;
ALTER TABLE odd.payments ALTER amount TYPE money, ALTER created_at SET DEFAULT now(), ALTER payment_date TYPE timestamptz,
    ALTER payment_date SET DEFAULT now(), ALTER updated_at SET DEFAULT (now() AT TIME ZONE 'UTC');
ALTER TABLE odd.garage_daily_occupancy ALTER day TYPE timestamptz, ALTER hourly_occupancy TYPE json;
ALTER TABLE odd.parked ALTER vehicle_plate TYPE bigint USING 1;
SELECT * FROM vend.check_source('odd');
SET timezone = 'America/New_York';
SELECT table_name, column_name, problem, hint FROM vend.check_source('odd') WHERE problem LIKE '%session%';
SET timezone = 'UTC';
ALTER ROLE mallory SET timezone = 'Asia/Tokyo';
SELECT table_name, column_name, problem FROM vend.check_source('odd') WHERE problem LIKE '%session%';
ALTER ROLE mallory RESET timezone;

-- Rows.
CREATE SCHEMA dirty;
SET search_path = dirty;
\set ECHO none
\i :operational_tables
\set ECHO all
RESET search_path;
ALTER TABLE dirty.users DROP CONSTRAINT users_pkey;
ALTER TABLE dirty.users ALTER id DROP NOT NULL;
ALTER TABLE dirty.garages ADD timezone text;
ALTER TABLE dirty.payments ALTER amount TYPE numeric;
INSERT INTO dirty.users (id, role, created_at) VALUES (pg_temp.id(1), 'user', now() + interval '3 hours'), (pg_temp.id(1), ' USER ', now()), (NULL, 'boss', now());
INSERT INTO dirty.garages (id, capacity, created_at, timezone) VALUES (pg_temp.id(1), 10, '2026-01-01', 'Europe/Berlin'),
    (pg_temp.id(2), 0, NULL, 'Europe/Berlln'), (pg_temp.id(3), -5, '2026-01-01', ''), (pg_temp.id(4), NULL, '2026-01-01', NULL);
INSERT INTO dirty.passes (id, garage_id) VALUES (pg_temp.id(1), pg_temp.id(9));
INSERT INTO dirty.subscriptions (id, user_id, garage_id, pass_id, status, cancel_at_period_end) VALUES
    (pg_temp.id(1), pg_temp.id(9), pg_temp.id(9), pg_temp.id(9), 'Actief', true), (pg_temp.id(2), NULL, NULL, NULL, 'unpaid', false);
INSERT INTO dirty.payments (id, garage_id, subscription_id, amount, stripe_fee, net_amount, status, currency, payment_date) VALUES
    (pg_temp.id(1), pg_temp.id(9), pg_temp.id(9), 100, 3, 96, 'paid', ' ', NULL), (pg_temp.id(2), pg_temp.id(1), NULL, 'NaN', 3, 97, 'refunded', 'usd', 'infinity'),
    (pg_temp.id(3), pg_temp.id(1), NULL, NULL, 3, 97, NULL, 'usd', now() + interval '2 hours');
INSERT INTO dirty.pass_price_history (id, pass_id, old_price) VALUES (pg_temp.id(1), pg_temp.id(9), 0);
INSERT INTO dirty.garage_admins (id, user_id) VALUES (pg_temp.id(1), pg_temp.id(9));
INSERT INTO dirty.parked (id, garage_id, user_id, pass_id, entered_at, exited_at) VALUES (pg_temp.id(1), pg_temp.id(9), pg_temp.id(9), pg_temp.id(9), NULL, NULL),
    (pg_temp.id(2), pg_temp.id(1), NULL, NULL, '2026-01-01 10:00', '2026-01-01 09:00'), (pg_temp.id(3), pg_temp.id(1), NULL, NULL, now() + interval '1 day', NULL);
-- 29 March 2026 has 23 hours in Berlin, 25 October 25.
INSERT INTO dirty.garage_daily_occupancy (id, garage_id, day, hourly_occupancy, created_at)
SELECT pg_temp.id(v.n), pg_temp.id(v.garage), v.day::timestamp, v.doc::jsonb, '2026-01-01'
FROM (VALUES (1, 9, '2026-01-01', '[1]'), (2, 1, NULL, NULL), (3, 1, '2026-01-01', '[1, "x"]'), (4, 1, '2026-01-01 12:00', '{"25": 1}'),
    (5, 1, '2026-03-29', (SELECT jsonb_agg(1) FROM generate_series(1, 24))::text),
    (6, 1, '2026-10-25', (SELECT jsonb_agg(1) FROM generate_series(1, 25))::text),
    (7, 1, '2026-03-28', (SELECT jsonb_agg(CASE WHEN h < 24 THEN 1 END) FROM generate_series(0, 24) h)::text)) AS v(n, garage, day, doc);
\x off
SELECT severity, table_name, column_name, problem FROM vend.check_source('dirty');
-- Of which every warning says what becomes of the row.
SELECT count(*) FILTER (WHERE hint !~ '\.$') AS without_hint, count(*) > 30 AS many FROM vend.check_source('dirty');
-- An expression that fails on a row.
SELECT * FROM vend.check_source('dirty', '{"garages": {"columns": {"capacity": "10 / capacity"}}}') WHERE table_name = 'garages';

-- Nothing is left behind, and the source's privileges are as they were.
SELECT nspname FROM pg_namespace WHERE nspname ~ '^vend_' AND nspname <> 'vend_internal';
SELECT relname, relacl FROM pg_class WHERE relnamespace IN ('sound'::regnamespace, 'odd'::regnamespace, 'dirty'::regnamespace) AND relacl IS NOT NULL;
SELECT nspname, nspacl FROM pg_namespace WHERE nspname IN ('sound', 'odd', 'dirty') AND nspacl IS NOT NULL;
SET ROLE mallory;
SELECT * FROM vend.check_source('sound');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
DROP SCHEMA sound, odd, dirty, lair CASCADE;
DROP ROLE mallory;
