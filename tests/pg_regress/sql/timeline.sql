-- vend.timeline and its accessors: NULLs, edges, errors, and slow plain SQL as the oracle on random rows.
\set SHOW_CONTEXT never
SET timezone = 'UTC';
-- Rows that say nothing, and what empty is.
SELECT vend.timeline(c, f, t, a) FROM (VALUES (1::bigint, now(), now(), 1.0)) AS nothing(c, f, t, a) WHERE false;
SELECT vend.timeline(c, f, t, a) = (SELECT vend.timeline(1::bigint, now(), NULL, NULL)) AS empty FROM (VALUES
    (NULL::bigint, '2026-01-01'::timestamptz, NULL::timestamptz, 5.00), (1, NULL, NULL, 5), (1, '2026-01-01', NULL, NULL), (1, '2026-01-01', NULL, 0), (1, '2026-01-01', NULL, -5),
    (1, '2026-01-02', '2026-01-01', 5), (1, '2026-01-01', '2026-01-01', 5), (1, 'infinity', NULL, 5)) AS r(c, f, t, a);
SELECT vend.timeline('Ada', '2026-01-10 00:00Z', NULL, 90.00);
SELECT vend.timeline('6b2f0f2e-0000-4000-8000-00000000000a'::uuid, '-infinity', 'infinity', 8.3333333333333333);
SELECT vend.timeline(c, f, t, a) FROM (VALUES (-7::bigint, '2026-01-10 08:00Z'::timestamptz, '2026-02-10 08:00Z'::timestamptz, 90.00), (-7, '2026-02-10 08:00Z', NULL, 110), (-7, '2026-03-01 00:00:00.5Z', '2026-04-01Z', 5.5)) AS r(c, f, t, a);
-- An interval cut in two, rows in another order, and partial summaries rolled up are the same bytes.
CREATE TABLE cut AS SELECT * FROM (VALUES (1::bigint, '2026-01-01Z'::timestamptz, '2026-05-01Z'::timestamptz, 10.0), (2, '2026-02-01Z', NULL, 20)) AS r(c, f, t, a);
CREATE TABLE halves AS SELECT * FROM (VALUES (2::bigint, '2026-02-01Z'::timestamptz, NULL::timestamptz, 20.0), (1, '2026-03-01Z', '2026-05-01Z', 10), (1, '2026-01-01Z', '2026-03-01Z', 10)) AS r(c, f, t, a);
SELECT (SELECT vend.timeline(c, f, t, a) FROM cut) = (SELECT vend.timeline(c, f, t, a) FROM halves) AS same,
    (SELECT vend.timeline(c, f, t, a) FROM cut) = (SELECT vend.rollup(part) FROM (SELECT vend.timeline(c, f, t, a) AS part FROM halves GROUP BY f) AS p) AS rolled;
SELECT vend.rollup(part) = (SELECT vend.timeline(c, f, t, a) FROM cut) AS null_parts FROM (SELECT vend.timeline(c, f, t, a) FROM cut UNION ALL SELECT NULL) AS p(part);
SELECT vend.rollup(part) FROM (SELECT vend.timeline(1::bigint, now(), NULL, 1) UNION ALL SELECT vend.timeline('1'::text, now(), NULL, 1)) AS p(part);
\echo :LAST_ERROR_SQLSTATE
-- Text and binary round trips; a table of summaries; distinct ones.
CREATE TABLE kept AS SELECT 1 AS n, vend.timeline(c, f, t, a) AS timeline FROM cut UNION ALL SELECT 2, vend.timeline(c, f, t, a) FROM halves;
SELECT bool_and(timeline::text::vend.timeline = timeline) AS text_round_trip, count(DISTINCT timeline) AS distinct FROM kept;
SELECT current_setting('data_directory') || '/vend_timeline.copy' AS file \gset
COPY kept TO :'file' (FORMAT binary);
CREATE TABLE copied (LIKE kept);
COPY copied FROM :'file' (FORMAT binary);
TABLE kept EXCEPT ALL TABLE copied;
SELECT ' {"steps":{"1":[["2026-01-01T00:00:00Z","1.5"]]},"scale":1,"customers":"bigint","version":1}'::vend.timeline;
SELECT '{"version": 1, "customers": "bigint", "scale": 0, "steps": {"1": [["2026-02-01T00:00:00Z", "1"], ["2026-01-01T00:00:00Z", "2"]]}}'::vend.timeline;
\echo :LAST_ERROR_SQLSTATE
SELECT 'nonsense'::vend.timeline;
\echo :LAST_ERROR_SQLSTATE
-- Bytes from elsewhere: none crash, none pass.
CREATE FUNCTION refused(bytes bytea) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('COPY (SELECT 1, %L::bytea) TO %L (FORMAT binary)', bytes, current_setting('data_directory') || '/vend_timeline.copy');
    EXECUTE format('COPY copied FROM %L (FORMAT binary)', current_setting('data_directory') || '/vend_timeline.copy');
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT refused(''), refused('\x02'), refused('\x01ff0000');
SELECT count(*) FILTER (WHERE answer LIKE 'XX001%') > 15 AS many_refused, count(*) FILTER (WHERE answer NOT LIKE 'XX001%' AND answer <> 'accepted') AS other_errors
FROM (SELECT refused(set_byte(timeline::bytea, at, (get_byte(timeline::bytea, at) + 77) % 256)) AS answer FROM kept, generate_series(0, length(timeline::bytea) - 1) at WHERE n = 1) AS flipped;
SELECT bool_and(timeline::text::vend.timeline = timeline) AS what_passes_is_a_timeline FROM copied;

