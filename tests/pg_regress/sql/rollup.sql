-- A rollup of one's own over one's own tables: after every kind of write the view has what the query has.
\set SHOW_CONTEXT never
SET timezone = 'UTC';
CREATE SCHEMA shop;
SET search_path = shop;
\getenv inputs PG_ABS_SRCDIR
\set operational_tables :inputs '/sql/include/operational_tables.sql'
\i :operational_tables
CREATE TABLE shop.orders (id int PRIMARY KEY, garage_id uuid, customer int, at timestamp, amount numeric, note text);
CREATE TABLE shop.customers (id int PRIMARY KEY, region text, name text);
SELECT vend.create_rollup('too_early', 'SELECT 1', '{x}', '{"shop.orders": [null]}');
\echo :LAST_ERROR_SQLSTATE
-- What a refresh looks rows up by is proposed, and made on demand.
DROP INDEX payments_garage_id_updated_at_idx, parked_garage_id_entered_at_idx;
SELECT severity, table_name, problem, hint FROM vend.check_source('shop');
SELECT count(*) > 0 AS attached FROM vend.attach('shop', create_indexes => true);
SELECT severity, table_name, problem, hint FROM vend.check_source('shop');
CREATE FUNCTION g(n int) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$ SELECT lpad(n::text, 32, '0')::uuid $$;
INSERT INTO customers SELECT n, CASE WHEN n % 5 > 0 THEN 'r' || n % 3 END, 'c' || n FROM generate_series(1, 20) n;
INSERT INTO orders SELECT n, g(n % 4), n % 20 + 1, '2026-03-01'::timestamp + n * interval '7 hours', n, 'x' FROM generate_series(1, 200) n;
SELECT vend.create_rollup('daily_orders',
    'SELECT garage_id, vend.local_day(at, ''Europe/Berlin'') AS day, count(*) AS orders, sum(amount) AS amount FROM shop.orders GROUP BY 1, 2',
    '{garage_id, day}', '{"shop.orders": ["garage_id", "vend.local_day(at, ''Europe/Berlin'')"]}');
-- By region, found by a look-up; a customer without one counts under NULL.
SELECT vend.create_rollup('region_orders',
    'SELECT c.region, count(*) AS orders, sum(o.amount) AS amount FROM shop.orders o JOIN shop.customers c ON c.id = o.customer GROUP BY c.region',
    '{region}', '{"shop.orders": "SELECT c.region FROM changed o JOIN shop.customers c ON c.id = o.customer", "shop.customers": ["region"]}',
    tenant_column => NULL);
CREATE FUNCTION wrong() RETURNS TABLE (daily bigint, region bigint) LANGUAGE sql AS $$
    SELECT (SELECT count(*) FROM ((TABLE vend_reports.daily_orders EXCEPT ALL TABLE vend_internal.query_daily_orders)
            UNION ALL (TABLE vend_internal.query_daily_orders EXCEPT ALL TABLE vend_reports.daily_orders)) d),
        (SELECT count(*) FROM ((TABLE vend_reports.region_orders EXCEPT ALL TABLE vend_internal.query_region_orders)
            UNION ALL (TABLE vend_internal.query_region_orders EXCEPT ALL TABLE vend_reports.region_orders)) d) $$;
CREATE VIEW pending AS SELECT rollup, is_built AS built, pending_notes AS notes, reason FROM vend.freshness WHERE rollup LIKE '%orders' ORDER BY rollup;
TABLE pending;
SELECT * FROM wrong();
SELECT rollup, keys_refreshed > 0 AS keys, rows_changed > 0 AS rows FROM vend.refresh('daily_orders') UNION ALL
SELECT rollup, keys_refreshed > 0, rows_changed > 0 FROM vend.refresh('region_orders');
TABLE pending;
SELECT * FROM wrong();

