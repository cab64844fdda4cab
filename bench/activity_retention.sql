-- vend.cohort_retention(vend.activity(...)) by month against the self-join of monthly activity that an analyst writes, here and in DuckDB.
-- Target: at most 1/12 of plain SQL's time and 0.7 of DuckDB's; two workers or threads each.
SET max_parallel_workers_per_gather = 2;
SET jit = off;
SET work_mem = '256MB';
\ir lib/events.sql
CREATE VIEW bench.activity AS
SELECT cohort, period, cohort_size, retained
FROM vend.cohort_retention((SELECT vend.activity(entity, at, 'UTC') FROM bench.events));
CREATE VIEW bench.plain_sql AS
WITH active AS (SELECT DISTINCT entity, date_trunc('month', at AT TIME ZONE 'UTC')::date AS month FROM bench.events),
joined AS (SELECT entity, min(month) AS cohort FROM active GROUP BY entity),
size AS (SELECT cohort, count(*) AS cohort_size FROM joined GROUP BY cohort),
kept AS (SELECT j.cohort, a.month, count(*) AS retained FROM active a JOIN joined j USING (entity) GROUP BY j.cohort, a.month)
SELECT s.cohort, (12 * (extract(year FROM m.month) - extract(year FROM s.cohort)) + extract(month FROM m.month) - extract(month FROM s.cohort))::int AS period,
    s.cohort_size, coalesce(k.retained, 0) AS retained
FROM size s
JOIN (SELECT m::date AS month FROM generate_series((SELECT min(month) FROM active)::timestamp, (SELECT max(month) FROM active), '1 month') AS m) AS m ON m.month >= s.cohort
LEFT JOIN kept k ON k.cohort = s.cohort AND k.month = m.month;
INSERT INTO bench.fact VALUES ('target', 'at most 1/12 of plain SQL, at most 0.7 of DuckDB');
CALL bench.compare('{activity, plain_sql}', 'sum(retained), sum(cohort_size)', 5);