-- Random rows: 60 customers, overlaps, gaps, open ends, amounts with one to four decimals.
CREATE TABLE paid AS
SELECT (n * 7919 % 60)::bigint AS customer, '2025-01-01Z'::timestamptz + n * 104729 % 500 * interval '1 day' + n * 31 % 5 * interval '6 hours' AS valid_from,
    CASE WHEN n % 4 > 0 THEN '2025-01-01Z'::timestamptz + n * 104729 % 500 * interval '1 day' + (n * 7 % 120 - 5) * interval '1 day' END AS valid_to,
    round((n * 271 % 900) / 7.0, 1 + n::int % 4) AS amount
FROM generate_series(1, 300::bigint) n;
ALTER TABLE paid SET (parallel_workers = 2);
SELECT vend.timeline(customer, valid_from, valid_to, amount) AS t FROM paid \gset
CREATE FUNCTION before(customer bigint, at timestamptz) RETURNS numeric STABLE LANGUAGE sql AS $$
    SELECT coalesce(sum(p.amount), 0) FROM paid p WHERE p.customer = $1 AND p.amount > 0 AND p.valid_from < $2 AND $2 <= coalesce(p.valid_to, 'infinity') $$;
CREATE FUNCTION earlier(customer bigint, at timestamptz) RETURNS bool STABLE LANGUAGE sql AS $$
    SELECT EXISTS (SELECT FROM paid p WHERE p.customer = $1 AND p.amount > 0 AND p.valid_from < $2 AND p.valid_from < coalesce(p.valid_to, 'infinity')) $$;
CREATE FUNCTION day_start(day timestamp, zone text) RETURNS timestamptz STABLE LANGUAGE sql AS $$ SELECT day AT TIME ZONE zone $$;
-- period mode, word for word, in any bucket and zone
CREATE FUNCTION movements(bucket text, zone text, as_of timestamptz) RETURNS SETOF record STABLE LANGUAGE sql AS $$
    SELECT p.day::date, sum(o), sum(c) FILTER (WHERE o = 0 AND NOT e), sum(c - o) FILTER (WHERE o > 0 AND c > o), sum(o - c) FILTER (WHERE c > 0 AND c < o), sum(o) FILTER (WHERE c = 0), sum(c) FILTER (WHERE o = 0 AND e), sum(c),
        count(*) FILTER (WHERE o > 0), count(*) FILTER (WHERE o = 0 AND c > 0 AND NOT e), count(*) FILTER (WHERE o > 0 AND c > o), count(*) FILTER (WHERE c > 0 AND c < o), count(*) FILTER (WHERE o > 0 AND c = 0), count(*) FILTER (WHERE o = 0 AND c > 0 AND e), count(*) FILTER (WHERE c > 0), p1 <= as_of
    FROM (SELECT d AS day, day_start(d, zone) AS p0, day_start(d + ('1 ' || replace(bucket, 'quarter', 'month'))::interval * CASE bucket WHEN 'quarter' THEN 3 ELSE 1 END, zone) AS p1
            FROM generate_series(date_trunc(bucket, timestamp '2025-02-10'), '2026-03-19', ('1 ' || replace(bucket, 'quarter', 'month'))::interval * CASE bucket WHEN 'quarter' THEN 3 ELSE 1 END) d) p,
        (SELECT DISTINCT customer FROM paid) c,
        LATERAL (SELECT before(c.customer, p0) AS o, before(c.customer, least(p1, as_of)) AS c, earlier(c.customer, p0) AS e) x
    WHERE p0 < as_of GROUP BY p.day, p0, p1 $$;