-- Every kind of write, before and after the refresh. What changes nothing leaves no note.
INSERT INTO orders VALUES (1000, g(1), 3, '2026-03-05 23:30', 10, 'midnight in Berlin'), (1001, g(9), NULL, NULL, NULL, NULL);
UPDATE orders SET note = 'y';
UPDATE orders SET amount = amount WHERE id < 50;
TABLE pending; SELECT * FROM wrong();
SELECT keys_refreshed, rows_changed FROM vend.refresh('daily_orders'); SELECT * FROM wrong();
UPDATE orders SET at = at + interval '1 day', garage_id = g(2) WHERE id < 4; SELECT * FROM wrong();
UPDATE orders SET id = 1003 - id WHERE id BETWEEN 1 AND 1; SELECT * FROM wrong();
DELETE FROM orders WHERE id IN (5, 6); SELECT * FROM wrong();
INSERT INTO orders VALUES (7, g(1), 1, '2026-04-01', 5) ON CONFLICT (id) DO UPDATE SET amount = orders.amount + 1; SELECT * FROM wrong();
INSERT INTO orders VALUES (7, g(1), 1, '2026-04-01', 5) ON CONFLICT DO NOTHING; SELECT * FROM wrong();
MERGE INTO orders o USING (VALUES (8, 1), (2000, 2)) AS v(id, amount) ON o.id = v.id
WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (v.id, g(3), 2, '2026-03-09', v.amount, 'merged'); SELECT * FROM wrong();
WITH gone AS (DELETE FROM orders WHERE id = 9 RETURNING *) INSERT INTO orders SELECT 2001, garage_id, customer, at, amount FROM gone; SELECT * FROM wrong();
COPY orders FROM stdin WITH (FORMAT csv);
3000,00000000-0000-0000-0000-000000000007,4,2026-05-01,12.5,copied
\.
SELECT * FROM wrong();
-- The customer moves: its orders do, though no order changed.
UPDATE customers SET region = 'r1' WHERE id IN (3, 5); SELECT * FROM wrong();
UPDATE customers SET name = 'renamed';
DELETE FROM customers WHERE id = 4; INSERT INTO customers VALUES (4, NULL, 'again'); SELECT * FROM wrong();
TABLE pending;
SELECT rollup, keys_refreshed > 0 AS keys FROM vend.refresh('daily_orders') UNION ALL SELECT rollup, keys_refreshed > 0 FROM vend.refresh('region_orders');
TABLE pending; SELECT * FROM wrong();
-- A note of no region says nothing of the others.
BEGIN; INSERT INTO customers VALUES (21, NULL, 'alone'); SELECT * FROM wrong(); ROLLBACK;
-- What is rolled back leaves nothing wrong, what is kept nothing out.
BEGIN;
INSERT INTO orders VALUES (4000, g(1), 1, '2026-06-01', 1);
SAVEPOINT s;
UPDATE orders SET amount = 99; SELECT * FROM wrong();
ROLLBACK TO s; SELECT * FROM wrong();
COMMIT;
TABLE pending; SELECT * FROM wrong();
BEGIN; DELETE FROM orders; SELECT * FROM wrong(); ROLLBACK; SELECT * FROM wrong();
BEGIN; TRUNCATE orders; SELECT * FROM wrong(); TABLE pending; ROLLBACK;
TABLE pending; SELECT * FROM wrong();
-- As a replica applies it: no statement fires.
SET session_replication_role = replica;
INSERT INTO orders VALUES (5000, g(1), 1, '2026-06-03', 1); UPDATE orders SET amount = 3 WHERE id = 20; UPDATE orders SET note = 'z' WHERE id = 21; DELETE FROM orders WHERE id = 22;
RESET session_replication_role;
TABLE pending; SELECT * FROM wrong();
TRUNCATE orders; TABLE pending; SELECT * FROM wrong();
SELECT keys_refreshed, rows_changed > 20 AS emptied FROM vend.refresh('daily_orders'); SELECT keys_refreshed FROM vend.refresh('region_orders'); SELECT * FROM wrong();
-- Most of it changed: computed as a whole.
INSERT INTO orders SELECT n, g(n % 40), n % 20 + 1, '2026-03-01'::timestamp + n * interval '1 hour', 1, 'x' FROM generate_series(1, 4000) n;
SELECT rollup, keys_refreshed = (SELECT count(*) FROM vend_reports.daily_orders) AS whole FROM vend.refresh('daily_orders');
-- What changes stays in its page, and the indexes as they are.
BEGIN;
UPDATE orders SET amount = 2 WHERE id % 41 = 0;
SELECT rows_changed, pg_stat_get_xact_tuples_hot_updated('vend_internal.stored_daily_orders'::regclass) AS in_their_pages FROM vend.refresh('daily_orders');
ROLLBACK; SELECT * FROM wrong();
UPDATE orders SET amount = 2; TABLE pending; SELECT rollup, keys_refreshed = rows_changed AS whole FROM vend.refresh('daily_orders'); SELECT * FROM wrong();
SELECT rollup, keys_refreshed, rows_changed FROM vend.refresh('daily_orders');

