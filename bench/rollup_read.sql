-- One garage's 90 days of mv_daily_revenue with nothing dirty, with a hundredth of all keys dirty, and from the tables.
-- Targets: under a millisecond of execution; at most three times that. Executions are timed by EXPLAIN, without planning.
SET jit = off;
\ir lib/platform.sql
CALL bench.make_platform('platform', 720, 23.15, 1);
SELECT count(*) FROM vend.attach('platform', timezone => 'Europe/Berlin');
SELECT * FROM vend.refresh();
VACUUM ANALYZE;
INSERT INTO bench.fact
SELECT 'input', format('%s payments of %s garages on %s days, %s rows stored', count(*), count(DISTINCT garage_id), count(DISTINCT payment_date::date),
    (SELECT count(*) FROM vend_internal.stored_daily_revenue)) FROM platform.payments;
INSERT INTO bench.fact VALUES ('target', 'clean under 1 ms of execution, with 1% of keys dirty at most three times that');
CREATE TABLE bench.one AS SELECT id AS garage_id FROM platform.garages ORDER BY id LIMIT 1 OFFSET 150;
CREATE TABLE bench.days AS
SELECT row_number() OVER (ORDER BY md5(garage_id::text || day)) AS number, (array_agg(id))[1] AS payment
FROM (SELECT garage_id, payment_date::date AS day, id FROM platform.payments) AS p GROUP BY garage_id, day;
-- The first look after a change or a refresh finds other pages in the processor's caches than the next ones: each is looked at nine times.
CREATE PROCEDURE bench.read(contender text, relation text, round int) LANGUAGE plpgsql AS $$
DECLARE
    plan json;
    garage uuid := (SELECT garage_id FROM bench.one);
BEGIN
    FOR look IN 1 .. 9 LOOP
        EXECUTE format('EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) SELECT * FROM %s WHERE garage_id = %L', relation, garage) INTO plan;
        INSERT INTO bench.timing SELECT contender, round, (plan -> 0 ->> 'Execution Time')::float8 WHERE round > 0;
        COMMIT;
    END LOOP;
END $$;
CREATE PROCEDURE bench.read_all() LANGUAGE plpgsql AS $$
BEGIN
    FOR round IN 0 .. 7 LOOP
        CALL bench.read('nothing_dirty', 'vend_reports.mv_daily_revenue', round);
        UPDATE platform.payments SET amount = amount + 1, net_amount = net_amount + 1
        WHERE id IN (SELECT payment FROM bench.days WHERE number > round * 5000 AND number <= round * 5000 + (SELECT count(*) / 100 FROM bench.days));
        COMMIT;
        CALL bench.read('one_percent_dirty', 'vend_reports.mv_daily_revenue', round);
        CALL bench.read('plain_sql', 'bench.plain_sql', round);
        PERFORM vend.refresh();
        COMMIT;
    END LOOP;
END $$;
CREATE VIEW bench.plain_sql AS
SELECT garage_id, day, currency, sum(payments) AS payment_count, sum(amount) AS gross_revenue, sum(stripe_fee) AS total_stripe_fees, sum(platform_fee) AS total_platform_fees,
    sum(net_amount) - sum(refund) - sum(platform_fee) AS garage_profit, sum(refund) AS refunds
FROM vend_marts.payment_movements
WHERE day > vend.local_day(now(), 'Europe/Berlin') - 90
GROUP BY 1, 2, 3;
-- Where there is money, both have the same.
SELECT 1 / (count(*) = 0)::int FROM (
    SELECT r.payment_date, r.currency, r.payment_count::numeric, r.gross_revenue, r.garage_profit, r.refunds FROM vend_reports.mv_daily_revenue r JOIN bench.one USING (garage_id)
    WHERE (r.payment_count, r.refunds) <> (0, 0)
    EXCEPT ALL
    SELECT p.day, p.currency, p.payment_count, p.gross_revenue, p.garage_profit, p.refunds FROM bench.plain_sql p JOIN bench.one USING (garage_id)) AS d;
CALL bench.read_all();
