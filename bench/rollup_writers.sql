-- Inserting 100,000 payments in one statement into a table whose changes are noted and into one like it: those of one day, and some
-- of 720 days, of which hardly two are of one garage and hour, so that each leaves a note. Target: at most 1.15 times as long.
SET jit = off;
\ir lib/platform.sql
CALL bench.make_platform('platform', 720, 2.3, 1);
SELECT count(*) FROM vend.attach('platform', timezone => 'Europe/Berlin');
SELECT * FROM vend.refresh();
CREATE TABLE platform.unwatched (LIKE platform.payments INCLUDING ALL);
ALTER TABLE platform.unwatched ADD FOREIGN KEY (garage_id) REFERENCES platform.garages, ADD FOREIGN KEY (subscription_id) REFERENCES platform.subscriptions;
INSERT INTO platform.unwatched TABLE platform.payments;
CREATE TABLE bench.more AS
SELECT md5('more' || n)::uuid AS id, NULL::text AS intent, p.subscription_id, p.garage_id, p.amount, p.stripe_fee, p.net_amount, p.status, p.currency,
    now() AT TIME ZONE 'UTC' - n % 86400 * interval '1 second' AS payment_date, p.created_at, p.updated_at
FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM platform.payments) AS p WHERE n <= 100000;
CREATE TABLE bench.spread AS
SELECT m.id, m.intent, m.subscription_id, m.garage_id, m.amount, m.stripe_fee, m.net_amount, m.status, m.currency,
    now() AT TIME ZONE 'UTC' - random() * interval '720 days' AS payment_date, m.created_at, m.updated_at
FROM bench.more AS m;
VACUUM ANALYZE;
INSERT INTO bench.fact SELECT 'input', format('%s payments into a table of %s', (SELECT count(*) FROM bench.more), (SELECT count(*) FROM platform.payments));
INSERT INTO bench.fact VALUES ('target', 'noted at most 1.15 times as long');
CREATE PROCEDURE bench.insert_into(name text, rows text, contender text, round int) LANGUAGE plpgsql AS $$
DECLARE
    started timestamptz := clock_timestamp();
BEGIN
    EXECUTE format('INSERT INTO platform.%I TABLE bench.%I', name, rows);
    INSERT INTO bench.timing SELECT contender, round, 1000 * extract(epoch FROM clock_timestamp() - started) WHERE round > 0;
    COMMIT;
    EXECUTE format('DELETE FROM platform.%I WHERE id IN (SELECT id FROM bench.more)', name);
    COMMIT;
END $$;
CREATE PROCEDURE bench.insert_all() LANGUAGE plpgsql AS $$
BEGIN
    FOR round IN 0 .. 7 LOOP
        CALL bench.insert_into('payments', 'more', 'one day, noted', round);
        CALL bench.insert_into('unwatched', 'more', 'one day', round);
        PERFORM vend.refresh();
        COMMIT;
        CALL bench.insert_into('payments', 'spread', '720 days, noted', round);
        CALL bench.insert_into('unwatched', 'spread', '720 days', round);
        PERFORM vend.refresh();
        COMMIT;
    END LOOP;
END $$;
CALL bench.insert_all();
INSERT INTO bench.fact
SELECT 'noted', format('%s times as long of one day, %s of 720 days', of_a_day, of_more)
FROM (
    SELECT round((max(median_ms) FILTER (WHERE contender = 'one day, noted') / max(median_ms) FILTER (WHERE contender = 'one day')), 2) AS of_a_day,
        round((max(median_ms) FILTER (WHERE contender = '720 days, noted') / max(median_ms) FILTER (WHERE contender = '720 days')), 2) AS of_more
    FROM bench.summary
) AS ratios;