-- What was tampered with is found and mended.
SELECT count(*) AS checked FROM vend.refresh();
UPDATE vend_internal.stored_daily_orders SET amount = 0 WHERE garage_id = g(5);
DELETE FROM vend_internal.stored_daily_orders WHERE garage_id = g(6);
INSERT INTO vend_internal.stored_daily_orders VALUES (g(77), '2026-01-01', 1, 1), (NULL, NULL, 1, 1);
SELECT rollup, keys_checked > 0 AS checked, keys_wrong, keys_repaired FROM vend.verify('daily_orders');
SELECT rollup, keys_wrong > 0 AS wrong, keys_repaired > 0 AS repaired FROM vend.verify('daily_orders', 99.99999, true);
SELECT rollup, keys_wrong, keys_repaired FROM vend.verify('daily_orders', repair => true);
SELECT rollup, keys_wrong FROM vend.verify('daily_orders'); SELECT * FROM wrong();
SELECT * FROM vend.verify('nothing');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM vend.verify('daily_orders', 0);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM vend.verify('daily_orders', NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM vend.refresh('nothing');
\echo :LAST_ERROR_SQLSTATE

-- An altered source is noticed: the view goes on from the query.
ALTER TABLE orders DISABLE TRIGGER vend_note_insert;
INSERT INTO orders VALUES (6000, g(1), 1, '2026-06-03', 1);
TABLE pending; SELECT * FROM wrong();
SELECT vend.refresh('daily_orders');
\echo :LAST_ERROR_SQLSTATE
SELECT rollup FROM vend.refresh();
ALTER TABLE orders ENABLE TRIGGER vend_note_insert;
SELECT rollup, rows_changed FROM vend.refresh('daily_orders');
DROP TRIGGER vend_note_update ON orders;
UPDATE orders SET amount = 7 WHERE id = 6000; SELECT * FROM wrong();
SELECT vend.create_rollup(rollup, query, key, sources) FROM vend.rollups WHERE rollup = 'daily_orders';
SELECT rollup, keys_refreshed > 0 AS built FROM vend.refresh('daily_orders');
UPDATE orders SET amount = 8 WHERE id = 6000; TABLE pending; SELECT * FROM wrong();
ALTER TABLE orders RENAME COLUMN note TO remark; ALTER TABLE orders ADD COLUMN extra int; ALTER TABLE orders RENAME TO bookings;
INSERT INTO bookings VALUES (6001, g(1), 1, '2026-06-03', 1); SELECT * FROM wrong(); TABLE pending;
ALTER TABLE bookings RENAME TO orders;
SELECT rollup FROM vend.refresh('daily_orders');
ALTER TABLE orders RENAME COLUMN amount TO total;
INSERT INTO orders VALUES (6002, g(1), 1, '2026-06-03', 1); SELECT * FROM wrong(); TABLE pending;
ALTER TABLE orders RENAME COLUMN total TO amount; TABLE pending;
SELECT vend.create_rollup(rollup, query, key, sources) FROM vend.rollups WHERE rollup = 'daily_orders';
SELECT vend.create_rollup(rollup, query, key, sources, NULL) FROM vend.rollups WHERE rollup = 'region_orders';
SELECT rollup FROM vend.refresh('daily_orders'); INSERT INTO orders VALUES (6003, g(1), 1, '2026-06-03', 1); SELECT * FROM wrong(); TABLE pending;
ALTER TABLE orders DROP COLUMN amount;
\echo :LAST_ERROR_SQLSTATE
-- A new definition takes over in one step; what is built on the view stays.
CREATE VIEW on_top AS SELECT garage_id, sum(orders) AS orders FROM vend_reports.daily_orders GROUP BY 1;
SELECT vend.create_rollup('daily_orders', replace(query, 'sum(amount)', '2 * sum(amount)'), key, sources) FROM vend.rollups WHERE rollup = 'daily_orders';
SELECT * FROM wrong(); SELECT count(*) > 3 AS goes_on FROM on_top;
SELECT vend.create_rollup('daily_orders', query, key, sources) FROM vend.rollups WHERE rollup = 'daily_orders';
SELECT rollup, keys_refreshed > 0 AS built FROM vend.refresh('daily_orders'); SELECT * FROM wrong();
SELECT vend.drop_rollup('daily_orders');
\echo :LAST_ERROR_SQLSTATE
DROP VIEW on_top;
SELECT vend.detach();
\echo :LAST_ERROR_SQLSTATE
SELECT rollup, key, tenant_column, built_in, stored_bytes > 0 AS stored FROM vend.rollups ORDER BY rollup;
SELECT vend.drop_rollup('daily_orders');
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND tgname LIKE '%daily_orders%';
SELECT c.oid::regclass AS left_behind FROM pg_class c WHERE c.relname LIKE '%daily_orders%';
SELECT p.oid::regprocedure AS left_behind FROM pg_proc p WHERE p.proname LIKE '%daily_orders%';
SELECT vend.drop_rollup('daily_orders');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.drop_rollup('daily_revenue');
\echo :LAST_ERROR_SQLSTATE

-- What cannot be kept exact is refused.
\set VERBOSITY default
CREATE FUNCTION try(query text, key text[] = '{garage_id}', sources jsonb = '{"shop.orders": ["garage_id"]}', tenant text = 'garage_id', name text = 'tried') RETURNS text LANGUAGE plpgsql AS $$
DECLARE hint text;
BEGIN
    PERFORM vend.create_rollup(name, query, key, sources, tenant);
    PERFORM vend.drop_rollup(name);
    RETURN 'made';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN format('%s %s (%s)', SQLSTATE, SQLERRM, hint);
END $$;
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1');
SELECT try('SELECT garage_id, sum(amount) * random() FROM shop.orders GROUP BY 1');
SELECT try('SELECT garage_id, count(*) FROM shop.orders WHERE at < now() GROUP BY 1');
SELECT try('SELECT garage_id, count(*) FROM shop.orders WHERE at < CURRENT_DATE GROUP BY 1');
SELECT try('SELECT garage_id, count(*) FROM (SELECT * FROM shop.orders LIMIT 5) o GROUP BY 1');
SELECT try('SELECT garage_id, count(*) FROM shop.orders TABLESAMPLE SYSTEM (50) GROUP BY 1');
SELECT try('SELECT garage_id, array_agg(amount) FROM shop.orders GROUP BY 1');
SELECT try('SELECT garage_id, array_agg(amount ORDER BY amount) FROM shop.orders GROUP BY 1');
SELECT try('SELECT garage_id, sum(amount::float8) FROM shop.orders GROUP BY 1');
SELECT try('SELECT garage_id, max(at::timestamptz) FROM shop.orders GROUP BY 1');
SELECT try('SELECT garage_id, rank() OVER (ORDER BY sum(amount)) FROM shop.orders GROUP BY 1');
SELECT try('SELECT garage_id, amount FROM shop.orders');
SELECT try('SELECT garage_id, customer, count(*) FROM shop.orders GROUP BY 1, 2');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY garage_id, customer');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY ROLLUP (garage_id)');
SELECT try('SELECT customer, count(*) FROM shop.orders GROUP BY 1', '{customer}', '{"shop.orders": ["customer"]}');
SELECT try('SELECT garage_id, count(*), json_build_object() FROM shop.orders GROUP BY 1');
SELECT try('SELECT o.garage_id, count(*) FROM shop.orders o JOIN shop.customers c ON c.id = o.customer GROUP BY 1');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', sources => '{"shop.orders": ["garage_id"], "shop.customers": [null]}');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', sources => '{"shop.nothing": ["garage_id"]}');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', sources => '{"orders": ["garage_id"]}');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', sources => '{"shop.orders": ["garage_id", "at"]}');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', sources => '{"shop.orders": [1]}');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', sources => '{"shop.orders": 1}');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', sources => '{"shop.orders": ["(SELECT garage_id)"]}');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', sources => '{"shop.orders": ["CASE WHEN random() > 0.5 THEN garage_id END"]}');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', sources => '{"shop.orders": "SELECT garage_id, at FROM changed"}');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', sources => '{"shop.orders": "SELECT o.garage_id FROM changed JOIN shop.customers c ON c.id = changed.customer JOIN shop.orders o ON o.customer = c.id"}');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', sources => '[]');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', sources => '{}');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', '{garage_id, garage_id}');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1; DROP TABLE shop.orders');
SELECT try('DELETE FROM shop.orders RETURNING garage_id');
SELECT try('SELECT garage_id, count(*) FROM orders GROUP BY 1');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', name => 'Bad Name');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', name => 'mv_daily_revenue');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', name => 'daily_revenue');
SELECT try(NULL);
CREATE UNLOGGED TABLE fleeting (garage_id uuid); CREATE TABLE parent (garage_id uuid); CREATE TABLE child () INHERITS (parent);
SELECT try('SELECT garage_id, count(*) FROM shop.fleeting GROUP BY 1', sources => '{"shop.fleeting": ["garage_id"]}');
SELECT try('SELECT garage_id, count(*) FROM shop.parent GROUP BY 1', sources => '{"shop.parent": ["garage_id"]}');
CREATE ROLE regress_attacker;
GRANT CREATE, USAGE ON SCHEMA shop TO regress_attacker;
SET ROLE regress_attacker;
CREATE FUNCTION evil(uuid) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$ SELECT $1 $$;
SELECT vend.create_rollup('x', 'SELECT 1', '{x}', '{}');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.refresh();
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
SELECT try('SELECT shop.evil(garage_id) AS garage_id, count(*) FROM shop.orders GROUP BY 1');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', sources => '{"shop.orders": ["shop.evil(garage_id)"]}');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', sources => '{"shop.orders": "SELECT shop.evil(garage_id) AS garage_id FROM changed"}');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', sources => '{"shop.orders": {}}');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', sources => '{"shop.orders": {"keys": "SELECT garage_id FROM changed"}}');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', sources => '{"shop.orders": {"note": {"garage_id": "garage_id"}}}');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', sources => '{"shop.orders": {"note": {}, "keys": "SELECT 1 AS garage_id FROM changed"}}');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', sources => '{"shop.orders": {"note": {"garage_id": null}, "keys": "SELECT garage_id FROM changed"}}');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', sources => '{"shop.orders": {"note": {"garage_id": ["garage_id"]}, "keys": "SELECT garage_id FROM changed"}}');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', sources => '{"shop.orders": {"note": ["garage_id"], "keys": "SELECT garage_id FROM changed"}}');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', sources => '{"shop.orders": {"note": {"garage_id": "garage_id"}, "keys": ["garage_id"]}}');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', sources => '{"shop.orders": {"note": {"garage_id": "garage_id"}, "keys": "SELECT garage_id FROM changed", "key": []}}');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', sources => '{"shop.orders": {"note": {"garage_id": "nothing"}, "keys": "SELECT garage_id FROM changed"}}');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', sources => '{"shop.orders": {"note": {"garage_id": "(SELECT garage_id)"}, "keys": "SELECT garage_id FROM changed"}}');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', sources => '{"shop.orders": {"note": {"garage_id": "shop.evil(garage_id)"}, "keys": "SELECT garage_id FROM changed"}}');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', sources => '{"shop.orders": {"note": {"garage_id": "CASE WHEN random() > 0.5 THEN garage_id END"}, "keys": "SELECT garage_id FROM changed"}}');
SELECT try('SELECT garage_id, count(*) FROM shop.orders GROUP BY 1', sources => '{"shop.orders": {"note": {"garage": "garage_id"}, "keys": "SELECT garage_id FROM changed"}}');
DROP FUNCTION evil(uuid); DROP OWNED BY regress_attacker;

