CREATE TABLE paid AS FROM read_csv('{paid}', columns = {'customer': 'UUID', 'valid_from': 'TIMESTAMP', 'valid_to': 'TIMESTAMP', 'monthly_amount': 'DECIMAL(10, 2)'});
CREATE TABLE month AS SELECT m AS p0, m + INTERVAL 1 MONTH AS p1 FROM generate_series(TIMESTAMP '2023-01-01', TIMESTAMP '2025-11-01', INTERVAL 1 MONTH) AS t(m);
SELECT CAST(p0 AS DATE) AS period, sum(before) AS opening_mrr,
    sum(CASE WHEN before = 0 AND NOT earlier THEN after ELSE 0 END) AS new_mrr,
    sum(CASE WHEN before > 0 AND after > before THEN after - before ELSE 0 END) AS expansion_mrr,
    sum(CASE WHEN after > 0 AND after < before THEN before - after ELSE 0 END) AS contraction_mrr,
    sum(CASE WHEN after = 0 THEN before ELSE 0 END) AS churned_mrr,
    sum(CASE WHEN before = 0 AND earlier THEN after ELSE 0 END) AS reactivation_mrr,
    sum(after) AS closing_mrr, count(*) FILTER (WHERE before > 0) AS opening_customers, count(*) FILTER (WHERE after > 0) AS closing_customers
FROM (
    SELECT m.p0, p.customer,
        sum(CASE WHEN p.valid_from < m.p0 AND (p.valid_to IS NULL OR m.p0 <= p.valid_to) THEN p.monthly_amount ELSE 0 END) AS before,
        sum(CASE WHEN p.valid_to IS NULL OR m.p1 <= p.valid_to THEN p.monthly_amount ELSE 0 END) AS after,
        bool_or(p.valid_from < m.p0) AS earlier
    FROM month m JOIN paid p ON p.valid_from < m.p1
    GROUP BY m.p0, p.customer
) AS pairs
GROUP BY p0 ORDER BY period;
