-- The trigger that notes changes: which notes there are, by whose functions they are computed, and what it is not made for.
\set SHOW_CONTEXT never
SET timezone = 'UTC';
CREATE SCHEMA kiosk;
SET search_path = kiosk;
\getenv inputs PG_ABS_SRCDIR
\set operational_tables :inputs '/sql/include/operational_tables.sql'
\i :operational_tables
ALTER TABLE garages ADD timezone text;
SELECT count(*) > 0 AS attached FROM vend.attach('kiosk');
-- Inlined, and not.
CREATE FUNCTION kiosk.week_of(at timestamp) RETURNS date LANGUAGE sql IMMUTABLE AS $$ SELECT date_trunc('week', at)::date $$;
CREATE FUNCTION kiosk.label_of(tag text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN upper(tag); END $$;
CREATE DOMAIN kiosk.short AS text CHECK (kiosk.label_of(VALUE) <> 'LONG');
CREATE TABLE kiosk.sales (id int PRIMARY KEY, at timestamp, tag text, kind kiosk.short, amount numeric, remark jsonb, old_kind int);
SELECT vend.create_rollup('weekly_sales', 'SELECT kiosk.week_of(at) AS week, kiosk.label_of(tag) AS label, sum(amount) AS amount, count(remark) AS remarks FROM kiosk.sales GROUP BY 1, 2',
    '{week, label}', '{"kiosk.sales": ["kiosk.week_of(at)", "kiosk.label_of(tag)"]}', tenant_column => NULL);
SELECT vend.create_rollup('kinds', 'SELECT greatest(kind, ''a''::text) AS kind, min(amount) AS least FROM kiosk.sales GROUP BY 1',
    '{kind}', '{"kiosk.sales": ["greatest(kind, ''a''::text)"]}', tenant_column => NULL);
-- Of no key.
SELECT vend.create_rollup('tags', 'SELECT tag, count(*) AS sales FROM kiosk.sales GROUP BY 1', '{tag}', '{"kiosk.sales": [null]}', tenant_column => NULL);
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE kiosk.names (tag text, name text);
SELECT vend.create_rollup('tags', 'SELECT t.name AS tag, count(*) AS sales FROM kiosk.sales s JOIN kiosk.names t USING (tag) GROUP BY 1', '{tag}',
    '{"kiosk.sales": [null], "kiosk.names": ["name"]}', tenant_column => NULL);
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'kiosk.sales'::regclass ORDER BY 1;
CREATE VIEW wrong AS
SELECT (SELECT count(*) FROM ((TABLE vend_reports.weekly_sales EXCEPT ALL TABLE vend_internal.query_weekly_sales)
        UNION ALL (TABLE vend_internal.query_weekly_sales EXCEPT ALL TABLE vend_reports.weekly_sales)) AS d) AS weekly,
    (SELECT count(*) FROM ((TABLE vend_reports.kinds EXCEPT ALL TABLE vend_internal.query_kinds)
        UNION ALL (TABLE vend_internal.query_kinds EXCEPT ALL TABLE vend_reports.kinds)) AS d) AS kinds,
    (SELECT count(*) FROM ((TABLE vend_reports.tags EXCEPT ALL TABLE vend_internal.query_tags)
        UNION ALL (TABLE vend_internal.query_tags EXCEPT ALL TABLE vend_reports.tags)) AS d) AS tags;
CREATE VIEW weekly_notes AS SELECT week, label FROM vend_internal.notes_weekly_sales_1 ORDER BY 1, 2;
CREATE VIEW tag_flags AS SELECT DISTINCT reason FROM vend_internal.stale_rollups WHERE rollup = 'tags';
SELECT count(*) > 0 AS refreshed FROM vend.refresh();

-- As many notes as keys, however many rows; none for what is not read; both keys of a row that moves.
INSERT INTO sales SELECT n, '2026-03-04'::timestamp + n % 3 * interval '7 days', 'tag' || n % 2, 'k' || n % 2, n, NULL FROM generate_series(1, 10000) AS n;
TABLE weekly_notes; SELECT count(*) FROM vend_internal.notes_kinds_1; TABLE tag_flags; TABLE wrong;
SELECT count(*) > 0 AS refreshed FROM vend.refresh(); TABLE wrong; TABLE weekly_notes;
UPDATE sales SET old_kind = 1, kind = kind, id = id WHERE id < 100; TABLE weekly_notes; TABLE tag_flags;
UPDATE sales SET at = at + interval '1 year' WHERE id = 1; TABLE weekly_notes; TABLE wrong;
-- Numbers that are the same are not shown the same.
SELECT count(*) > 0 AS refreshed FROM vend.refresh(); UPDATE sales SET amount = 2.00 WHERE id = 2; TABLE weekly_notes; TABLE wrong;
SELECT count(*) > 0 AS refreshed FROM vend.refresh(); UPDATE sales SET amount = amount WHERE id = 2; TABLE weekly_notes;
-- NULL to NULL is no change, to a value it is.
UPDATE sales SET remark = NULL; TABLE weekly_notes; UPDATE sales SET remark = '{}' WHERE id = 3; TABLE weekly_notes; TABLE wrong;
SELECT count(*) > 0 AS refreshed FROM vend.refresh();
-- Two rows change places: nothing that is read of them differs but the whole.
UPDATE sales SET tag = CASE id WHEN 4 THEN 'tag1' ELSE 'tag0' END, at = '2026-03-04' WHERE id IN (4, 5); TABLE wrong;
INSERT INTO sales VALUES (6, NULL, NULL, NULL, 1), (20000, NULL, NULL, NULL, 2) ON CONFLICT (id) DO UPDATE SET at = NULL, tag = NULL; TABLE wrong;
MERGE INTO sales s USING (VALUES (7, 1), (20001, 2)) AS v(id, amount) ON s.id = v.id
WHEN MATCHED THEN UPDATE SET tag = 'merged' WHEN NOT MATCHED THEN INSERT (id, at, tag) VALUES (v.id, '2026-01-01', 'tag1'); TABLE wrong;
DELETE FROM sales WHERE id BETWEEN 10 AND 20; TABLE wrong;
-- A key that is NULL and gone.
SELECT count(*) > 0 AS refreshed FROM vend.refresh(); DELETE FROM sales WHERE at IS NULL; TABLE wrong; SELECT count(*) > 0 AS refreshed FROM vend.refresh(); TABLE wrong;
-- A value too long for its page.
UPDATE sales SET tag = (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 60) AS n), remark = (SELECT jsonb_agg(md5(n::text)) FROM generate_series(1, 1000) AS n) WHERE id = 8;
TABLE wrong; SELECT count(*) > 0 AS refreshed FROM vend.refresh(); TABLE wrong;
UPDATE sales SET amount = 1 WHERE id = 8; TABLE wrong; SELECT length(label) FROM weekly_notes;
BEGIN; INSERT INTO sales VALUES (30000); SAVEPOINT s; INSERT INTO sales VALUES (30001, '2026-07-01', 'undone'); ROLLBACK TO s; TABLE wrong; COMMIT; TABLE wrong;
SELECT count(*) FROM weekly_notes WHERE label = 'UNDONE';
SELECT count(*) > 0 AS refreshed FROM vend.refresh();
TRUNCATE sales; TABLE tag_flags; TABLE wrong; SELECT count(*) > 0 AS refreshed FROM vend.refresh(); TABLE wrong;

