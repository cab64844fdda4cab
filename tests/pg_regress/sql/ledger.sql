-- The ledger: what each kind of write to a subscription does to its paid intervals (METRICS.md, 2).
SET timezone = 'UTC';
SET datestyle = 'ISO';
\set SHOW_CONTEXT never
\getenv inputs PG_ABS_SRCDIR
\set operational_tables :inputs '/sql/include/operational_tables.sql'
CREATE SCHEMA ledger;
SET search_path = ledger;
\set ECHO none
\i :operational_tables
\set ECHO all
CREATE FUNCTION id(kind text, n int) RETURNS uuid LANGUAGE sql IMMUTABLE RETURN (kind || lpad(n::text, 31, '0'))::uuid;
INSERT INTO users (id, created_at) SELECT id('a', n), '2025-01-01' FROM generate_series(1, 2) n;
INSERT INTO garages (id, name, capacity, created_at) SELECT id('b', n), 'G' || n, 10, '2025-01-01' FROM generate_series(1, 2) n;
INSERT INTO passes (id, garage_id, name, monthly_amount, active, created_at) SELECT id('c', n), id('b', 1), 'P' || n, 100, true, '2025-01-01' FROM generate_series(1, 2) n;
INSERT INTO pass_price_history (id, pass_id, old_price, new_price, old_stripe_price_id, new_stripe_price_id, effective_date)
VALUES (id('d', 1), id('c', 1), 90, 110, 'p90', 'p110', '2025-05-10');
SELECT count(*) FROM vend.attach('ledger');
-- As if attached long ago, so that what is written below with dates of 2025 is observed.
UPDATE vend_internal.source SET attached_at = '2025-03-01';

-- Case n begins active on 10 January, at 100 a month, from user 1 for pass 1 of garage 1.
CREATE FUNCTION new_case(n int, status text DEFAULT 'active', amount numeric DEFAULT 100, created timestamp DEFAULT '2025-01-10',
    price text DEFAULT NULL, period_end timestamp DEFAULT NULL, canceled timestamp DEFAULT NULL, updated timestamp DEFAULT '2025-01-10') RETURNS void
LANGUAGE sql AS $$
    INSERT INTO subscriptions (id, user_id, garage_id, pass_id, status, cancel_at_period_end, monthly_amount, created_at, updated_at, stripe_price_id, current_period_start, current_period_end, canceled_at)
    VALUES (id('e', n), id('a', 1), id('b', 1), id('c', 1), status, period_end IS NOT NULL, amount, created, updated, price, '2025-07-25', period_end, canceled)