-- Partitions: made, attached, detached and written to by an owner who is no superuser.
CREATE ROLE regress_application;
GRANT CREATE, USAGE ON SCHEMA shop TO regress_application;
SET ROLE regress_application;
CREATE TABLE shop.visits (garage_id uuid, at date, n int) PARTITION BY RANGE (at);
CREATE TABLE shop.visits_1 PARTITION OF shop.visits FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
RESET ROLE;
SELECT vend.create_rollup('visit_days', 'SELECT garage_id, at, sum(n) AS n FROM shop.visits GROUP BY 1, 2', '{garage_id, at}', '{"shop.visits": ["garage_id", "at"]}');
SELECT rollup FROM vend.refresh('visit_days');
CREATE FUNCTION wrong_visits() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM ((TABLE vend_reports.visit_days EXCEPT ALL TABLE vend_internal.query_visit_days)
    UNION ALL (TABLE vend_internal.query_visit_days EXCEPT ALL TABLE vend_reports.visit_days)) d $$;
CREATE VIEW visits_pending AS SELECT is_built AS built, pending_notes AS notes, reason, wrong_visits() AS wrong FROM vend.freshness WHERE rollup = 'visit_days';
SET ROLE regress_application;
INSERT INTO shop.visits SELECT lpad('1', 32, '0')::uuid, '2026-01-01'::date + n, n FROM generate_series(0, 30) n;
INSERT INTO shop.visits_1 VALUES (lpad('2', 32, '0')::uuid, '2026-01-05', 5);
RESET ROLE; TABLE visits_pending;
SELECT keys_refreshed FROM vend.refresh('visit_days');
SET ROLE regress_application;
CREATE TABLE shop.visits_2 PARTITION OF shop.visits FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
RESET ROLE; TABLE visits_pending; SELECT rollup FROM vend.refresh('visit_days');
SET ROLE regress_application;
INSERT INTO shop.visits_2 VALUES (lpad('3', 32, '0')::uuid, '2026-02-05', 5);
UPDATE shop.visits SET at = '2026-02-01' WHERE at = '2026-01-02';
UPDATE shop.visits_2 SET n = 6;
RESET ROLE; TABLE visits_pending; SELECT rollup FROM vend.refresh('visit_days');
SET ROLE regress_application;
TRUNCATE shop.visits_2;
RESET ROLE; TABLE visits_pending; SELECT rollup FROM vend.refresh('visit_days');
SET ROLE regress_application;
CREATE TABLE shop.visits_3 (garage_id uuid, at date, n int);
INSERT INTO shop.visits_3 VALUES (lpad('3', 32, '0')::uuid, '2026-03-05', 5);
ALTER TABLE shop.visits ATTACH PARTITION shop.visits_3 FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
RESET ROLE; TABLE visits_pending; SELECT rollup FROM vend.refresh('visit_days'); TABLE visits_pending;
SET ROLE regress_application;
ALTER TABLE shop.visits DETACH PARTITION shop.visits_1;
RESET ROLE; TABLE visits_pending; SELECT rollup FROM vend.refresh('visit_days');
SET ROLE regress_application;
INSERT INTO shop.visits_1 VALUES (lpad('2', 32, '0')::uuid, '2026-01-05', 5);
DROP TABLE shop.visits_3;
RESET ROLE; TABLE visits_pending; SELECT rollup FROM vend.refresh('visit_days');
-- Whoever owns the source may use its trigger function; on another table it does nothing.
SET ROLE regress_application;
CREATE TABLE shop.bait (garage_id uuid, at date, n int);
CREATE TRIGGER bait AFTER INSERT ON shop.bait REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION vend.note_changes();
INSERT INTO shop.bait VALUES (NULL, NULL, 1);
RESET ROLE; TABLE visits_pending;
-- Who looks for faults locks no partition: before its table it would be the wrong order.
BEGIN;
SELECT rollup, reason FROM vend.freshness WHERE rollup = 'visit_days';
SELECT l.relation::regclass FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE l.pid = pg_backend_pid() AND c.relispartition;
COMMIT;
SET session_replication_role = replica; INSERT INTO shop.visits VALUES (lpad('3', 32, '0')::uuid, '2026-02-05', 5); RESET session_replication_role;
TABLE visits_pending; SELECT rollup FROM vend.refresh('visit_days'); TABLE visits_pending;

