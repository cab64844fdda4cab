-- What the planner is told of has_code(a staged code, code) finds the rows whose code it is; labels of an enum that are added or
-- renamed; the indexes of refunds.
\set SHOW_CONTEXT never
\getenv inputs PG_ABS_SRCDIR
\set plan :inputs '/sql/include/plan.sql'
\set operational_tables :inputs '/sql/include/operational_tables.sql'
\set ECHO none
\i :plan
CREATE SCHEMA codes;
SET search_path = codes;
SET client_min_messages = warning;
\i :operational_tables
\set ECHO all
RESET client_min_messages;
CREATE TYPE state AS ENUM ('pending', 'succeeded', 'failed', 'refunded');
CREATE TYPE odd AS ENUM ('', ' ', 'void', 'VOID', ' Paid ');
CREATE TABLE coded AS
SELECT n, (enum_range(NULL::state) || NULL::state)[1 + n % 5] AS state, (enum_range(NULL::odd) || NULL::odd)[1 + n % 6] AS odd,
    ('{refunded, " Refunded ", REFUNDED, "", NULL, refund, "refunded\t"}'::varchar[])[1 + n % 7] AS word
FROM generate_series(1, 2100) n;
CREATE INDEX ON coded (n) WHERE state = 'refunded';
ANALYZE coded;
CREATE VIEW staged AS SELECT n, nullif(lower(btrim(state::text) COLLATE "C") COLLATE "default", '') AS state,
    nullif(lower(btrim(odd::text) COLLATE "C") COLLATE "default", '') AS odd, nullif(lower(btrim(word::text) COLLATE "C") COLLATE "default", '') AS word FROM coded;
CREATE TEMP TABLE counted AS SELECT code, count(*) FILTER (WHERE state = code) AS states, count(*) FILTER (WHERE odd = code) AS odds, count(*) FILTER (WHERE word = code) AS words
FROM staged, unnest('{refunded, void, paid, Refunded, gone, ""}'::text[]) code GROUP BY code;
CREATE TEMP VIEW asked AS
SELECT 'refunded' AS code, count(*) FILTER (WHERE vend_internal.has_code(state, 'refunded')) AS states, count(*) FILTER (WHERE vend_internal.has_code(odd, 'refunded')) AS odds, count(*) FILTER (WHERE vend_internal.has_code(word, 'refunded')) AS words FROM staged
UNION ALL SELECT 'void', count(*) FILTER (WHERE vend_internal.has_code(state, 'void')), count(*) FILTER (WHERE vend_internal.has_code(odd, 'void')), count(*) FILTER (WHERE vend_internal.has_code(word, 'void')) FROM staged
UNION ALL SELECT 'paid', count(*) FILTER (WHERE vend_internal.has_code(state, 'paid')), count(*) FILTER (WHERE vend_internal.has_code(odd, 'paid')), count(*) FILTER (WHERE vend_internal.has_code(word, 'paid')) FROM staged
UNION ALL SELECT 'Refunded', count(*) FILTER (WHERE vend_internal.has_code(state, 'Refunded')), count(*) FILTER (WHERE vend_internal.has_code(odd, 'Refunded')), count(*) FILTER (WHERE vend_internal.has_code(word, 'Refunded')) FROM staged
UNION ALL SELECT 'gone', count(*) FILTER (WHERE vend_internal.has_code(state, 'gone')), count(*) FILTER (WHERE vend_internal.has_code(odd, 'gone')), count(*) FILTER (WHERE vend_internal.has_code(word, 'gone')) FROM staged
UNION ALL SELECT '', count(*) FILTER (WHERE vend_internal.has_code(state, '')), count(*) FILTER (WHERE vend_internal.has_code(odd, '')), count(*) FILTER (WHERE vend_internal.has_code(word, '')) FROM staged;
TABLE counted ORDER BY code;
SELECT count(*) AS wrong FROM (TABLE asked EXCEPT TABLE counted) AS d;
-- By an index of that label alone; by the text where two labels are one code, or none is.
SELECT * FROM pg_temp.plan($q$SELECT n FROM staged WHERE vend_internal.has_code(state, 'refunded') AND n < 10$q$);
SELECT * FROM pg_temp.plan($q$SELECT n FROM staged WHERE vend_internal.has_code(odd, 'paid') AND n < 10$q$);
SELECT * FROM pg_temp.plan($q$SELECT n FROM staged WHERE vend_internal.has_code(odd, 'void') AND n < 10$q$);
SELECT * FROM pg_temp.plan($q$SELECT n FROM staged WHERE vend_internal.has_code(odd, 'gone') AND n < 10$q$);
SELECT * FROM pg_temp.plan($q$SELECT n FROM staged WHERE vend_internal.has_code(word, 'refunded') AND n < 10$q$);
-- Below a UNION and a GROUP BY; not before it is known what the column stands for; as a value; NULL.
SELECT * FROM pg_temp.plan($q$SELECT count FROM (SELECT state, n, count(*) FROM (TABLE staged UNION ALL TABLE staged) AS u GROUP BY 1, 2) AS g WHERE vend_internal.has_code(state, 'refunded') AND n = 4$q$);
SELECT count(*) FROM (SELECT DISTINCT ON (n) n, state FROM staged ORDER BY n) AS d WHERE vend_internal.has_code(state, 'refunded');
CREATE TEMP TABLE called AS SELECT vend_internal.has_code(state, lower(w)) AS has FROM staged, unnest('{REFUNDED, NULL}'::text[]) w;
SELECT has, count(*) FROM called GROUP BY has ORDER BY has;

