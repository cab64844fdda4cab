-- vend.refresh('daily_revenue') after a change of one key in a hundred, of one key and of none, against
-- REFRESH MATERIALIZED VIEW CONCURRENTLY of the same query: as PostgreSQL plans it, and grouped by sorting, which takes longer itself but
-- less of REFRESH, which sorts what it gets.
-- Targets: 1/60, 1/500, 1/1000 of it.
SET jit = off;
SET work_mem = '256MB';
\ir lib/platform.sql
CALL bench.make_platform('platform', 720, 23.15);
SELECT count(*) FROM vend.attach('platform', timezone => 'Europe/Berlin');
SELECT * FROM vend.refresh();
VACUUM ANALYZE;
CREATE MATERIALIZED VIEW bench.materialized AS TABLE vend_internal.query_daily_revenue;
CREATE UNIQUE INDEX ON bench.materialized (garage_id, day, pass_id, currency);
ANALYZE bench.materialized;
INSERT INTO bench.fact
SELECT 'input', format('%s payments of %s garages on %s days (%s), %s rows stored', count(*), count(DISTINCT garage_id), count(DISTINCT payment_date::date),
    pg_size_pretty(pg_relation_size('platform.payments')), (SELECT count(*) FROM vend_internal.stored_daily_revenue)) FROM platform.payments;
INSERT INTO bench.fact VALUES ('target', '1% of keys 1/60, one key 1/500, none 1/1000 of REFRESH MATERIALIZED VIEW CONCURRENTLY');
CREATE TABLE bench.days AS
SELECT row_number() OVER (ORDER BY md5(garage_id::text || day)) AS number, garage_id, day, (array_agg(id))[1] AS payment
FROM (SELECT garage_id, payment_date::date AS day, id FROM platform.payments) AS p GROUP BY garage_id, day;
CREATE PROCEDURE bench.refresh_after(changed text, keys bigint, round int) LANGUAGE plpgsql AS $$
DECLARE
    started timestamptz;
BEGIN
    UPDATE platform.payments SET amount = amount + 1, net_amount = net_amount + 1
    WHERE id IN (SELECT payment FROM bench.days WHERE number > round * 5000 AND number <= round * 5000 + keys);
    COMMIT;
    started := clock_timestamp();
    PERFORM vend.refresh('daily_revenue');
    COMMIT;
    INSERT INTO bench.timing SELECT changed, round, 1000 * extract(epoch FROM clock_timestamp() - started) WHERE round > 0;
    COMMIT;
END $$;
-- What changed makes no difference to it, so it runs once a round.
CREATE PROCEDURE bench.refresh_materialized(contender text, hashed boolean, round int) LANGUAGE plpgsql AS $$
DECLARE
    started timestamptz := clock_timestamp();
    different bigint;
BEGIN
    PERFORM set_config('enable_hashagg', hashed::text, true);
    REFRESH MATERIALIZED VIEW CONCURRENTLY bench.materialized;
    COMMIT;
    INSERT INTO bench.timing SELECT contender, round, 1000 * extract(epoch FROM clock_timestamp() - started) WHERE round > 0;
    SELECT count(*) INTO different FROM ((TABLE bench.materialized EXCEPT ALL TABLE vend_internal.stored_daily_revenue)
        UNION ALL (TABLE vend_internal.stored_daily_revenue EXCEPT ALL TABLE bench.materialized)) AS d;
    IF different > 0 THEN
        RAISE EXCEPTION 'they differ in % rows', different;
    END IF;
    COMMIT;
END $$;
CREATE PROCEDURE bench.refresh_all() LANGUAGE plpgsql AS $$
DECLARE
    one_percent bigint := (SELECT count(*) / 100 FROM bench.days);
BEGIN
    FOR round IN 0 .. 5 LOOP
        CALL bench.refresh_after('one_percent_of_keys', one_percent, round);
        CALL bench.refresh_after('one_key', 1, round);
        CALL bench.refresh_after('nothing', 0, round);
        CALL bench.refresh_materialized('materialized_view', true, round);
        CALL bench.refresh_materialized('materialized_view_sorted', false, round);
    END LOOP;
END $$;
CALL bench.refresh_all();