-- A table that inherits from a source, whose rows come without a trigger.
CREATE TABLE shop.plain (garage_id uuid, n int);
SELECT vend.create_rollup('plain_sums', 'SELECT garage_id, sum(n) AS n FROM shop.plain GROUP BY 1', '{garage_id}', '{"shop.plain": ["garage_id"]}');
INSERT INTO shop.plain VALUES (lpad('1', 32, '0')::uuid, 1);
SELECT rollup FROM vend.refresh('plain_sums');
CREATE TABLE shop.heir () INHERITS (shop.plain);
INSERT INTO shop.heir VALUES (lpad('1', 32, '0')::uuid, 41);
SELECT is_built, reason FROM vend.freshness WHERE rollup = 'plain_sums'; TABLE vend_reports.plain_sums;
SELECT vend.refresh('plain_sums');
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE shop.heir NO INHERIT shop.plain;
SELECT is_built, reason FROM vend.freshness WHERE rollup = 'plain_sums'; TABLE vend_reports.plain_sums;
SELECT rollup, rows_changed FROM vend.refresh('plain_sums'); TABLE vend_reports.plain_sums;
SELECT vend.drop_rollup('plain_sums');

-- Built a few tenants at a time: read from its query until the last, whatever changes meanwhile.
CREATE TABLE shop.sales (garage_id uuid, n int);
INSERT INTO shop.sales SELECT CASE WHEN i < 6 THEN lpad(i::text, 32, '0')::uuid END, i FROM generate_series(1, 6) AS i;
SELECT vend.create_rollup('sums', 'SELECT garage_id, sum(n) AS n FROM shop.sales GROUP BY 1', '{garage_id}', '{"shop.sales": ["garage_id"]}');
CREATE VIEW wrong_sums AS TABLE vend_reports.sums EXCEPT ALL TABLE vend_internal.query_sums
    UNION ALL (TABLE vend_internal.query_sums EXCEPT ALL TABLE vend_reports.sums);
