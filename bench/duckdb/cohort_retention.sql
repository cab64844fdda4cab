CREATE TABLE paid AS FROM read_csv('{paid}', columns = {'customer': 'UUID', 'valid_from': 'TIMESTAMP', 'valid_to': 'TIMESTAMP', 'monthly_amount': 'DECIMAL(10, 2)'});
CREATE TABLE month AS SELECT CAST(m AS DATE) AS period, m AS p0, m + INTERVAL 1 MONTH AS p1 FROM generate_series(TIMESTAMP '2023-01-01', TIMESTAMP '2025-11-01', INTERVAL 1 MONTH) AS t(m);
WITH member AS (
    SELECT customer, CAST(date_trunc('month', min(valid_from)) AS DATE) AS cohort
    FROM paid WHERE valid_from < TIMESTAMP '2025-12-01' GROUP BY customer
),
size AS (SELECT cohort, count(*) AS cohort_size FROM member GROUP BY cohort),
kept AS (
    SELECT b.cohort, m.period AS month, count(DISTINCT p.customer) AS retained, sum(p.monthly_amount) AS retained_mrr
    FROM month m
    JOIN paid p ON p.valid_from < m.p1 AND (p.valid_to IS NULL OR m.p1 <= p.valid_to)
    JOIN member b ON b.customer = p.customer
    GROUP BY b.cohort, m.period
)
SELECT s.cohort, CAST(date_diff('month', s.cohort, m.period) AS INTEGER) AS period, s.cohort_size, coalesce(k.retained, 0) AS retained, coalesce(k.retained_mrr, 0) AS retained_mrr
FROM size s JOIN month m ON m.period >= s.cohort
LEFT JOIN kept k ON k.cohort = s.cohort AND k.month = m.period
ORDER BY s.cohort, period;
