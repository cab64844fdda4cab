CREATE TABLE events AS FROM read_csv('{events}', columns = {'entity': 'UUID', 'at': 'TIMESTAMP'});
WITH active AS (SELECT DISTINCT entity, CAST(date_trunc('month', "at") AS DATE) AS month FROM events),
joined AS (SELECT entity, min(month) AS cohort FROM active GROUP BY entity),
size AS (SELECT cohort, count(*) AS cohort_size FROM joined GROUP BY cohort),
kept AS (SELECT j.cohort, a.month, count(*) AS retained FROM active a JOIN joined j USING (entity) GROUP BY j.cohort, a.month)
SELECT s.cohort, CAST(date_diff('month', s.cohort, m.month) AS INTEGER) AS period, s.cohort_size, coalesce(k.retained, 0) AS retained
FROM size s
JOIN (SELECT DISTINCT month FROM active) AS m ON m.month >= s.cohort
LEFT JOIN kept k ON k.cohort = s.cohort AND k.month = m.month
ORDER BY s.cohort, period;