-- Refunds are found by an index of nothing else, if their status is an enum.
INSERT INTO garages (id, name, capacity, created_at, updated_at) VALUES ('00000000-0000-0000-0000-000000000001', 'One', 10, '2026-01-01', '2026-01-01');
DROP INDEX payments_garage_id_updated_at_idx;
SELECT problem, hint FROM vend.check_source('codes') WHERE problem ~ 'refunds';
ALTER TABLE payments ALTER status TYPE state USING status::state;
SELECT problem, hint FROM vend.check_source('codes') WHERE problem ~ 'refunds';
CREATE INDEX others ON payments (garage_id, updated_at) WHERE status <> 'refunded'; SELECT problem FROM vend.check_source('codes') WHERE problem ~ 'refunds';
CREATE INDEX wide ON payments (garage_id, updated_at); SELECT problem FROM vend.check_source('codes') WHERE problem ~ 'refunds';
DROP INDEX others, wide;
SELECT count(*) > 0 AS attached FROM vend.attach('codes', create_indexes => true);
SELECT problem FROM vend.check_source('codes') WHERE problem ~ 'index';
SELECT indexdef FROM pg_indexes WHERE schemaname = 'codes' AND tablename = 'payments' AND indexname ~ 'updated' ORDER BY indexdef;
SELECT rollup FROM vend.refresh() ORDER BY rollup;
INSERT INTO payments (id, garage_id, amount, stripe_fee, net_amount, status, currency, payment_date, created_at, updated_at)
SELECT gen_random_uuid(), '00000000-0000-0000-0000-000000000001', 10 + n, 1, 9 + n, (enum_range(NULL::state))[1 + n % 4], 'usd', timestamp '2026-03-01' + n * interval '1 hour', now(), timestamp '2026-03-05' + n * interval '1 hour'
FROM generate_series(1, 200) n;
ANALYZE payments;
SET enable_seqscan = off;
SELECT btrim(plan) AS plan FROM pg_temp.plan($q$SELECT q.* FROM (VALUES ('00000000-0000-0000-0000-000000000001'::uuid, '2026-03-09'::date)) AS d(garage_id, day),
    LATERAL (SELECT * FROM vend_internal.query_daily_revenue q WHERE q.garage_id = d.garage_id AND vend_internal.same_day(q.day, d.day) OFFSET 0) AS q$q$) WHERE plan ~ 'updated_at_idx';
