-- vend.churn_rate: NULLs, edges, errors, and a plain-SQL oracle on random rows, serial and parallel.
SELECT vend.churn_rate(NULL, NULL, '2026-01-01', '2026-02-01') AS null_start,
    vend.churn_rate('2025-12-01', NULL, NULL, '2026-02-01') AS null_period;
SELECT vend.churn_rate(f::timestamptz, t::timestamptz, '2026-01-01', '2026-02-01')
FROM (VALUES (NULL, NULL)) AS nothing(f, t) WHERE false;
-- Case by case: 0 is kept, 100 is lost, NULL was not paid at the opening.
SELECT note, vend.churn_rate(f, t, '2026-01-01 00:00Z', '2026-02-01 00:00Z')
FROM (VALUES
    (1, 'open end', '2025-12-01'::timestamptz, NULL::timestamptz),
    (2, 'infinite end', '2025-12-01', 'infinity'),
    (3, 'infinite start', '-infinity', '2026-01-15'),
    (4, 'ends at the close: churns next month', '2025-12-01', '2026-02-01 00:00Z'),
    (5, 'ends just before the close', '2025-12-01', '2026-01-31 23:59:59.999999Z'),
    (6, 'ends at the opening: still paid then', '2025-12-01', '2026-01-01 00:00Z'),
    (7, 'starts at the opening: joined this month', '2026-01-01 00:00Z', '2026-01-20'),
    (8, 'ends before it starts', '2025-12-31', '2025-12-01')
) AS c(n, note, f, t)
GROUP BY n, note ORDER BY n;
SELECT vend.churn_rate('2025-01-01', NULL, '2026-02-01', '2026-02-01');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.churn_rate('2025-01-01', NULL, '2026-02-01', '2026-01-01');
\echo :LAST_ERROR_SQLSTATE

CREATE TABLE churn_rows AS
SELECT g AS garage, '2025-01-01 00:00Z'::timestamptz + f * interval '1 hour' AS valid_from,
    CASE WHEN e > 100 THEN '2025-01-01 00:00Z'::timestamptz + (f + e - 150) * interval '1 hour' END AS valid_to
FROM (
    SELECT n % 7 AS g, (n * 7919) % 9000 AS f, (n * 104729) % 4000 AS e FROM generate_series(1, 50000::bigint) AS n
) AS r;
INSERT INTO churn_rows VALUES (99, NULL, NULL), (98, 'infinity', NULL);
ALTER TABLE churn_rows SET (parallel_workers = 2);
ANALYZE churn_rows;
CREATE VIEW churn_expected AS
SELECT p.month, r.garage,
    100 * count(*) FILTER (WHERE NOT (valid_from < p.next AND (valid_to IS NULL OR p.next <= valid_to)))::numeric
        / nullif(count(*), 0) AS rate
FROM churn_rows r,
    (SELECT m AS month, m + interval '1 month' AS next FROM generate_series('2025-01-01Z'::timestamptz, '2026-01-01Z', '1 month') m) p
WHERE valid_from < p.month AND (valid_to IS NULL OR p.month <= valid_to)
GROUP BY 1, 2;
CREATE VIEW churn_actual AS
SELECT m AS month, garage, vend.churn_rate(valid_from, valid_to, m, m + interval '1 month') AS rate
FROM churn_rows, generate_series('2025-01-01Z'::timestamptz, '2026-01-01Z', '1 month') m
GROUP BY 1, 2 HAVING vend.churn_rate(valid_from, valid_to, m, m + interval '1 month') IS NOT NULL;
SELECT count(*) > 50 AS enough FROM churn_expected;
(TABLE churn_expected EXCEPT ALL TABLE churn_actual) UNION ALL (TABLE churn_actual EXCEPT ALL TABLE churn_expected);

-- Parallel workers hand over partial states.
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT vend.churn_rate(valid_from, valid_to, '2025-06-01', '2025-07-01') FROM churn_rows;
SELECT vend.churn_rate(valid_from, valid_to, '2025-06-01 00:00Z', '2025-07-01 00:00Z') AS parallel FROM churn_rows \gset
SET max_parallel_workers_per_gather = 0;
SELECT vend.churn_rate(valid_from, valid_to, '2025-06-01 00:00Z', '2025-07-01 00:00Z') = :parallel AS same FROM churn_rows;
-- A window calls the final function for each row.
SELECT count(DISTINCT rate) > 10 AS moves FROM (
    SELECT vend.churn_rate(valid_from, valid_to, '2025-06-01Z', '2025-07-01Z') OVER (ORDER BY valid_from) AS rate
    FROM churn_rows WHERE garage = 3) w;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET max_parallel_workers_per_gather;
DROP VIEW churn_expected, churn_actual;
DROP TABLE churn_rows;
