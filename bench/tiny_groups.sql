-- A million groups of one row: vend.timeline, vend.activity and vend.occupancy against array_agg of the same values.
-- Target: at most twice the time of array_agg.
SET max_parallel_workers_per_gather = 0;
SET jit = off;
SET work_mem = '256MB';
-- One plan for all: sorted groups.
SET enable_hashagg = off;
CREATE TABLE bench.row AS
SELECT n AS id, timestamptz '2025-01-01 00:00Z' + n * interval '1 second' AS at, 12.50 AS amount, '[1, 2, 3]'::jsonb AS hourly
FROM generate_series(1, 1000000::bigint) AS n;
VACUUM ANALYZE bench.row;
INSERT INTO bench.fact VALUES ('input', '1000000 groups of one row'), ('target', 'at most twice array_agg');
CREATE VIEW bench.array_agg AS SELECT id, array_agg(hourly) IS NOT NULL AS made FROM bench.row GROUP BY id;
CREATE VIEW bench.timeline AS SELECT id, vend.timeline(id, at, NULL, amount) IS NOT NULL AS made FROM bench.row GROUP BY id;
CREATE VIEW bench.activity AS SELECT id, vend.activity(id, at, 'UTC') IS NOT NULL AS made FROM bench.row GROUP BY id;
CREATE VIEW bench.occupancy AS SELECT id, vend.occupancy(hourly, 40) IS NOT NULL AS made FROM bench.row GROUP BY id;
CALL bench.compare('{array_agg, timeline, activity, occupancy}', 'count(id), bool_and(made)', 5);