CREATE TABLE expected AS SELECT * FROM movements('month', 'UTC', 'infinity') AS m(period date, a numeric, b numeric, c numeric, d numeric, e numeric, f numeric, g numeric, h bigint, i bigint, j bigint, k bigint, l bigint, m bigint, n bigint, o bool) WITH NO DATA;
DO $$
DECLARE
    bucket text; zone text; as_of timestamptz; wrong bigint; rows bigint; checked int := 0;
BEGIN
    FOREACH bucket IN ARRAY '{week,month,quarter,year}'::text[] LOOP
        FOREACH zone IN ARRAY '{UTC,America/New_York,Australia/Lord_Howe}'::text[] LOOP
            FOREACH as_of IN ARRAY '{infinity,2025-11-15 12:00Z,2025-12-01 00:00Z}'::timestamptz[] LOOP
                TRUNCATE expected;
                INSERT INTO expected SELECT * FROM movements(bucket, zone, as_of) AS m(period date, a numeric, b numeric, c numeric, d numeric, e numeric, f numeric, g numeric, h bigint, i bigint, j bigint, k bigint, l bigint, m bigint, n bigint, o bool);
                UPDATE expected SET b = coalesce(b, 0), c = coalesce(c, 0), d = coalesce(d, 0), e = coalesce(e, 0), f = coalesce(f, 0);
                SELECT count(*) INTO rows FROM expected;
                SELECT count(*) INTO wrong FROM (
                    (TABLE expected EXCEPT ALL SELECT * FROM vend.mrr_movements((SELECT vend.timeline(p.customer, p.valid_from, p.valid_to, p.amount) FROM paid p), '2025-02-10', '2026-03-20', bucket, zone, 'period', as_of))
                    UNION ALL
                    (SELECT * FROM vend.mrr_movements((SELECT vend.timeline(p.customer, p.valid_from, p.valid_to, p.amount) FROM paid p), '2025-02-10', '2026-03-20', bucket, zone, 'period', as_of) EXCEPT ALL TABLE expected)) d;
                IF wrong > 0 OR rows < 1 THEN RAISE WARNING '% % %: % of % rows differ', bucket, zone, as_of, wrong, rows; END IF;
                checked := checked + 1;
            END LOOP;
        END LOOP;
    END LOOP;
    RAISE NOTICE '% combinations checked', checked;
END $$;
-- event mode: each instant at which a customer's amount changes.
WITH changes AS (
    SELECT customer, at, before(customer, at) AS o, before(customer, at + interval '1 microsecond') AS c, earlier(customer, at) AS e
    FROM (SELECT customer, valid_from AS at FROM paid UNION SELECT customer, valid_to FROM paid WHERE valid_to IS NOT NULL) i
), expected AS (
    SELECT date_trunc('month', at)::date AS period, coalesce(sum(c) FILTER (WHERE o = 0 AND NOT e), 0), coalesce(sum(c - o) FILTER (WHERE o > 0 AND c > o), 0), coalesce(sum(o - c) FILTER (WHERE c > 0 AND c < o), 0),
        coalesce(sum(o) FILTER (WHERE c = 0), 0), coalesce(sum(c) FILTER (WHERE o = 0 AND e), 0), count(*) FILTER (WHERE o = 0 AND c > 0 AND NOT e), count(*) FILTER (WHERE o > 0 AND c > o), count(*) FILTER (WHERE c > 0 AND c < o), count(*) FILTER (WHERE o > 0 AND c = 0), count(*) FILTER (WHERE o = 0 AND c > 0 AND e)
    FROM changes WHERE at >= '2025-03-01Z' AND at < '2026-02-01Z' GROUP BY 1
), actual AS (
    SELECT period, new_mrr, expansion_mrr, contraction_mrr, churned_mrr, reactivation_mrr, new_customers, expanded_customers, contracted_customers, churned_customers, reactivated_customers
    FROM vend.mrr_movements(:'t', '2025-03-01', '2026-02-01', mode => 'event', as_of => 'infinity')
)
SELECT (SELECT count(*) FROM expected) AS months, (SELECT count(*) FROM ((TABLE expected EXCEPT ALL TABLE actual) UNION ALL (TABLE actual EXCEPT ALL TABLE expected)) d) AS wrong;
-- Openings and movements are closings, closings the next openings, in both modes alike.
SELECT mode, bucket, bool_and(opening_mrr + new_mrr + expansion_mrr + reactivation_mrr - contraction_mrr - churned_mrr = closing_mrr) AS money,
    bool_and(opening_customers + new_customers + reactivated_customers - churned_customers = closing_customers) AS customers, bool_and(next IS NULL OR next = closing_mrr) AS telescopes
