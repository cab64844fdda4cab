-- 5,000,000 events of 500,000 users over 33 months, in the order of their arrival.
CREATE TABLE bench.events AS
SELECT md5(((hashint8(n)::bigint + 2147483648) % 500000)::text)::uuid AS entity,
    timestamptz '2023-01-01 00:00Z' + n * interval '17.3 seconds' AS at
FROM generate_series(1, 5000000::bigint) AS n;
VACUUM ANALYZE bench.events;
INSERT INTO bench.fact
SELECT 'input', format('%s events of %s users from %s to %s, %s', count(*), count(DISTINCT entity), min(at)::date, max(at)::date, pg_size_pretty(pg_relation_size('bench.events')))
FROM bench.events;