-- Functions that are not PostgreSQL's own run with the rights of vend_owner, and find what they always find.
CREATE ROLE regress_cashier; GRANT USAGE, CREATE ON SCHEMA kiosk TO regress_cashier; GRANT INSERT, UPDATE, SELECT ON sales TO regress_cashier;
REVOKE ALL ON FUNCTION kiosk.week_of(timestamp), kiosk.label_of(text) FROM PUBLIC; GRANT EXECUTE ON FUNCTION kiosk.week_of(timestamp), kiosk.label_of(text) TO vend_owner;
ALTER DOMAIN kiosk.short DROP CONSTRAINT short_check;
SET ROLE regress_cashier;
CREATE FUNCTION kiosk.upper(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'run as %', current_user; END $$;
SET search_path = kiosk, pg_catalog;
INSERT INTO sales VALUES (1, '2026-03-04', 'tag1', 'k', 1);
SELECT current_user, current_setting('search_path');
RESET ROLE; SET search_path = kiosk; TABLE weekly_notes; TABLE wrong;
-- One that is replaced is not remembered.
SELECT count(*) > 0 AS refreshed FROM vend.refresh();
CREATE OR REPLACE FUNCTION kiosk.week_of(at timestamp) RETURNS date LANGUAGE sql IMMUTABLE AS $$ SELECT date_trunc('month', at)::date $$;
INSERT INTO sales VALUES (2, '2026-03-04', 'tag1', 'k', 1); TABLE weekly_notes;
CREATE OR REPLACE FUNCTION kiosk.week_of(at timestamp) RETURNS date LANGUAGE sql IMMUTABLE AS $$ SELECT date_trunc('week', at)::date $$;
INSERT INTO sales VALUES (3, '2026-03-04', 'tag1', 'k', 1); TABLE weekly_notes;
SELECT count(*) > 0 AS refreshed FROM vend.refresh();
-- An error in one is the writer's, and leaves nothing behind.
CREATE OR REPLACE FUNCTION kiosk.label_of(tag text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN IF tag = 'bad' THEN RAISE EXCEPTION 'bad tag'; END IF; RETURN upper(tag); END $$;
SET ROLE regress_cashier; INSERT INTO sales VALUES (4, '2026-03-04', 'bad', 'k', 1); SELECT current_user, current_setting('search_path');
DO $$ BEGIN INSERT INTO kiosk.sales VALUES (4, '2026-03-04', 'bad', 'k', 1); EXCEPTION WHEN raise_exception THEN RAISE NOTICE '% %', current_user, current_setting('search_path'); END $$;
INSERT INTO sales VALUES (5, '2026-03-04', 'good', 'k', 1); RESET ROLE; TABLE weekly_notes; TABLE wrong;
SELECT count(*) > 0 AS refreshed FROM vend.refresh();

-- What a note cannot hold any more concerns every key.
SELECT vend.create_rollup('by_old_kind', 'SELECT tag, count(*) AS sales FROM kiosk.sales GROUP BY 1', '{tag}', '{"kiosk.sales": ["left(tag, old_kind)"]}', tenant_column => NULL);
SELECT vend.create_rollup('ids', 'SELECT id % 3 AS id, count(*) AS sales FROM kiosk.sales GROUP BY 1', '{id}', '{"kiosk.sales": ["old_kind"]}', tenant_column => NULL);
SELECT rollup FROM vend.refresh('ids'); INSERT INTO sales (id, old_kind) VALUES (9, 0); SELECT rollup, reason FROM vend_internal.stale_rollups; SELECT id FROM vend_internal.notes_ids_1;
ALTER TABLE sales ALTER old_kind TYPE bigint; INSERT INTO sales (id, old_kind) VALUES (10, 1);
SELECT rollup, reason FROM vend_internal.stale_rollups WHERE rollup IN ('ids', 'by_old_kind') ORDER BY 1, 2; SELECT id FROM vend_internal.notes_ids_1;
ALTER TABLE sales ALTER old_kind TYPE int; INSERT INTO sales (id, old_kind) VALUES (100, 1); SELECT vend.refresh('ids');
SELECT vend.create_rollup(rollup, query, key, sources, NULL) FROM vend.rollups WHERE rollup = 'ids'; SELECT rollup FROM vend.refresh('ids');
-- As long as the event trigger sees it; else the trigger itself.
ALTER EVENT TRIGGER vend_watch_sources DISABLE; ALTER TABLE sales ALTER old_kind TYPE bigint; ALTER EVENT TRIGGER vend_watch_sources ENABLE;
INSERT INTO sales (id, old_kind) VALUES (101, 1);
SELECT reason FROM vend_internal.stale_rollups WHERE rollup = 'ids'; SELECT id FROM vend_internal.notes_ids_1;
SELECT vend.drop_rollup('ids');
-- So is a function that is gone.
CREATE FUNCTION kiosk.third(id int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT id % 3 $$;
SELECT vend.create_rollup('ids', 'SELECT id % 3 AS id, count(*) AS sales FROM kiosk.sales GROUP BY 1', '{id}', '{"kiosk.sales": ["kiosk.third(id)"]}', tenant_column => NULL);
SELECT rollup FROM vend.refresh('ids'); DROP FUNCTION kiosk.third(int); INSERT INTO sales (id) VALUES (102); SELECT is_built, reason FROM vend.freshness WHERE rollup = 'ids';
SELECT count(*) FROM (TABLE vend_reports.ids EXCEPT ALL TABLE vend_internal.query_ids) AS d;

-- What a session remembers of a rollup goes with the transaction that made it.
CREATE TABLE kiosk.tills (id int, n int);
BEGIN; SELECT vend.create_rollup('till_sums', 'SELECT id, sum(n) AS n FROM kiosk.tills GROUP BY 1', '{id}', '{"kiosk.tills": ["id"]}', tenant_column => NULL);
INSERT INTO tills VALUES (1, 1); SELECT id FROM vend_internal.notes_till_sums_1; ROLLBACK;
INSERT INTO tills VALUES (1, 1);
BEGIN; SELECT vend.create_rollup('till_sums', 'SELECT id, sum(n) AS n FROM kiosk.tills GROUP BY 1', '{id}', '{"kiosk.tills": ["id"]}', tenant_column => NULL);
INSERT INTO tills VALUES (2, 1); SAVEPOINT s;
SELECT vend.create_rollup('till_sums', 'SELECT n AS id, sum(id) AS n FROM kiosk.tills GROUP BY 1', '{id}', '{"kiosk.tills": ["n"]}', tenant_column => NULL);
INSERT INTO tills VALUES (3, 1); ROLLBACK TO s; INSERT INTO tills VALUES (4, 1); SELECT id FROM vend_internal.notes_till_sums_1; COMMIT;
INSERT INTO tills VALUES (5, 1); SELECT id FROM vend_internal.notes_till_sums_1; TABLE vend_reports.till_sums ORDER BY 1; SELECT vend.drop_rollup('till_sums');
INSERT INTO tills VALUES (6, 1);

-- It is looked up again after what concerns the table, or its notes, and after nothing else.
CREATE TABLE kiosk.day_tills (day date, id int, n int) PARTITION BY RANGE (day); CREATE TABLE kiosk.tills_of_may PARTITION OF kiosk.day_tills FOR VALUES FROM ('2026-05-01') TO ('2026-06-01');
SELECT vend.create_rollup('till_sums', 'SELECT id, sum(n) AS n FROM kiosk.day_tills GROUP BY 1', '{id}', '{"kiosk.day_tills": ["id"]}', tenant_column => NULL); SELECT rollup FROM vend.refresh('till_sums');
SET track_functions = 'all';
\set flush 'DO $$ BEGIN PERFORM pg_stat_force_next_flush(); END $$;'
CREATE FUNCTION looks() RETURNS bigint LANGUAGE sql AS $$ SELECT pg_stat_clear_snapshot(); SELECT calls FROM pg_stat_user_functions WHERE schemaname = 'vend_internal' AND funcname = 'followers' $$;
INSERT INTO tills_of_may VALUES ('2026-05-01', 1, 1); :flush SELECT looks() AS looks \gset
CREATE TEMP TABLE receipt (n int); CREATE TABLE kiosk.receipts (n int); ALTER TABLE kiosk.receipts ADD m int; ANALYZE kiosk.receipts; DROP TABLE receipt, kiosk.receipts;
INSERT INTO tills_of_may VALUES ('2026-05-01', 1, 1); :flush SELECT looks() - :looks AS looks;
-- What follows it now has keys of its own, or none that it could name.
SELECT vend.create_rollup('till_days', 'SELECT day, sum(n) AS n FROM kiosk.day_tills GROUP BY 1', '{day}', '{"kiosk.day_tills": ["day"]}', tenant_column => NULL);
SELECT vend.create_rollup('till_names', 'SELECT t.name, sum(n) AS n FROM kiosk.day_tills d JOIN kiosk.names t ON t.tag = d.id::text GROUP BY 1', '{name}', '{"kiosk.day_tills": [null], "kiosk.names": ["name"]}', tenant_column => NULL);
SELECT rollup FROM vend.refresh('till_days'); SELECT rollup FROM vend.refresh('till_names');
INSERT INTO tills_of_may VALUES ('2026-05-02', 2, 2); :flush SELECT looks() - :looks AS looks; SELECT day FROM vend_internal.notes_till_days_1; SELECT rollup, reason FROM vend_internal.stale_rollups WHERE rollup = 'till_names';
SELECT vend.drop_rollup('till_names'); INSERT INTO tills_of_may VALUES ('2026-05-03', 3, 3); :flush SELECT looks() - :looks AS looks; SELECT rollup FROM vend_internal.stale_rollups WHERE rollup = 'till_names';
SELECT vend.drop_rollup('till_days'); INSERT INTO tills_of_may VALUES ('2026-05-03', 3, 3); :flush SELECT looks() - :looks AS looks; SELECT id FROM vend_internal.notes_till_sums_1 ORDER BY 1; TABLE vend_reports.till_sums ORDER BY 1;
ALTER TABLE kiosk.day_tills DETACH PARTITION kiosk.tills_of_may; INSERT INTO tills_of_may VALUES ('2026-05-03', 4, 4); SELECT id FROM vend_internal.notes_till_sums_1 WHERE id = 4;
SELECT vend.drop_rollup('till_sums'); RESET track_functions; DROP FUNCTION looks(); DROP TABLE day_tills, tills_of_may;

-- The note of a single row is beside those that are indexed, unless its session has come to write far behind the start of such notes.
SELECT count(*) > 0 AS refreshed FROM vend.refresh();
CREATE VIEW places AS SELECT n.tableoid::regclass AS place, count(*) FROM vend_internal.notes_weekly_sales_1 n GROUP BY n.tableoid ORDER BY n.tableoid::regclass::text;
INSERT INTO sales VALUES (201, '2026-05-04', 'one'); INSERT INTO sales VALUES (202, '2026-05-11', 'two'), (203, '2026-05-11', 'three'); TABLE places; TABLE wrong;
UPDATE sales SET amount = 5 WHERE id = 201; UPDATE sales SET tag = 'moved' WHERE id = 201; DELETE FROM sales WHERE id = 201; UPDATE sales SET amount = 5 WHERE id = 999; TABLE places;
SET session_replication_role = replica; INSERT INTO sales VALUES (204, '2026-05-11', 'four'); RESET session_replication_role; TABLE places; TABLE wrong;
SELECT count(*) > 0 AS refreshed FROM vend.refresh(); TABLE places; TABLE wrong;
BEGIN;
INSERT INTO vend_internal.lone_notes_weekly_sales_1 SELECT '2026-03-02', repeat('x', 100) FROM generate_series(1, 80000);
INSERT INTO sales VALUES (205, '2026-05-11', 'five'); TABLE places; SELECT label FROM ONLY vend_internal.notes_weekly_sales_1;
SELECT count(*) > 0 AS refreshed FROM vend.refresh(); TABLE places; TABLE wrong;
ROLLBACK;

-- A note may hold what a SELECT over it needs, rather than columns of the row.
SELECT vend.create_rollup('labels', 'SELECT n.name, count(*) AS sales FROM kiosk.sales s JOIN kiosk.names n ON n.tag = upper(s.tag) GROUP BY 1', '{name}',
    '{"kiosk.sales": {"note": {"label": "upper(sales.tag)"}, "keys": "SELECT n.name FROM changed c JOIN kiosk.names n ON n.tag = c.label"}, "kiosk.names": ["name"]}', tenant_column => NULL);
CREATE VIEW label_notes AS SELECT label FROM vend_internal.notes_labels_2 ORDER BY 1;
INSERT INTO names VALUES ('SIX', 'Six'), ('SEVEN', 'Seven'); SELECT rollup FROM vend.refresh('labels');
INSERT INTO sales VALUES (206, '2026-05-11', 'six'); UPDATE sales SET tag = 'SIX' WHERE id = 206; UPDATE sales SET tag = 'seven' WHERE id = 206; UPDATE sales SET amount = 7 WHERE id = 206;
TABLE label_notes; TABLE vend_reports.labels;
SELECT keys_refreshed, rows_changed FROM vend.refresh('labels'); TABLE label_notes; TABLE vend_reports.labels; DROP VIEW label_notes, places; SELECT vend.drop_rollup('labels');

-- Two columns by one function.
SELECT vend.create_rollup('pairs', 'SELECT lower(tag) AS tag, lower(kind::text) AS kind, count(*) AS sales FROM kiosk.sales GROUP BY 1, 2', '{tag, kind}',
    '{"kiosk.sales": ["lower(tag)", "lower(kind::text)"]}', tenant_column => NULL);
INSERT INTO sales VALUES (207, '2026-05-11', 'Eight', 'Big'); TABLE vend_internal.keys_pairs_1;
SELECT vend.create_rollup('pairs', 'SELECT lower(tag) AS tag, lower(kind::text) AS kind, count(*) AS sales FROM kiosk.sales GROUP BY 1, 2', '{tag, kind}',
    '{"kiosk.sales": {"note": {"tag": "lower(tag)", "kind": "lower(kind::text)"}, "keys": "SELECT tag, kind FROM changed"}}', tenant_column => NULL);
DELETE FROM sales WHERE id = 207; TABLE vend_internal.keys_pairs_1; SELECT vend.drop_rollup('pairs');

-- A refund is of a day of its own, also when it is taken back.
\set id '''00000000-0000-0000-0000-000000000001'''
INSERT INTO garages (id, name, capacity, created_at, updated_at) VALUES (:id, 'One', 10, '2026-01-01', '2026-01-01');
INSERT INTO payments (id, garage_id, amount, stripe_fee, net_amount, status, currency, payment_date, created_at, updated_at)
VALUES (:id, :id, 10, 1, 9, 'succeeded', 'usd', '2026-03-04 12:00', '2026-03-04', '2026-03-04');
CREATE FUNCTION wrong_revenue() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT count(*) FROM ((TABLE vend_reports.daily_revenue EXCEPT ALL TABLE vend_internal.query_daily_revenue)
        UNION ALL (TABLE vend_internal.query_daily_revenue EXCEPT ALL TABLE vend_reports.daily_revenue)) AS d);
END $$;
SELECT rollup FROM vend.refresh('daily_revenue');
UPDATE payments SET status = ' Refunded', updated_at = '2026-03-20 12:00'; SELECT day, gross_revenue, refunds FROM vend_reports.daily_revenue ORDER BY 1; SELECT wrong_revenue();
SELECT rollup FROM vend.refresh('daily_revenue'); UPDATE payments SET updated_at = '2026-03-21 12:00'; SELECT day, gross_revenue, refunds FROM vend_reports.daily_revenue ORDER BY 1; SELECT wrong_revenue();
SELECT rollup FROM vend.refresh('daily_revenue'); UPDATE payments SET status = 'succeeded'; SELECT day, gross_revenue, refunds FROM vend_reports.daily_revenue ORDER BY 1; SELECT wrong_revenue();

-- A note is of an hour, which lies on two days where midnight is not on a whole hour.
UPDATE garages SET timezone = 'Asia/Kolkata'; SELECT rollup FROM vend.refresh('daily_revenue');
INSERT INTO payments (id, garage_id, amount, stripe_fee, net_amount, status, currency, payment_date, created_at, updated_at)
SELECT gen_random_uuid(), :id, 10, 1, 9, 'succeeded', 'usd', timestamp '2026-03-04 18:30' + n * interval '1 second', '2026-03-05', '2026-03-05' FROM generate_series(0, 999) AS n;
SELECT paid_hour, refunded_hour FROM vend_internal.notes_daily_revenue_2; SELECT day, payment_count FROM vend_reports.daily_revenue ORDER BY 1; SELECT wrong_revenue();
SELECT rollup FROM vend.refresh('daily_revenue'); DELETE FROM payments WHERE payment_date > '2026-03-04 18:00';
SELECT paid_hour, refunded_hour FROM vend_internal.notes_daily_revenue_2; SELECT day, payment_count FROM vend_reports.daily_revenue ORDER BY 1; SELECT wrong_revenue();
UPDATE garages SET timezone = NULL;

-- Rollups of our own share the note of a single row that concerns them all; whoever takes it leaves it to the others, which a refresh finds in theirs.
SELECT rollup FROM vend.refresh('daily_revenue'); SELECT rollup FROM vend.refresh('subscription_timelines');
CREATE FUNCTION shared() RETURNS TABLE (of text, place regclass, notes bigint) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT 'revenue', n.tableoid::regclass, count(*) FROM vend_internal.notes_daily_revenue_2 n GROUP BY 2
    UNION ALL SELECT 'timelines', n.tableoid::regclass, count(*) FROM vend_internal.notes_subscription_timelines_1 n GROUP BY 2 ORDER BY 1, 2;
END $$;
UPDATE payments SET amount = 11; SELECT * FROM shared();
UPDATE payments SET status = 'failed'; SELECT * FROM shared(); SELECT wrong_revenue();
INSERT INTO payments (id, garage_id, amount, stripe_fee, net_amount, status, currency, payment_date, created_at, updated_at)
SELECT gen_random_uuid(), :id, 10, 1, 9, 'succeeded', 'usd', '2026-03-05 12:00', '2026-03-05', '2026-03-05' FROM generate_series(1, 2); SELECT * FROM shared();
SELECT rollup FROM vend.refresh('daily_revenue'); SELECT * FROM shared(); SELECT wrong_revenue();
SELECT rollup FROM vend.refresh('subscription_timelines'); SELECT * FROM shared();
-- All rows of a rollup are computed at once here.
DELETE FROM payments WHERE id = :id; INSERT INTO vend_internal.stale_rollups (rollup, reason) VALUES ('subscription_timelines', 'asked for');
SELECT rollup FROM vend.refresh('subscription_timelines'); SELECT * FROM shared(); SELECT wrong_revenue();
-- One of them is made anew.
SELECT rollup FROM vend.refresh('daily_revenue'); SELECT rollup FROM vend.refresh('subscription_timelines');
DELETE FROM payments WHERE ctid = (SELECT min(ctid) FROM payments); SELECT * FROM shared();
BEGIN; SELECT vend.drop_rollup('by_old_kind'), vend.drop_rollup('ids');
UPDATE vend_internal.rollups SET query = 'an older one' WHERE name = 'daily_revenue';
SELECT count(*) > 0 AS attached FROM vend.attach('kiosk'); SELECT * FROM shared();
SELECT rollup FROM vend.refresh('daily_revenue'); DELETE FROM payments; SELECT * FROM shared(); SELECT wrong_revenue();
ROLLBACK; DELETE FROM payments; SELECT rollup FROM vend.refresh('daily_revenue'); SELECT rollup FROM vend.refresh('subscription_timelines');
DROP FUNCTION shared(), wrong_revenue(); DELETE FROM garages;

-- What does not follow from one row is refused.
SELECT vend.create_rollup('spread', 'SELECT id, count(*) AS n FROM kiosk.sales GROUP BY 1', '{id}', '{"kiosk.sales": {"note": {"id": "max(id)"}, "keys": "SELECT id FROM changed"}}', tenant_column => NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT vend.create_rollup('spread', 'SELECT id, count(*) AS n FROM kiosk.sales GROUP BY 1', '{id}', '{"kiosk.sales": ["generate_series(1, id)"]}', tenant_column => NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT vend.create_rollup('spread', 'SELECT id, count(*) AS n FROM kiosk.sales GROUP BY 1', '{id}', '{"kiosk.sales": ["max(id)"]}', tenant_column => NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT vend.create_rollup('spread', 'SELECT id, count(*) AS n FROM kiosk.sales GROUP BY 1', '{id}', '{"kiosk.sales": ["rank() OVER (ORDER BY id)::int"]}', tenant_column => NULL);
\echo :LAST_ERROR_SQLSTATE

-- Triggers made otherwise: on a table that nobody follows nothing is noted, on a source it is an error rather than a row lost.
CREATE TABLE bait (LIKE sales);
CREATE TRIGGER bait AFTER INSERT ON bait REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION vend.note_changes();
INSERT INTO bait VALUES (1); SELECT count(*) FROM bait;
CREATE TRIGGER early BEFORE INSERT ON sales FOR EACH ROW EXECUTE FUNCTION vend.note_changes();
INSERT INTO sales VALUES (11); \echo :LAST_ERROR_SQLSTATE
DROP TRIGGER early ON sales;
CREATE TRIGGER blind AFTER UPDATE ON sales FOR EACH STATEMENT EXECUTE FUNCTION vend.note_changes();
UPDATE sales SET tag = tag; \echo :LAST_ERROR_SQLSTATE
DROP TRIGGER blind ON sales;
SELECT vend.note_changes(); \echo :LAST_ERROR_SQLSTATE
-- Once more than is needed does no harm.
CREATE TRIGGER twice AFTER INSERT OR UPDATE OR DELETE ON sales FOR EACH ROW EXECUTE FUNCTION vend.note_changes();
INSERT INTO sales VALUES (12, '2026-03-04', 'tag1'); UPDATE sales SET tag = 'tag2' WHERE id = 12; TABLE weekly_notes; TABLE wrong; DELETE FROM sales WHERE id = 12; TABLE wrong;

-- The triggers go with the last rollup.
SELECT vend.drop_rollup(rollup) FROM vend.rollups WHERE rollup IN ('weekly_sales', 'kinds', 'tags', 'by_old_kind') ORDER BY rollup;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'kiosk.sales'::regclass AND tgname LIKE 'vend%'; INSERT INTO sales VALUES (13);
DROP VIEW wrong, weekly_notes, tag_flags;
SELECT vend.drop_rollup(rollup) FROM vend.rollups WHERE rollup IN ('weekly_sales', 'kinds', 'tags', 'by_old_kind', 'ids') ORDER BY rollup;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'kiosk.sales'::regclass; INSERT INTO sales VALUES (14);
SELECT vend.detach();
RESET search_path; DROP OWNED BY regress_cashier; DROP ROLE regress_cashier;
SET client_min_messages = warning; DROP SCHEMA kiosk CASCADE;
