-- vend.hourly_profile(vend.occupancy(...)) against grouping the flattened hours, as an analyst writes it.
-- Target: at most 1/8 of plain SQL's time; two workers each.
SET max_parallel_workers_per_gather = 2;
SET jit = off;
SET work_mem = '256MB';
-- 300 garages of 40 to 499 places over two years, and a few days more: 219,200 documents.
CREATE TABLE bench.documents AS
SELECT day, garage, (40 + garage * 7919 % 460)::int AS capacity,
    jsonb_agg((hashint8(day * 7200 + garage * 24 + hour)::bigint + 2147483648) % (40 + garage * 7919 % 460 + 10) ORDER BY hour) AS hourly
FROM generate_series(0, 219199 / 300) AS day, generate_series(1, 300::bigint) AS garage, generate_series(0, 23) AS hour
WHERE day * 300 + garage <= 219200
GROUP BY day, garage;
VACUUM ANALYZE bench.documents;
INSERT INTO bench.fact
SELECT 'input', format('%s documents of 24 hours of %s garages, %s', count(*), count(DISTINCT garage), pg_size_pretty(pg_relation_size('bench.documents'))) FROM bench.documents;
INSERT INTO bench.fact VALUES ('target', 'at most 1/8 of plain SQL');
CREATE VIEW bench.occupancy AS
SELECT hour, days, round(avg_count, 6) AS avg_count, round(avg_rate, 6) AS avg_rate, round(max_rate, 6) AS max_rate
FROM vend.hourly_profile((SELECT vend.occupancy(hourly, capacity) FROM bench.documents));
CREATE VIEW bench.plain_sql AS
SELECT hour, count(*) AS days, round(avg(count), 6) AS avg_count, round(100 * sum(count) / sum(capacity), 6) AS avg_rate, round(max(100.0 * count / capacity), 6) AS max_rate
FROM (SELECT (e.position - 1)::int AS hour, e.value::numeric AS count, capacity
    FROM bench.documents, jsonb_array_elements_text(hourly) WITH ORDINALITY AS e(value, position)) AS flat
GROUP BY hour;
CALL bench.compare('{occupancy, plain_sql}', 'sum(avg_count), sum(avg_rate), sum(max_rate)', 5);
