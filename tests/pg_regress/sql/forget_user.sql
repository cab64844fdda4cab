-- A person is forgotten, and no number changes; a name is given another one.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA forgetting;
DELETE FROM vend_internal.audit_log;
SET search_path = forgetting;
SET timezone = 'UTC';
\getenv inputs PG_ABS_SRCDIR
\set operational_tables :inputs '/sql/include/operational_tables.sql'
\i :operational_tables
CREATE FUNCTION g(n int) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$ SELECT lpad(n::text, 32, '0')::uuid $$;
SELECT count(*) > 0 AS attached FROM vend.attach('forgetting');
INSERT INTO garages (id, name, capacity, created_at) VALUES (g(1), 'G', 10, now());
INSERT INTO users (id, first_name, role, created_at) SELECT g(n), 'U' || n, 'user', now() FROM generate_series(1, 3) n;
INSERT INTO subscriptions (id, user_id, garage_id, pass_id, status, monthly_amount, cancel_at_period_end, created_at, updated_at)
SELECT g(10 + n), g(n), g(1), g(100), 'active', 10 * n, false, '2026-01-01', '2026-01-01' FROM generate_series(1, 3) n;
INSERT INTO subscriptions (id, user_id, garage_id, pass_id, status, monthly_amount, cancel_at_period_end, created_at, updated_at)
VALUES (g(20), g(1), g(1), g(100), 'active', 7, false, '2026-02-01', '2026-02-01');
-- A rollup with a row for each customer.
SELECT vend.create_rollup('per_customer', 'SELECT garage_id, user_id, count(*) AS subscriptions FROM vend_staging.stg_subscriptions GROUP BY 1, 2',
    '{garage_id, user_id}', '{"subscriptions": ["garage_id", "user_id"]}');
SELECT count(*) FROM vend.refresh();
CREATE ROLE regress_person LOGIN;
SELECT vend.map_login('regress_person', g(1));
CREATE VIEW numbers AS
SELECT count(*) AS intervals, count(DISTINCT user_id) AS customers, sum(monthly_amount) AS amount, count(DISTINCT (valid_from, valid_to)) AS spans,
    (SELECT vend.customers_at(vend.timeline(user_id, valid_from, valid_to, monthly_amount), '2026-01-15') FROM vend_internal.ledger) AS in_january
FROM vend_internal.ledger;
CREATE VIEW traces AS
SELECT (SELECT count(*) FROM vend_internal.subscription_versions WHERE user_id = g(1)) AS versions, (SELECT count(*) FROM vend_internal.ledger WHERE user_id = g(1)) AS ledger,
    (SELECT count(*) FROM vend_internal.login_map WHERE user_id = g(1)) AS logins, (SELECT count(*) FROM vend_internal.audit_log l WHERE l::text LIKE '%' || g(1) || '%') AS log,
    (SELECT count(*) FROM vend_internal.stored_per_customer WHERE user_id = g(1)) AS stored, (SELECT count(*) FROM vend_internal.notes_per_customer_1 WHERE user_id = g(1)) AS notes;