RESET enable_seqscan;
SELECT count(*) AS wrong FROM ((SELECT day, sum(refunds) FROM vend_reports.daily_revenue GROUP BY 1 HAVING sum(refunds) > 0)
    EXCEPT (SELECT updated_at::date, sum(amount) FROM payments WHERE status = 'refunded' GROUP BY 1)) AS d;
-- A label that is added, or renamed, is another code: what was planned and stored before is not used any more.
SELECT rollup FROM vend.refresh('daily_revenue');
SET plan_cache_mode = force_generic_plan;
PREPARE sums AS SELECT sum(payment_count) AS payments, sum(gross_revenue) AS gross, sum(refunds) AS refunds FROM vend_reports.daily_revenue;
PREPARE live AS SELECT sum(payment_count) AS payments, sum(gross_revenue) AS gross, sum(refunds) AS refunds FROM vend_internal.query_daily_revenue;
EXECUTE sums; EXECUTE live;
ALTER TYPE state ADD VALUE 'Refunded';
UPDATE payments SET status = 'Refunded' WHERE status = 'pending';
EXECUTE sums; EXECUTE live;
SELECT reason FROM vend_internal.stale_rollups WHERE rollup = 'daily_revenue';
SELECT rollup FROM vend.refresh('daily_revenue'); EXECUTE sums;
ALTER TYPE state RENAME VALUE 'failed' TO 'Succeeded';
EXECUTE sums; EXECUTE live;
SELECT rollup FROM vend.refresh('daily_revenue'); EXECUTE sums;
BEGIN; ALTER TYPE state RENAME VALUE 'refunded' TO 'returned'; EXECUTE sums; EXECUTE live; ROLLBACK;
EXECUTE sums; EXECUTE live;
SELECT count(*) AS wrong FROM (TABLE vend_internal.query_daily_revenue EXCEPT TABLE vend_internal.stored_daily_revenue) AS d;
-- Of a type that no rollup reads, nothing is marked.
ALTER TYPE odd ADD VALUE 'new'; SELECT count(*) FROM vend_internal.stale_rollups;
SELECT problem, hint FROM vend.check_source('codes') WHERE problem ~ 'refunds';
DEALLOCATE ALL;
RESET plan_cache_mode;
-- Nor what a writer to a partition remembers.
SELECT vend.detach();
ALTER TYPE state RENAME VALUE 'Refunded' TO 'void';
ALTER TABLE payments RENAME TO payments_of_2026; CREATE TABLE payments (LIKE payments_of_2026) PARTITION BY RANGE (payment_date);
ALTER TABLE payments ATTACH PARTITION payments_of_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
SELECT count(*) > 0 AS attached FROM vend.attach('codes'); SELECT count(*) > 0 AS refreshed FROM vend.refresh();
CREATE VIEW wrong AS SELECT count(*) AS wrong FROM ((TABLE vend_reports.daily_revenue EXCEPT TABLE vend_internal.query_daily_revenue) UNION ALL (TABLE vend_internal.query_daily_revenue EXCEPT TABLE vend_reports.daily_revenue)) AS d;
CREATE TEMP TABLE two AS SELECT id FROM payments WHERE status = 'succeeded' ORDER BY id LIMIT 2;
UPDATE payments_of_2026 SET status = 'refunded', updated_at = '2026-06-01' WHERE id = (SELECT min(id::text)::uuid FROM two); TABLE wrong; SELECT count(*) > 0 AS refreshed FROM vend.refresh(); TABLE wrong;
ALTER TYPE state RENAME VALUE 'refunded' TO 'returned'; ALTER TYPE state RENAME VALUE 'void' TO 'refunded'; SELECT count(*) > 0 AS refreshed FROM vend.refresh(); TABLE wrong;
UPDATE payments_of_2026 SET status = 'refunded', updated_at = '2026-06-02' WHERE id = (SELECT max(id::text)::uuid FROM two); TABLE wrong; SELECT day, refunds > 0 AS refunded FROM vend_reports.daily_revenue WHERE day = '2026-06-02';
DROP VIEW wrong;
SELECT vend.detach();
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA codes CASCADE;