FROM (SELECT mode, bucket, m.*, lead(opening_mrr) OVER (PARTITION BY mode, bucket ORDER BY period) AS next
    FROM unnest('{period,event}'::text[]) mode, unnest('{day,week,month,quarter,year}'::text[]) bucket, vend.mrr_movements(:'t', '2024-12-20', '2026-08-01', bucket, 'Europe/Berlin', mode, 'infinity') m) x
GROUP BY 1, 2 ORDER BY 1, 2;

-- Instants and pairs of them.
SELECT count(*) AS instants, count(*) FILTER (WHERE vend.mrr_at(:'t', at) <> (SELECT vend.mrr(amount, valid_from, valid_to, at) FROM paid)) AS wrong_mrr,
    count(*) FILTER (WHERE vend.customers_at(:'t', at) <> (SELECT count(DISTINCT customer) FROM paid WHERE amount > 0 AND valid_from <= at AND at < coalesce(valid_to, 'infinity'))) AS wrong_customers
FROM generate_series('2025-01-01Z'::timestamptz, '2026-08-01Z', '37 hours') at;
SELECT count(*) AS pairs, count(*) FILTER (WHERE vend.net_revenue_retention(:'t', t0, t1) IS DISTINCT FROM nrr) AS nrr, count(*) FILTER (WHERE vend.gross_revenue_retention(:'t', t0, t1) IS DISTINCT FROM grr) AS grr,
    count(*) FILTER (WHERE vend.logo_churn(:'t', t0, t1) IS DISTINCT FROM churn) AS logo_churn, count(*) FILTER (WHERE round(vend.quick_ratio(:'t', t0, t1), 12) IS DISTINCT FROM round(quick, 12)) AS quick_ratio, count(*) FILTER (WHERE nrr IS NULL) > 0 AS some_null
FROM generate_series('2024-12-15Z'::timestamptz, '2026-05-01Z', '40 days') t0, LATERAL (SELECT t0 + interval '65 days' AS t1) i, LATERAL (
    SELECT 100 * sum(c) FILTER (WHERE o > 0) / nullif(sum(o), 0) AS nrr, 100 * sum(least(o, c)) FILTER (WHERE o > 0) / nullif(sum(o), 0) AS grr, 100 * count(*) FILTER (WHERE o > 0 AND c = 0)::numeric / nullif(count(*) FILTER (WHERE o > 0), 0) AS churn,
        sum(c - o) FILTER (WHERE c > o) / nullif(sum(o - c) FILTER (WHERE c < o), 0) AS quick
    FROM (SELECT before(customer, t0) AS o, before(customer, t1) AS c FROM (SELECT DISTINCT customer FROM paid) k) x) e;
SELECT vend.net_revenue_retention(:'t', '2026-01-01', '2026-01-01');
\echo :LAST_ERROR_SQLSTATE

-- Cohorts: every variant against counting customer by customer.
CREATE TABLE member AS SELECT customer, min(valid_from) AS joined, date_trunc('month', min(valid_from))::date AS cohort FROM paid WHERE amount > 0 AND valid_from < coalesce(valid_to, 'infinity') AND valid_from < '2026-02-10Z' GROUP BY 1;
CREATE TABLE stretch AS -- one amount each
SELECT customer, at AS valid_from, lead(at, 1, 'infinity') OVER (PARTITION BY customer ORDER BY at) AS valid_to, before(customer, at + interval '1 microsecond') AS amount
FROM (SELECT customer, valid_from AS at FROM paid UNION SELECT customer, valid_to FROM paid WHERE valid_to IS NOT NULL) i;
CREATE VIEW cells AS
SELECT m.*, k AS period, (m.cohort + make_interval(months => k)) AS p0, least(m.cohort + make_interval(months => k + 1), '2026-02-10') AS p1, m.cohort + make_interval(months => k + 1) <= '2026-02-10' AS complete
FROM member m, generate_series(0, 20) k WHERE m.cohort + make_interval(months => k) < '2026-02-10';
CREATE FUNCTION retained(variant text, customer bigint, joined timestamptz, p0 timestamptz, p1 timestamptz) RETURNS numeric STABLE LANGUAGE sql AS $$
    SELECT CASE variant
        WHEN 'closing' THEN before($2, p1)
        WHEN 'any' THEN coalesce((SELECT amount FROM stretch s WHERE s.customer = $2 AND s.amount > 0 AND s.valid_from < p1 AND s.valid_to > p0 ORDER BY s.valid_from DESC LIMIT 1), 0)
        ELSE CASE WHEN EXISTS (SELECT FROM stretch s WHERE s.customer = $2 AND s.amount = 0 AND s.valid_from >= joined AND s.valid_from < p1) THEN 0 ELSE before($2, p1) END
    END $$;