TABLE numbers;
TABLE traces;
SELECT * FROM vend.forget_user(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM vend.forget_user(g(1));
\echo :LAST_ERROR_SQLSTATE
DELETE FROM users WHERE id = g(1);
SELECT * FROM vend.forget_user(g(1));
DELETE FROM subscriptions WHERE user_id = g(1);
CREATE TEMP TABLE before AS TABLE numbers;
TABLE numbers;
TABLE traces;
SELECT * FROM vend.forget_user(g(1));
TABLE traces;
SELECT * FROM before EXCEPT TABLE numbers;
-- What was stored or noted of them is computed anew.
TABLE vend_reports.per_customer ORDER BY 1, 2;
SELECT count(*) FROM vend.refresh();
TABLE vend_internal.stored_per_customer ORDER BY 1, 2;
-- The ledger is what its versions make it, still.
SELECT vend_internal.rebuild_ledger();
TABLE traces;
SELECT * FROM vend.forget_user(g(1));
SELECT event, login, subject, details FROM vend.audit_log WHERE event IN ('map_login', 'forget_user') AND subject <> 'regress_login' ORDER BY id;
-- Old lines of the log go when a new one comes.
UPDATE vend_internal.audit_log SET logged_at = now() - interval '500 days' WHERE event = 'map_login';
SELECT vend.set_policy('audit_retention', '1000 days');
SELECT vend.unmap_login('regress_nobody');
SELECT vend.map_login('regress_person', g(2));
SELECT count(*) AS kept FROM vend.audit_log WHERE event = 'map_login';
SELECT vend.set_policy('audit_retention', 'default');
SELECT vend.unmap_login('regress_person');
SELECT count(*) AS kept FROM vend.audit_log WHERE event = 'map_login';

-- Nothing at all is left: every column of every table that is kept is looked through for the person's id, e-mail, name and
-- licence plate, and for what stands for the two visitors in summaries.
CREATE TABLE sought AS SELECT * FROM (VALUES ('id', g(3)::text), ('e-mail', 'forgotten@example.com'), ('name', 'Forgotten'), ('plate', 'F-OR 607')) AS s(what, value)
UNION ALL
SELECT 'visitor', (regexp_match(vend.activity(v, now(), 'UTC')::text, '\{"([0-9a-f]{32})"'))[1] FROM unnest(ARRAY[g(3)::text, 'F-OR 607']) v GROUP BY v;
CREATE FUNCTION traces_kept() RETURNS TABLE (what text, kept_in text) LANGUAGE plpgsql AS $$
DECLARE
    kept record;
BEGIN
    FOR kept IN SELECT a.attrelid::regclass AS relation, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relkind = 'r' AND c.relnamespace::regnamespace::text LIKE 'vend%' AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY a.attrelid::regclass::text, a.attname
    LOOP
        RETURN QUERY EXECUTE format('SELECT DISTINCT s.what, %L FROM %s AS k JOIN sought s ON strpos(k.%I::text, s.value) > 0 ORDER BY 1',
            kept.relation || '.' || kept.attname, kept.relation, kept.attname);
    END LOOP;
END $$;
UPDATE users SET first_name = 'Forgotten', email = 'forgotten@example.com' WHERE id = g(3);
INSERT INTO parked (id, garage_id, user_id, vehicle_plate, entered_at, exited_at, created_at)
SELECT g(900 + n), g(1), CASE n WHEN 1 THEN g(3) END, 'F-OR 607', '2026-01-02 10:00', '2026-01-02 11:00', now() FROM generate_series(1, 2) n;
SELECT vend.create_rollup('per_plate', 'SELECT p.garage_id, p.vehicle_plate, count(*) AS visits FROM vend_staging.stg_parked p GROUP BY 1, 2',
    '{garage_id, vehicle_plate}', '{"parked": ["garage_id", "vehicle_plate"]}');
SELECT vend.create_rollup('per_email', 'SELECT u.email, count(*) AS users FROM vend_staging.stg_users u GROUP BY 1', '{email}', '{"users": ["email"]}', NULL);
SELECT count(*) FROM vend.refresh();
CREATE ROLE regress_forgotten LOGIN;
SELECT vend.map_login('regress_forgotten', g(3)), vend.unmap_login('regress_forgotten'), vend.map_login('regress_forgotten', g(3));
INSERT INTO vend_internal.alerts (rule, subject, details) VALUES ('job_failed', 'x', jsonb_build_object('last_error', 'user ' || g(3) || ' is odd'));
INSERT INTO vend_internal.job_runs (job, task, status, message) VALUES ('x', 'refresh', 'failed', 'user ' || g(3) || ' is odd');
SELECT vend.schedule('x', '@yearly', 'refresh'), vend.pause_job('x', 'until ' || g(3) || ' was looked at');
SELECT * FROM traces_kept();
-- Erased in the operational tables: in part by deleting, in part by taking out what says who it was.
DELETE FROM subscriptions WHERE user_id = g(3);
DELETE FROM users WHERE id = g(3);
UPDATE parked SET user_id = NULL, vehicle_plate = 'erased' WHERE vehicle_plate = 'F-OR 607';
SELECT what, count(*) > 0 AS noted FROM traces_kept() GROUP BY 1 ORDER BY 1;
SELECT object, rows_changed FROM vend.forget_user(g(3)) ORDER BY object;
SELECT * FROM traces_kept();
SELECT details FROM vend.alerts WHERE subject = 'x';
SELECT message FROM vend.job_runs WHERE job = 'x';
SELECT sum(users) FROM vend_reports.per_email;
TABLE vend_reports.per_plate;
SELECT vend.drop_rollup('per_plate'), vend.drop_rollup('per_email'), vend.unschedule('x');
DELETE FROM vend_internal.job_runs;
DELETE FROM vend_internal.alerts;
DROP ROLE regress_forgotten;

-- A note that is of several rollups is missed by all of them.
INSERT INTO payments (id, subscription_id, garage_id, amount, stripe_fee, net_amount, status, currency, payment_date, created_at, updated_at)
VALUES (g(50), g(2), g(1), 10, 1, 9, 'succeeded', 'usd', '2026-03-04 12:00', '2026-03-04', '2026-03-04');
DELETE FROM subscriptions WHERE user_id = g(2);
DELETE FROM users WHERE id = g(2);
SELECT object, rows_changed FROM vend.forget_user(g(2)) ORDER BY object;
SELECT sum(gross_revenue) AS stored FROM vend_internal.stored_daily_revenue;

-- RFC 4231, test case 2.
SELECT vend_internal.keyed_hash('Jefe', 'what do ya want for nothing?');
SELECT length(vend.pseudonym('a@example.com')) AS digits, vend.pseudonym('a@example.com') = vend.pseudonym('a@example.com') AS same,
    vend.pseudonym('a@example.com') = vend.pseudonym('A@example.com') AS differing, vend.pseudonym(NULL) IS NULL AS of_null,
    vend.pseudonym('a@example.com') = encode(sha256('a@example.com'), 'hex') AS guessable;
SELECT length(key) AS bytes FROM vend_internal.pseudonym_key;
SELECT c.oid::regclass AS not_in_dumps FROM pg_class c, pg_extension e
WHERE e.extname = 'vend_analytics' AND c.oid IN ('vend_internal.pseudonym_key'::regclass, 'vend_internal.bypass'::regclass) AND c.oid <> ALL (e.extconfig) ORDER BY c.relname;
SET ROLE regress_person;
SELECT vend.pseudonym('a');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.forget_user(NULL);
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
DROP ROLE regress_person;
DROP VIEW numbers, traces;
SELECT vend.drop_rollup('per_customer');
SELECT vend.detach();
DROP SCHEMA forgetting CASCADE;
