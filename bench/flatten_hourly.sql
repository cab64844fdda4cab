-- vend.flatten_hourly(doc) against jsonb_array_elements_text(doc) WITH ORDINALITY, both as (hour, count) integers.
-- Target: at least 1.5 times as fast.
SET max_parallel_workers_per_gather = 0;
SET jit = off;

CREATE TABLE bench.documents AS
SELECT id, jsonb_agg((hashint8(24 * id + hour) & 511) ORDER BY hour) AS doc
FROM generate_series(1, 200000) AS id, generate_series(0, 23) AS hour GROUP BY id;
VACUUM ANALYZE bench.documents;

CREATE VIEW bench.flatten_hourly AS
SELECT id, f.hour, f.occupancy_count FROM bench.documents, vend.flatten_hourly(doc) AS f;
CREATE VIEW bench.jsonb_array_elements_text AS
SELECT id, (e.position - 1)::int AS hour, e.value::int AS occupancy_count
FROM bench.documents, jsonb_array_elements_text(doc) WITH ORDINALITY AS e(value, position);

INSERT INTO bench.fact
SELECT 'input', format('%s documents of 24 hours, %s (%s bytes a document)',
    count(*), pg_size_pretty(pg_relation_size('bench.documents')), round(avg(pg_column_size(doc)))) FROM bench.documents;
INSERT INTO bench.fact VALUES ('target', 'flatten_hourly at least 1.5 times as fast');
CALL bench.compare('{flatten_hourly, jsonb_array_elements_text}', 'count(id), sum(hour), sum(occupancy_count)');
