-- vend.mrr and vend.monthly_amount.
SELECT vend.mrr(a, f, t, '2026-06-01 00:00Z') FROM (VALUES (1.0, now(), now())) AS nothing(a, f, t) WHERE false;
SELECT n, note, vend.mrr(a, f, t, '2026-06-01 00:00Z')
FROM (VALUES
    (1, 'open end', 10.50, '2026-01-01'::timestamptz, NULL::timestamptz),
    (2, 'starts at the instant', 10.50, '2026-06-01 00:00Z', NULL),
    (3, 'ends at the instant', 10.50, '2026-01-01', '2026-06-01 00:00Z'),
    (4, 'no amount', NULL, '2026-01-01', NULL),
    (5, 'zero', 0, '2026-01-01', NULL),
    (6, 'negative', -5, '2026-01-01', NULL),
    (7, 'no start', 5, NULL, NULL),
    (8, 'infinite', 5, '-infinity', 'infinity'),
    (9, 'more decimals than money has', 8.3333333333333333, '2026-01-01', NULL)
) AS c(n, note, a, f, t) GROUP BY n, note ORDER BY n;
SELECT vend.mrr(5, '2026-01-01', NULL, NULL) AS no_instant;
-- [1 March, 1 June) is not in MRR at 1 June 00:00.
SELECT vend.mrr(40, '2026-03-01Z', '2026-06-01Z', '2026-05-31 23:59:59.999999Z') AS before, vend.mrr(40, '2026-03-01Z', '2026-06-01Z', '2026-06-01Z') AS at_end;
SELECT vend.mrr('NaN', '2026-01-01', NULL, now());
\echo :LAST_ERROR_SQLSTATE
SELECT vend.mrr('Infinity', '2026-01-01', NULL, now());
\echo :LAST_ERROR_SQLSTATE
SELECT vend.mrr(1e38, '2026-01-01', NULL, now()) FROM generate_series(1, 2);
\echo :LAST_ERROR_SQLSTATE
SELECT vend.mrr(1e-300, '2026-01-01', NULL, now());
\echo :LAST_ERROR_SQLSTATE

-- The oracle is a filtered sum; amounts have up to 18 decimals and 20 digits.
CREATE TABLE mrr_rows AS
SELECT n % 5 AS garage,
    CASE n % 11 WHEN 0 THEN NULL WHEN 1 THEN -1.5 WHEN 2 THEN (n * 7919 % 100000) / 7.0 WHEN 3 THEN n * 1000000000.000001
        WHEN 4 THEN round(n / 1e12, 18) WHEN 5 THEN 0.0001 * n WHEN 6 THEN 10000 * n ELSE (n * 31 % 20000) / 100.0 END AS amount,
    '2025-01-01Z'::timestamptz + n * 7919 % 9000 * interval '1 hour' AS valid_from,
    CASE WHEN n % 3 > 0 THEN '2025-01-01Z'::timestamptz + n * 104729 % 9000 * interval '1 hour' END AS valid_to
FROM generate_series(1, 20000::bigint) AS n;
ALTER TABLE mrr_rows SET (parallel_workers = 2);
ANALYZE mrr_rows;
CREATE VIEW mrr_expected AS
SELECT at, garage, coalesce(sum(amount) FILTER (WHERE amount > 0 AND valid_from <= at AND (valid_to IS NULL OR at < valid_to)), 0) AS mrr
FROM mrr_rows, generate_series('2025-01-01Z'::timestamptz, '2026-02-01Z', '5 days') at GROUP BY 1, 2;
CREATE VIEW mrr_actual AS
SELECT at, garage, vend.mrr(amount, valid_from, valid_to, at) AS mrr
FROM mrr_rows, generate_series('2025-01-01Z'::timestamptz, '2026-02-01Z', '5 days') at GROUP BY 1, 2;
SELECT count(*), count(DISTINCT mrr) > 300 AS varied FROM mrr_expected;
(TABLE mrr_expected EXCEPT ALL TABLE mrr_actual) UNION ALL (TABLE mrr_actual EXCEPT ALL TABLE mrr_expected);
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT vend.mrr(amount, valid_from, valid_to, '2025-06-01') FROM mrr_rows;
SELECT vend.mrr(amount, valid_from, valid_to, '2025-06-01Z') AS parallel FROM mrr_rows \gset
SET max_parallel_workers_per_gather = 0;
SELECT vend.mrr(amount, valid_from, valid_to, '2025-06-01Z') = :parallel AS same FROM mrr_rows;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET max_parallel_workers_per_gather;
DROP VIEW mrr_expected, mrr_actual;
DROP TABLE mrr_rows;

SELECT vend.monthly_amount(90, 'month', 3) AS quarter, vend.monthly_amount(120, 'Year', 1) AS year,
    round(vend.monthly_amount(10, 'week', 1), 6) AS week, round(vend.monthly_amount(1, 'day', 1), 6) AS day;
SELECT vend.monthly_amount(NULL, 'month', 1), vend.monthly_amount(1, NULL, 1), vend.monthly_amount(1, 'month', NULL);
-- The oracle of the whole range, before rounding.
SELECT unit, n FROM (VALUES ('month', 12), ('year', 1), ('week', 52), ('day', 365)) AS u(unit, per_year), generate_series(1, 40) AS n
WHERE vend.monthly_amount(99.99, unit, n) <> CASE unit WHEN 'month' THEN 99.99 / n WHEN 'year' THEN 99.99 / (12 * n) ELSE per_year * 99.99 / (12 * n) END;
SELECT vend.monthly_amount(10, 'fortnight', 1);
\echo :LAST_ERROR_SQLSTATE
SELECT vend.monthly_amount(10, 'month', 0);
\echo :LAST_ERROR_SQLSTATE