SELECT variant, count(*) AS cells, count(*) FILTER (WHERE (e.size, e.retained, e.mrr, e.kept, e.complete) IS DISTINCT FROM (a.cohort_size, a.retained, a.cohort_mrr, a.retained_mrr, a.is_complete)) AS wrong,
    count(*) FILTER (WHERE a.retention_rate <> 100 * a.retained::numeric / a.cohort_size OR a.revenue_retention_rate <> 100 * a.retained_mrr / a.cohort_mrr) AS wrong_rates
FROM unnest('{closing,any,continuous}'::text[]) variant, LATERAL (
    SELECT cohort, period, count(*) AS size, count(*) FILTER (WHERE kept > 0) AS retained, sum(first) AS mrr, sum(kept) AS kept, bool_and(complete) AS complete
    FROM (SELECT c.*, before(customer, joined + interval '1 microsecond') AS first, retained(variant, customer, joined, p0, p1) AS kept FROM cells c) x GROUP BY 1, 2) e
FULL JOIN LATERAL (SELECT * FROM vend.cohort_retention(:'t'::vend.timeline, 'month', 'UTC', variant, '2026-02-10Z')) a ON a.cohort = e.cohort AND a.period = e.period
GROUP BY 1 ORDER BY 1;
-- Nobody, as_of before everything, and what is not an option.
SELECT count(*) FROM vend.cohort_retention((SELECT vend.timeline(1::bigint, NULL, NULL, 1)));
SELECT count(*) FROM vend.cohort_retention(:'t'::vend.timeline, as_of => '2020-01-01');
SELECT count(*), sum(closing_mrr) FROM vend.mrr_movements((SELECT vend.timeline(1::bigint, NULL, NULL, 1)), '2026-01-01', '2026-03-01');
SELECT count(*) FROM vend.mrr_movements(:'t', '2026-01-01', '2026-01-01');
SELECT * FROM vend.mrr_movements(:'t', '2026-01-01', '2026-03-01', 'fortnight');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM vend.mrr_movements(:'t', '2026-01-01', '2026-03-01', mode => 'net');
SELECT * FROM vend.mrr_movements(:'t', '2026-01-01', '2026-03-01', timezone => 'Mars/Olympus');
SELECT * FROM vend.cohort_retention(:'t'::vend.timeline, variant => 'some');
SELECT * FROM vend.mrr_movements(:'t', '1700-01-01', '2026-03-01', 'day');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM vend.mrr_movements(:'t', '-infinity', '2026-03-01');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM vend.cohort_retention((SELECT vend.timeline(1::bigint, '-infinity', NULL, 5)));
\echo :LAST_ERROR_SQLSTATE

-- Parallel workers and one process make the same bytes.
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT vend.timeline(customer, valid_from, valid_to, amount) FROM paid;
SELECT vend.timeline(customer, valid_from, valid_to, amount) = :'t'::vend.timeline AS same FROM paid;
SELECT vend.rollup(part) = :'t'::vend.timeline AS same FROM (SELECT vend.timeline(customer, valid_from, valid_to, amount) AS part FROM paid GROUP BY customer % 7) p;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET max_parallel_workers_per_gather;
-- A window calls the final function for each row, and 200 overlapping intervals are one customer's sum.
SELECT bool_and(vend.mrr_at(t, '2026-01-01') = n) AS running FROM (SELECT n, vend.timeline(1::bigint, '2025-01-01', NULL, 1) OVER (ORDER BY n) AS t FROM generate_series(1, 200) n) w;
DROP VIEW cells;
DROP TABLE cut, halves, kept, copied, paid, expected, member, stretch;
DROP FUNCTION refused, before, earlier, day_start, movements, retained;
