-- 1,000,000 paid intervals of about 490,000 customers over 35 months.
CREATE TABLE bench.paid AS
SELECT md5((n * 7919 % 490000)::text)::uuid AS customer, valid_from,
    CASE WHEN n % 3 > 0 THEN valid_from + (20 + n * 31 % 300) * interval '1 day' END AS valid_to,
    (10 + n % 90 + 0.99)::numeric(10, 2) AS monthly_amount
FROM (
    SELECT n, timestamptz '2023-01-01 00:00Z' + n * 104729 % 1060 * interval '1 day' + n % 86400 * interval '1 second' AS valid_from
    FROM generate_series(1, 1000000::bigint) AS n
) AS rows;
VACUUM ANALYZE bench.paid;
INSERT INTO bench.fact
SELECT 'input', format('%s paid intervals of %s customers, %s', count(*), count(DISTINCT customer), pg_size_pretty(pg_relation_size('bench.paid')))
FROM bench.paid;
CREATE TABLE bench.month AS
SELECT m::date AS period, m AT TIME ZONE 'UTC' AS p0, (m + interval '1 month') AT TIME ZONE 'UTC' AS p1
FROM generate_series(timestamp '2023-01-01', '2025-11-01', '1 month') AS m;
ANALYZE bench.month;
