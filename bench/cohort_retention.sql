-- vend.cohort_retention(vend.timeline(...)), monthly closing, against the calendar join that an analyst writes, here and in DuckDB.
-- Target: at most 1/25 of plain SQL's time and 0.3 of DuckDB's; two workers or threads each.
SET max_parallel_workers_per_gather = 2;
SET jit = off;
SET work_mem = '256MB';
\ir lib/paid.sql
CREATE VIEW bench.timeline AS
SELECT cohort, period, cohort_size, retained, retained_mrr
FROM vend.cohort_retention((SELECT vend.timeline(customer, valid_from, valid_to, monthly_amount) FROM bench.paid), as_of => '2025-12-01 00:00Z');
CREATE VIEW bench.plain_sql AS
WITH member AS (
    SELECT customer, date_trunc('month', min(valid_from) AT TIME ZONE 'UTC')::date AS cohort
    FROM bench.paid WHERE valid_from < '2025-12-01 00:00Z' GROUP BY customer
),
size AS (SELECT cohort, count(*) AS cohort_size FROM member GROUP BY cohort),
kept AS (
    SELECT b.cohort, m.period AS month, count(DISTINCT p.customer) AS retained, sum(p.monthly_amount) AS retained_mrr
    FROM bench.month m
    JOIN bench.paid p ON p.valid_from < m.p1 AND (p.valid_to IS NULL OR m.p1 <= p.valid_to)
    JOIN member b ON b.customer = p.customer
    GROUP BY b.cohort, m.period
)
SELECT s.cohort, (12 * (extract(year FROM m.period) - extract(year FROM s.cohort)) + extract(month FROM m.period) - extract(month FROM s.cohort))::int AS period,
    s.cohort_size, coalesce(k.retained, 0) AS retained, coalesce(k.retained_mrr, 0) AS retained_mrr
FROM size s JOIN bench.month m ON m.period >= s.cohort
LEFT JOIN kept k ON k.cohort = s.cohort AND k.month = m.period;
INSERT INTO bench.fact VALUES ('target', 'at most 1/25 of plain SQL, at most 0.3 of DuckDB');
CALL bench.compare('{timeline, plain_sql}', 'sum(retained), sum(retained_mrr), sum(cohort_size)', 5);
