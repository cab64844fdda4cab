-- What a policy asks of a row: the same as = ANY, before anything else, and by an index where there is one.
\getenv inputs PG_ABS_SRCDIR
\set plan :inputs '/sql/include/plan.sql'
\set ECHO none
\i :plan
\set ECHO all
CREATE FUNCTION pg_temp.g(n int) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$ SELECT md5(n::text)::uuid $$;
CREATE FUNCTION pg_temp.some(n int) RETURNS uuid[] LANGUAGE sql AS $$ SELECT array_agg(g ORDER BY g) FROM (SELECT pg_temp.g(i * 3) AS g FROM generate_series(1, n) i) AS s $$;
SELECT n AS garages, count(*) AS compared, count(*) FILTER (WHERE vend_internal.is_visible(g, s) IS DISTINCT FROM (g = ANY (s))) AS differing,
    count(*) FILTER (WHERE vend_internal.is_visible(g, s)) AS visible
FROM unnest('{0, 1, 2, 3, 100, 1000}'::int[]) n
CROSS JOIN LATERAL (SELECT coalesce(pg_temp.some(n), '{}') AS s OFFSET 0) AS a
CROSS JOIN LATERAL (SELECT pg_temp.g(i) AS g FROM generate_series(1, 400) i) AS b
GROUP BY n ORDER BY n;
SELECT vend_internal.is_visible(NULL, '{}') AS of_null, vend_internal.is_visible(pg_temp.g(1), NULL) AS of_nobody,
    vend_internal.is_visible(pg_temp.g(1), ARRAY[pg_temp.g(1), NULL]) AS with_null;
-- Arrays as tables keep them: with a short length, compressed, elsewhere; and another one in each call, in which a garage has another place.
CREATE TABLE pg_temp.kept AS
SELECT n, coalesce(pg_temp.some(n), '{}') AS s FROM unnest('{0, 1, 2, 100, 1000}'::int[]) n
UNION ALL
SELECT -n, array_agg(lpad(to_hex(i * 3), 32, '0')::uuid ORDER BY i) FROM unnest('{3, 1000}'::int[]) n CROSS JOIN generate_series(1, n) i GROUP BY n;
SELECT bool_or(pg_column_size(s) < 80) AS short, bool_or(pg_column_size(s) < octet_length(array_send(s)) / 4) AS compressed, bool_or(pg_column_size(s) > 16000) AS elsewhere FROM pg_temp.kept;
SELECT n, count(*) AS compared, count(*) FILTER (WHERE visible IS DISTINCT FROM (g = ANY (s))) AS differing, count(*) FILTER (WHERE visible) AS visible
FROM (
    SELECT k.n, k.s, b.g, vend_internal.is_visible(b.g, k.s) AS visible
    FROM (SELECT i, g FROM generate_series(1, 400) i CROSS JOIN LATERAL (VALUES (pg_temp.g(i)), (lpad(to_hex(i), 32, '0')::uuid)) AS v(g) OFFSET 0) AS b
    CROSS JOIN LATERAL (SELECT n, s FROM pg_temp.kept WHERE b.i IS NOT NULL OFFSET 0) AS k
) AS asked
GROUP BY n ORDER BY n;

CREATE TABLE pg_temp.readings AS SELECT pg_temp.g(i % 50) AS garage_id, i AS count FROM generate_series(1, 5000) i;
CREATE INDEX readings_garage ON pg_temp.readings (garage_id, count);
CREATE INDEX readings_hash ON pg_temp.readings USING hash (garage_id);
ANALYZE pg_temp.readings;
-- First, though what is compared beside it costs no more than an operator does, or nothing; and estimated as = ANY is.
SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off;
SELECT * FROM pg_temp.plan($q$SELECT count FROM readings WHERE count > 7 AND garage_id = '1234567890abcdef1234567890abcdef' AND vend_internal.is_visible(garage_id, (SELECT pg_temp.some(2)))$q$);
ALTER TABLE readings ENABLE ROW LEVEL SECURITY;
CREATE POLICY scope ON readings USING (vend_internal.is_visible(garage_id, (SELECT pg_temp.some(2))));
CREATE ROLE regress_reader IN ROLE vend_api; GRANT SELECT ON readings TO regress_reader; SET ROLE regress_reader;
SELECT * FROM pg_temp.plan($q$SELECT count FROM readings WHERE count IS NULL AND garage_id IS NOT NULL$q$);
RESET ROLE; DROP POLICY scope ON readings; ALTER TABLE readings DISABLE ROW LEVEL SECURITY; DROP OWNED BY regress_reader; DROP ROLE regress_reader;
CREATE FUNCTION pg_temp.rows_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
    RETURN plan -> 0 -> 'Plan' ->> 'Plan Rows';
END $$;
SELECT pg_temp.rows_of('SELECT FROM readings WHERE garage_id = ANY ((SELECT pg_temp.some(2))::uuid[])')
    = pg_temp.rows_of('SELECT FROM readings WHERE vend_internal.is_visible(garage_id, (SELECT pg_temp.some(2)))') AS same_estimate;
RESET enable_indexscan; RESET enable_bitmapscan; RESET enable_indexonlyscan;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT * FROM pg_temp.plan($q$SELECT count FROM readings WHERE vend_internal.is_visible(garage_id, (SELECT pg_temp.some(2)))$q$);
SELECT count(*) FROM readings WHERE vend_internal.is_visible(garage_id, (SELECT pg_temp.some(2)));
-- An array from a row of another table serves as well; a garage that is not the index's column does not, nor an index of another kind.
SELECT * FROM pg_temp.plan($q$SELECT FROM (SELECT pg_temp.some(2) AS garages OFFSET 0) AS s JOIN readings r ON vend_internal.is_visible(r.garage_id, s.garages)$q$);
SELECT * FROM pg_temp.plan($q$SELECT FROM readings r WHERE vend_internal.is_visible(gen_random_uuid(), ARRAY[garage_id])$q$);
DROP INDEX readings_garage;
SELECT * FROM pg_temp.plan($q$SELECT FROM readings WHERE vend_internal.is_visible(garage_id, (SELECT pg_temp.some(2)))$q$);