$$;
-- A write to case n that says when it was.
CREATE FUNCTION at(n int, changed timestamp, what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('UPDATE subscriptions SET updated_at = %L, %s WHERE id = %L', changed, what, id('e', n));
END $$;
CREATE FUNCTION shown(at timestamptz) RETURNS text LANGUAGE sql STABLE RETURN CASE WHEN at > now() - interval '1 hour' AND at <= clock_timestamp() THEN 'now' ELSE replace(at::text, ' 00:00:00+00', '') END;
CREATE VIEW periods AS
SELECT ltrim(right(subscription_id::text, 12), '0')::int AS n, shown(valid_from) AS valid_from, shown(valid_to) AS valid_to, monthly_amount AS amount,
    concat(right(user_id::text, 1), right(garage_id::text, 1), right(pass_id::text, 1)) AS user_garage_pass, churn_reason AS reason, origin
FROM vend_marts.fact_subscription_periods ORDER BY n, vend_marts.fact_subscription_periods.valid_from;
CREATE VIEW versions AS SELECT ltrim(right(subscription_id::text, 12), '0')::int AS n, count(*) AS versions FROM vend_internal.subscription_versions GROUP BY 1;

-- Every row of METRICS' table of changes.
\set ECHO errors
SELECT n, new_case(n) FROM generate_series(1, 27) n
\g /dev/null
\set ECHO all
SELECT at(1, '2025-04-01', 'monthly_amount = 120'), at(2, '2025-04-01', $$pass_id = id('c', 2)$$), at(3, '2025-04-01', $$garage_id = id('b', 2)$$), at(4, '2025-04-01', $$user_id = id('a', 2)$$);
SELECT at(5, '2025-04-01', $$status = 'paused'$$), at(6, '2025-04-01', $$status = 'unpaid'$$), at(7, '2025-04-01', $$status = 'canceled'$$), at(8, '2025-04-01', $$status = 'trialing'$$), at(9, '2025-04-01', 'monthly_amount = 0');
SELECT at(5, '2025-05-01', $$status = 'active'$$), at(6, '2025-05-01', $$status = 'active'$$), at(7, '2025-05-01', $$status = 'active'$$), at(8, '2025-05-01', $$status = 'active'$$), at(9, '2025-05-01', 'monthly_amount = 100');
-- Scheduled; scheduled and undone before; and after its day; scheduled for another day; scheduled and come true.
SELECT at(n, '2025-04-01', $$cancel_at_period_end = true, current_period_end = '2025-04-25'$$) FROM generate_series(10, 14) n;
SELECT at(11, '2025-04-20', 'cancel_at_period_end = false'), at(12, '2025-04-28', 'cancel_at_period_end = false'), at(13, '2025-04-20', $$current_period_end = '2025-05-25'$$), at(14, '2025-04-26', $$status = 'canceled'$$);
-- Service end learned late, then corrected; asked for before and ended at the request; ahead of us; after a pause it starts nothing.
SELECT at(15, '2025-04-06', $$status = 'canceled', canceled_at = '2025-04-05 12:00'$$), at(15, '2025-04-08', $$canceled_at = '2025-04-03'$$), at(16, '2025-04-26', $$status = 'canceled', canceled_at = '2025-03-20'$$),
    at(17, '2025-04-06', $$status = 'canceled', canceled_at = '2025-04-20'$$), at(18, '2025-04-01', $$status = 'paused'$$), at(18, '2025-04-10', $$status = 'canceled', canceled_at = '2025-06-01'$$);
-- Canceled out of past_due; out of unpaid, with a request of before; past_due and back.
SELECT at(n, '2025-04-01', $$status = 'past_due'$$) FROM generate_series(19, 21) n;
SELECT at(19, '2025-04-20', $$status = 'canceled'$$), at(20, '2025-04-10', $$status = 'unpaid'$$), at(20, '2025-04-20', $$status = 'canceled', canceled_at = '2025-03-01'$$), at(21, '2025-04-05', $$status = 'active'$$);
-- Two writes with one updated_at, which the second did not change; a corrected beginning; a user who is unknown for a while.
SELECT at(22, '2025-04-01', 'monthly_amount = 80'), at(22, '2025-04-01', 'monthly_amount = 100'), at(23, '2025-04-01', $$created_at = '2025-02-10'$$), at(24, '2025-04-01', 'user_id = NULL'), at(24, '2025-04-11', $$user_id = id('a', 1)$$);
-- The price of the pass is none of its business.
UPDATE passes SET monthly_amount = 500;
INSERT INTO pass_price_history (id, pass_id, old_price, new_price, effective_date) VALUES (id('d', 2), id('c', 1), 100, 500, '2025-06-01');
DELETE FROM subscriptions WHERE id = id('e', 25);
-- Its beginning is not known any more, then it is; a status that nobody knows.
SELECT at(26, '2025-04-01', 'created_at = NULL');
SELECT * FROM periods WHERE n = 26;
SELECT at(26, '2025-04-02', $$created_at = '2025-01-10'$$), at(27, '2025-04-01', $$status = 'deleted'$$);
SELECT * FROM periods;

-- Rows inserted late stand for their past: earlier price, request, end, failure; and trials.
SELECT new_case(31, price => 'p110', amount => 110, created => '2025-02-25'), new_case(32, 'canceled', canceled => '2025-04-05', updated => '2025-04-06'), new_case(33, 'canceled', period_end => '2025-04-25', updated => '2025-04-01'),
    new_case(34, 'unpaid', updated => '2025-04-06'), new_case(35, 'trialing'), new_case(36, created => NULL), new_case(37, amount => 0), new_case(38, 'past_due', updated => '2025-04-06'), new_case(39, created => '2030-01-01');
-- They go on from there: a later amount, another end, paid from now on, a write before a change of price.
SELECT at(31, '2025-09-01', 'monthly_amount = 130'), at(32, '2025-04-07', $$canceled_at = '2025-04-04'$$), at(35, '2025-04-01', $$status = 'active'$$), at(37, '2025-04-01', 'monthly_amount = 100'), at(39, '2025-04-01', 'monthly_amount = 100.00');
SELECT * FROM periods WHERE n BETWEEN 31 AND 39;

-- What was never there at any instant leaves no trace: paused and active again in one transaction.
BEGIN;
UPDATE subscriptions SET status = 'paused' WHERE id = id('e', 35);
UPDATE subscriptions SET status = 'active' WHERE id = id('e', 35);
COMMIT;
SELECT * FROM periods WHERE n = 35;

-- When a write takes effect: at its updated_at, unless that stayed, lies ahead or before the version before it.
SELECT n, new_case(n) FROM generate_series(41, 46) n
\g /dev/null
UPDATE subscriptions SET monthly_amount = 120 WHERE id = id('e', 41);
SELECT at(42, '2100-01-01', 'monthly_amount = 120'), at(43, '2024-01-01', 'monthly_amount = 120'), at(44, '2025-04-01', 'monthly_amount = 120'), at(44, '2025-03-31', 'monthly_amount = 130'), at(45, 'infinity', 'monthly_amount = 120'), at(46, NULL, 'monthly_amount = 120');
SELECT * FROM periods WHERE n BETWEEN 41 AND 46;
-- What changes nothing that counts makes no version.
SELECT at(41, '2025-06-01', 'next_renewal_date = now(), stripe_price_id = $$x$$, renewal_status = $$y$$, renewal_attempted_at = now()'), at(41, '2025-06-02', 'monthly_amount = monthly_amount, status = $$ Active $$'), at(41, '2025-06-03', 'status = $$active$$');
SELECT * FROM versions WHERE n = 41;

-- The grace is counted from the beginning of the spell, and a changed one restates every interval.
SELECT vend.set_policy('past_due_grace', '10 days');
SELECT at(21, '2025-06-01', $$status = 'past_due'$$), at(21, '2025-06-08', 'monthly_amount = 101');
SELECT * FROM periods WHERE n IN (19, 20, 21, 38);
SELECT vend.set_policy('past_due_grace', 'default');
SELECT * FROM periods WHERE n IN (19, 21, 38);

-- Deleted, and back from its own dates; a whole table exchanged in one transaction changes nothing.
SELECT new_case(25);
SELECT * FROM periods WHERE n = 25;
CREATE TABLE before AS TABLE vend_internal.ledger;
CREATE TABLE kept AS SELECT * FROM subscriptions;
BEGIN;
TRUNCATE subscriptions;
SELECT reason, count(*) FROM periods WHERE valid_to = 'now' GROUP BY 1 ORDER BY 1;
INSERT INTO subscriptions TABLE kept;
COMMIT;
SELECT count(*) > 30 AS many FROM before;
SELECT * FROM ((TABLE before EXCEPT ALL TABLE vend_internal.ledger) UNION ALL (TABLE vend_internal.ledger EXCEPT ALL TABLE before)) d;

-- Whatever writes: COPY, ON CONFLICT, MERGE, a replica's session, a changed id, a savepoint that is rolled back.
COPY subscriptions (id, user_id, garage_id, pass_id, status, monthly_amount, created_at, updated_at) FROM stdin;
e0000000-0000-0000-0000-000000000051	a0000000-0000-0000-0000-000000000001	b0000000-0000-0000-0000-000000000001	c0000000-0000-0000-0000-000000000001	active	100	2025-01-10	2025-01-10
e0000000-0000-0000-0000-000000000052	a0000000-0000-0000-0000-000000000001	b0000000-0000-0000-0000-000000000001	c0000000-0000-0000-0000-000000000001	active	100	2025-01-10	2025-01-10
e0000000-0000-0000-0000-000000000053	a0000000-0000-0000-0000-000000000001	b0000000-0000-0000-0000-000000000001	c0000000-0000-0000-0000-000000000001	active	100	2025-01-10	2025-01-10
\.
INSERT INTO subscriptions (id) VALUES (id('e', 51)) ON CONFLICT (id) DO UPDATE SET monthly_amount = 120, updated_at = '2025-04-01';
MERGE INTO subscriptions s USING (VALUES (id('e', 52)), (id('e', 53)), (id('e', 54))) AS m(id) ON s.id = m.id
WHEN MATCHED AND m.id = id('e', 52) THEN UPDATE SET monthly_amount = 120, updated_at = '2025-04-01' WHEN MATCHED THEN DELETE
WHEN NOT MATCHED THEN INSERT (id, user_id, garage_id, pass_id, status, monthly_amount, created_at) VALUES (m.id, id('a', 1), id('b', 1), id('c', 1), 'active', 100, '2025-01-10');
SET session_replication_role = replica;
SELECT at(54, '2025-04-01', 'monthly_amount = 120');
RESET session_replication_role;
UPDATE subscriptions SET id = id('e', 55) WHERE id = id('e', 52);
BEGIN;
SAVEPOINT s;
SELECT at(54, '2025-05-01', 'monthly_amount = 140');
ROLLBACK TO s;
COMMIT;
SELECT * FROM periods WHERE n BETWEEN 51 AND 55;

-- An application's own trigger writes the row once more: the two writes are seen in their order.
CREATE FUNCTION twice() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE ledger.subscriptions SET monthly_amount = 77 WHERE id = NEW.id AND monthly_amount <> 77; RETURN NULL; END $$;
CREATE TRIGGER a_trigger AFTER UPDATE ON subscriptions FOR EACH ROW EXECUTE FUNCTION twice();
SELECT at(51, '2025-05-01', 'monthly_amount = 66');
DROP TRIGGER a_trigger ON subscriptions;
SELECT * FROM periods WHERE n = 51;

-- A role that may write the table and nothing of ours.
CREATE ROLE regress_writer;
GRANT USAGE ON SCHEMA ledger TO regress_writer;
GRANT ALL ON subscriptions TO regress_writer;
SET ROLE regress_writer;
SELECT at(54, '2025-06-01', 'monthly_amount = 150');
SELECT new_case(56);
DELETE FROM subscriptions WHERE id = ledger.id('e', 55);
SELECT count(*) FROM vend_internal.ledger;
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
-- And nobody makes a trigger of his own of our function.
GRANT CREATE ON SCHEMA ledger TO regress_writer;
GRANT USAGE ON SCHEMA vend_staging TO regress_writer;
SET ROLE regress_writer;
CREATE TABLE forged (id uuid);
CREATE TRIGGER forged AFTER INSERT ON forged FOR EACH ROW EXECUTE FUNCTION vend_staging.observe_subscription();
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
DROP OWNED BY regress_writer;
DROP ROLE regress_writer;
SELECT * FROM periods WHERE n BETWEEN 54 AND 56;

-- METRICS.md, 9, 10, and the constraint that says so.
SELECT count(*) FROM vend_internal.ledger a JOIN vend_internal.ledger b USING (subscription_id) WHERE a.valid_from < b.valid_from AND b.valid_from < a.valid_to;
SELECT count(*) FROM vend_internal.ledger WHERE valid_from >= valid_to OR monthly_amount <= 0;
\set VERBOSITY terse
CREATE FUNCTION overlap(earlier interval, later interval) RETURNS bigint LANGUAGE sql AS $$
    WITH written AS (
        INSERT INTO vend_internal.ledger
        SELECT subscription_id, valid_from - earlier, valid_from + later, user_id, garage_id, pass_id, 1
        FROM (SELECT * FROM vend_internal.ledger WHERE isfinite(valid_to) ORDER BY valid_to, subscription_id LIMIT 1) AS one
        RETURNING 1)
    SELECT count(*) FROM written;
$$;
SELECT overlap('1 day', '1 microsecond');
\echo :LAST_ERROR_SQLSTATE
SELECT overlap('-1 microsecond', '2 microseconds');
SET session_replication_role = replica;
SELECT overlap('40 years', '40 years');
SET session_replication_role = origin;
BEGIN;
SELECT overlap('1 day', '0');
ROLLBACK;
\set VERBOSITY default
-- The ledger is what its versions make of it; what somebody damaged is made good.
SELECT vend_internal.rebuild_ledger();
UPDATE vend_internal.ledger SET valid_to = 'infinity', churn_reason = NULL WHERE subscription_id = id('e', 10);
DELETE FROM vend_internal.ledger WHERE subscription_id = id('e', 1);
INSERT INTO vend_internal.ledger SELECT id('f', 1), valid_from, valid_to, user_id, garage_id, pass_id, monthly_amount FROM vend_internal.ledger WHERE subscription_id = id('e', 2);
SELECT vend_internal.rebuild_ledger();
SELECT * FROM periods WHERE n IN (1, 10);
SELECT set_config(name, 'on', false) AS in_parallel FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT count(*) FROM vend_internal.computed_ledger c FULL JOIN vend_internal.ledger l USING (subscription_id, valid_from) WHERE c.* IS DISTINCT FROM l.*;
SELECT set_config(name, 'off', false) AS in_parallel FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');

-- A random platform against a plain look at its writes: who paid what on each day.
CREATE TABLE writes (n int, step int, at timestamp, status text, amount numeric, garage int);
SELECT setseed(0.25);
INSERT INTO writes SELECT n, step, '2025-02-01'::timestamp + step * interval '3 days' + floor(random() * 3) * interval '1 day',
    (ARRAY['active', 'active', 'active', 'past_due', 'paused', 'unpaid', 'trialing', 'incomplete'])[1 + floor(random() * 8)], (ARRAY[0, 50, 60])[1 + floor(random() * 3)], 1 + floor(random() * 2)
FROM generate_series(1000, 1199) n, generate_series(0, 7) step;
INSERT INTO subscriptions (id, user_id, garage_id, pass_id, status, monthly_amount, created_at, updated_at)
SELECT id('e', n), id('a', 1), id('b', garage), id('c', 1), CASE WHEN status IN ('paused', 'unpaid') THEN 'trialing' ELSE status END, amount, at, at FROM writes WHERE step = 0;
DO $$
DECLARE w record;
BEGIN
    FOR w IN SELECT * FROM ledger.writes WHERE step > 0 ORDER BY step, n LOOP
        UPDATE ledger.subscriptions SET status = w.status, monthly_amount = w.amount, garage_id = ledger.id('b', w.garage), updated_at = w.at WHERE id = ledger.id('e', w.n);
    END LOOP;
END $$;
CREATE VIEW expected AS
SELECT w.n, day, w.garage, w.amount FROM generate_series('2025-01-31'::timestamp, '2025-03-10', '1 day') day
CROSS JOIN LATERAL (SELECT DISTINCT ON (n) * FROM writes WHERE at <= day ORDER BY n, step DESC) w
WHERE w.status IN ('active', 'past_due') AND w.amount > 0;
CREATE VIEW actual AS
SELECT p.n, day, right(l.garage_id::text, 1)::int, l.monthly_amount FROM generate_series('2025-01-31'::timestamp, '2025-03-10', '1 day') day, (SELECT DISTINCT n FROM writes) p
JOIN vend_internal.ledger l ON l.subscription_id = id('e', p.n) WHERE l.valid_from <= day AT TIME ZONE 'UTC' AND day AT TIME ZONE 'UTC' < l.valid_to;
SELECT count(*) > 2000 AS many FROM expected;
SELECT count(*) FROM ((TABLE expected EXCEPT ALL TABLE actual) UNION ALL (TABLE actual EXCEPT ALL TABLE expected)) d;
SELECT vend_internal.rebuild_ledger();
-- Each stored as one interval without an end, which has to become shorter before there is room for the others.
CREATE TABLE undamaged AS TABLE vend_internal.ledger;
DELETE FROM vend_internal.ledger l USING undamaged u WHERE u.subscription_id = l.subscription_id AND u.valid_from < l.valid_from;
UPDATE vend_internal.ledger SET valid_to = 'infinity';
SELECT vend_internal.rebuild_ledger() > 200 AS many;
SELECT count(*) FROM ((TABLE undamaged EXCEPT ALL TABLE vend_internal.ledger) UNION ALL (TABLE vend_internal.ledger EXCEPT ALL TABLE undamaged)) AS d;

-- The past of what was deleted keeps its currency, and the month its churn.
INSERT INTO payments (id, subscription_id, garage_id, amount, stripe_fee, net_amount, status, currency, payment_date, created_at, updated_at) VALUES (id('9', 1), id('e', 1), id('b', 1), 100, 0, 100, 'succeeded', 'eur', '2025-02-01', '2025-02-01', '2025-02-01'), (id('9', 2), id('e', 2), id('b', 1), 100, 0, 100, 'succeeded', 'usd', '2025-02-01', '2025-02-01', '2025-02-01');
DELETE FROM subscriptions WHERE id = id('e', 1);
SELECT monthly_amount, currency, churn_reason FROM vend_marts.fact_subscription_periods WHERE subscription_id = id('e', 1) ORDER BY valid_from;
SELECT currency, mtd_churned_subscriptions FROM vend_reports.mv_current_month_metrics WHERE garage_id = id('b', 1) AND currency = 'eur';

-- Attached again: what was observed stays, and what no trigger saw is caught up with.
CREATE TABLE observed AS SELECT * FROM vend_internal.ledger;
SELECT count(*) AS versions FROM vend_internal.subscription_versions \gset
SELECT count(*) FROM vend.attach('ledger', timezone => 'Europe/Berlin');
SELECT count(*) = :versions AS kept FROM vend_internal.subscription_versions;
SELECT count(*) FROM (SELECT * FROM observed EXCEPT ALL TABLE vend_internal.ledger) d;
SELECT attached_at FROM vend_internal.source;
ALTER TABLE subscriptions DISABLE TRIGGER ALL;
SELECT at(54, '2025-08-01', 'monthly_amount = 5'), new_case(61);
UPDATE subscriptions SET monthly_amount = 6 WHERE id = id('e', 3);
DELETE FROM subscriptions WHERE id = id('e', 4);
ALTER TABLE subscriptions ENABLE TRIGGER USER;
SELECT count(*) FROM vend.attach('ledger');
SELECT * FROM periods WHERE n IN (3, 4, 54, 61);
SELECT tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'subscriptions'::regclass AND NOT tgisinternal ORDER BY 1;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM vend.attach('ledger');
ROLLBACK;
\echo :LAST_ERROR_SQLSTATE

-- Another table, with partitions, other names, numbers for ids, and an expression over the whole row: a history of its own.
ALTER TABLE subscriptions RENAME TO old_subscriptions;
CREATE TABLE plans ("Key" bigint, owner int, seen text, region text, price_cents int, plan jsonb, started timestamptz, changed timestamptz, dropped int, PRIMARY KEY ("Key", region)) PARTITION BY LIST (region);
ALTER TABLE plans DROP COLUMN dropped;
CREATE TABLE plans_north PARTITION OF plans FOR VALUES IN ('north');
CREATE TABLE plans_south (changed timestamptz, started timestamptz, plan jsonb, price_cents int, region text NOT NULL, seen text, owner int, "Key" bigint NOT NULL);
ALTER TABLE plans ATTACH PARTITION plans_south FOR VALUES IN ('south');
INSERT INTO plans VALUES (71, 1, 'ok', 'north', 5000, '{"garage": 1}', '2025-01-10Z', '2025-01-10Z');
\set mapping '{"subscriptions": {"table": "plans", "columns": {"id": "(''e'' || lpad(\\"Key\\"::text, 31, ''0''))::uuid", "user_id": "(''a'' || lpad(owner::text, 31, ''0''))::uuid", "garage_id": "(''b'' || lpad(plans.plan ->> ''garage'', 31, ''0''))::uuid", "pass_id": "NULL::uuid", "status": "CASE seen WHEN ''ok'' THEN ''active'' ELSE ''canceled'' END -- words", "current_period_start": "NULL::timestamptz", "current_period_end": "NULL::timestamptz", "cancel_at_period_end": "false", "canceled_at": "NULL::timestamptz", "monthly_amount": "(to_jsonb(plans) ->> ''price_cents'')::int / 100.0", "created_at": "started", "updated_at": "changed"}}}'
-- Its owner, who is no superuser, makes partitions.
CREATE ROLE regress_planner;
GRANT ALL ON SCHEMA ledger TO regress_planner;
ALTER TABLE plans OWNER TO regress_planner;
SET client_min_messages = warning;
SELECT count(*) FROM vend.attach('ledger', :'mapping');
RESET client_min_messages;
SELECT tgrelid::regclass FROM pg_trigger WHERE tgfoid = 'vend_staging.observe_subscription'::regproc AND tgname LIKE '%update' AND tgenabled = 'A' ORDER BY 1;
INSERT INTO plans VALUES (72, 1, 'ok', 'south', 5000, '{"garage": 1}', '2025-01-10Z', '2025-01-10Z');
UPDATE plans SET price_cents = 6000, changed = '2025-04-01Z';
UPDATE plans_south SET plan = '{"garage": 2}', changed = '2025-05-01Z';
UPDATE plans SET region = 'south', changed = '2025-05-01Z' WHERE "Key" = 71;
SET ROLE regress_planner;
CREATE TABLE plans_east PARTITION OF plans FOR VALUES IN ('east');
RESET ROLE;
INSERT INTO plans VALUES (73, 1, 'ok', 'east', 5000, '{"garage": 1}', '2025-01-10Z', '2025-01-10Z');
SET session_replication_role = replica;
UPDATE plans SET seen = 'no', changed = '2025-06-01Z' WHERE "Key" >= 72;
RESET session_replication_role;
SELECT * FROM periods;
SELECT vend_internal.rebuild_ledger();
SELECT count(*) FROM vend.attach('ledger', :'mapping');
SELECT vend_internal.rebuild_ledger();
TRUNCATE plans;
SELECT count(*) FILTER (WHERE valid_to = 'infinity') AS open, count(*) FROM vend_internal.ledger;

-- Detached: no trigger, no function, no rows.
DROP VIEW periods, actual;
SELECT vend.detach();
SELECT count(*) FROM pg_trigger WHERE tgname LIKE '00_vend%';
INSERT INTO plans VALUES (74, 1, 'ok', 'south', 5000, '{"garage": 1}', '2025-01-10Z', '2025-01-10Z');
SELECT (SELECT count(*) FROM vend_internal.ledger) AS ledger, (SELECT count(*) FROM vend_internal.subscription_versions) AS versions;
SET client_min_messages = warning;
DROP SCHEMA ledger CASCADE;
DROP OWNED BY regress_planner;
DROP ROLE regress_planner;