CREATE VIEW building AS
    SELECT is_built, b.done_to, b.slice, (SELECT count(*) FROM vend_internal.stored_sums) AS stored, (SELECT count(*) FROM wrong_sums) AS wrong
    FROM vend.freshness f LEFT JOIN vend_internal.rollup_builds b ON b.rollup = f.rollup WHERE f.rollup = 'sums';
SELECT * FROM vend_internal.refresh_batch('sums', 10, in_slices => true); TABLE building;
INSERT INTO vend_internal.stale_rollups (rollup, reason) VALUES ('sums', 'to be built anew');
SELECT * FROM vend_internal.refresh_batch('sums', 10, in_slices => true); SELECT is_built, done_to, wrong FROM building;
UPDATE shop.sales SET n = n * 10 WHERE n < 3;
UPDATE shop.sales SET garage_id = lpad('9', 32, '0')::uuid WHERE n = 5;
SELECT keys_refreshed <= 2 AS as_many_as_the_slice, is_done FROM vend_internal.refresh_batch('sums', 10, in_slices => true); SELECT wrong, done_to IS NOT NULL AS goes_on FROM building;
-- What concerns every key, and came meanwhile, asks for another build.
TRUNCATE shop.sales; INSERT INTO shop.sales SELECT lpad(i::text, 32, '0')::uuid, 100 * i FROM generate_series(1, 3) AS i;
DO $$ DECLARE is_done boolean := false; BEGIN
    WHILE NOT is_done LOOP
        is_done := (SELECT b.is_done FROM vend_internal.refresh_batch('sums', 10, in_slices => true) b);
        IF EXISTS (SELECT FROM wrong_sums) THEN RAISE 'wrong'; END IF;
    END LOOP;
END $$;
TABLE building; TABLE vend_internal.stored_sums ORDER BY garage_id;
SELECT pending_notes FROM vend.freshness WHERE rollup = 'sums';
DROP VIEW building, wrong_sums;
SELECT vend.drop_rollup('sums');

-- Attaching again leaves rollups of one's own what they need.
SELECT count(*) > 0 AS attached FROM vend.attach('shop');
SELECT rollup FROM vend.refresh(); TABLE visits_pending;
SELECT vend.drop_rollup('visit_days'), vend.drop_rollup('region_orders');
SELECT vend.detach();
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'vend_internal' AND c.relname ~ '^(stored|notes|keys|dirty|query)_';
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA shop CASCADE;
DROP OWNED BY regress_application; DROP ROLE regress_attacker, regress_application;
