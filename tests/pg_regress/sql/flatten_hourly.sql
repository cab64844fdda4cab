-- vend.flatten_hourly, both forms.
SELECT * FROM vend.flatten_hourly('[3, null, 2.5, 0]');
SELECT * FROM vend.flatten_hourly('{"7": 1, "08:00": 2, "23": null, "10": 4.4}');
SELECT * FROM vend.flatten_hourly(NULL);
SELECT * FROM vend.flatten_hourly('[]') UNION ALL SELECT * FROM vend.flatten_hourly('{}');
SELECT max(hour), count(*) FROM vend.flatten_hourly((SELECT jsonb_agg(n) FROM generate_series(1, 25) n));
SELECT * FROM vend.flatten_hourly('[7, 8, 9.5, null, 10]', 10);
SELECT * FROM vend.flatten_hourly('[7, 8]', 10, 75);
SELECT * FROM vend.flatten_hourly('[7]', 0) UNION ALL SELECT * FROM vend.flatten_hourly('[7]', NULL)
UNION ALL SELECT * FROM vend.flatten_hourly('[7]', -3) UNION ALL SELECT * FROM vend.flatten_hourly('[7]', 10, NULL);
-- 2 of 3 is 66.6... percent: a threshold is compared before the division is rounded.
SELECT is_peak_hour FROM vend.flatten_hourly('[2]', 3, 200.0 / 3) UNION ALL SELECT is_peak_hour FROM vend.flatten_hourly('[1]', 3, 33.3333333333333333);
-- Errors name the position.
SELECT * FROM vend.flatten_hourly('[1, "abc"]');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM vend.flatten_hourly('[1, 2, -0.5]');
SELECT * FROM vend.flatten_hourly('[true]');
SELECT * FROM vend.flatten_hourly('[[1]]');
SELECT * FROM vend.flatten_hourly('[{"a": 1}]');
SELECT * FROM vend.flatten_hourly('{"24": 1}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM vend.flatten_hourly('{"07": 1}');
SELECT * FROM vend.flatten_hourly('{"7": 1, "07:00": 1}');
SELECT * FROM vend.flatten_hourly('{"3": "many"}');
SELECT * FROM vend.flatten_hourly('3');
SELECT * FROM vend.flatten_hourly('null');
SELECT * FROM vend.flatten_hourly('"text"');
SELECT * FROM vend.flatten_hourly((SELECT jsonb_agg(n) FROM generate_series(1, 26) n));
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM vend.flatten_hourly('[3000000000]');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM vend.flatten_hourly('[1e50]');
SELECT * FROM vend.flatten_hourly(jsonb_build_array(repeat('x', 100)));
SELECT * FROM vend.flatten_hourly('[1, "abc"]', 10);
SELECT vend_internal.hourly_problem('[1, "abc"]'), vend_internal.hourly_problem('[1, null]');

-- The oracle: jsonb's own functions, on random documents of both shapes.
CREATE TABLE hourly AS
SELECT n AS id, CASE WHEN n % 2 = 0
    THEN (SELECT jsonb_agg(CASE WHEN (n * h) % 13 = 5 THEN NULL ELSE (n * 7919 + h * 31) % 900 / 10.0 END ORDER BY h) FROM generate_series(0, 22 + n % 3) h)
    ELSE (SELECT jsonb_object_agg(CASE WHEN n % 3 = 0 THEN h::text ELSE lpad(h::text, 2, '0') || ':00' END,
            CASE WHEN (n * h) % 13 = 5 THEN NULL ELSE (n * 104729 + h * 17) % 200 END) FROM generate_series(0, 23) h WHERE (h + n) % 5 > 0)
    END AS doc, (n % 8 - 1) * 10 AS capacity
FROM generate_series(1, 3000) n;
-- A compressed document and a short-header one are read alike.
INSERT INTO hourly SELECT 0, jsonb_agg(1000000000.25 + n * 1e-20) , 7 FROM generate_series(1, 24) n;
CREATE VIEW hourly_expected AS
SELECT id, hour, round(value)::int AS occupancy_count, capacity, CASE WHEN capacity > 0 THEN 100 * value / capacity END AS rate,
    CASE WHEN capacity > 0 THEN 100 * value / capacity >= 80 END AS is_peak
FROM (
    SELECT id, capacity, (ord - 1)::int AS hour, value::numeric FROM hourly, jsonb_array_elements_text(doc) WITH ORDINALITY a(value, ord) WHERE jsonb_typeof(doc) = 'array'
    UNION ALL
    SELECT id, capacity, replace(key, ':00', '')::int, value::numeric FROM hourly, jsonb_each_text(CASE WHEN jsonb_typeof(doc) = 'object' THEN doc END)
) e WHERE value IS NOT NULL;
CREATE VIEW hourly_actual AS SELECT id, f.* FROM hourly h, vend.flatten_hourly(h.doc, h.capacity) f;
SELECT count(*) > 50000 AS enough FROM hourly_expected;
(TABLE hourly_expected EXCEPT ALL TABLE hourly_actual) UNION ALL (TABLE hourly_actual EXCEPT ALL TABLE hourly_expected);
(SELECT id, hour, occupancy_count FROM hourly_expected EXCEPT ALL SELECT id, f.* FROM hourly h, vend.flatten_hourly(h.doc) f)
UNION ALL (SELECT id, f.* FROM hourly h, vend.flatten_hourly(h.doc) f EXCEPT ALL SELECT id, hour, occupancy_count FROM hourly_expected);
-- Hours come in order, and both forms are inlined into the query that calls them.
SELECT bool_and(hour > before) AS ordered FROM (
    SELECT f.hour, lag(f.hour) OVER (PARTITION BY h.id ORDER BY f.ordinality) AS before
    FROM hourly h, vend.flatten_hourly(h.doc) WITH ORDINALITY f) o;
EXPLAIN (COSTS OFF) SELECT * FROM hourly h, vend.flatten_hourly(h.doc) f;
EXPLAIN (COSTS OFF) SELECT * FROM hourly h, vend.flatten_hourly(h.doc, h.capacity) f;
DROP VIEW hourly_expected, hourly_actual;
DROP TABLE hourly;
