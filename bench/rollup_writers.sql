-- Inserting 100,000 payments in one statement into a table whose changes are noted and into one like it.
-- Target: at most 1.15 times as long.
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
VACUUM ANALYZE;
INSERT INTO bench.fact SELECT 'input', format('%s payments into a table of %s', (SELECT count(*) FROM bench.more), (SELECT count(*) FROM platform.payments));
INSERT INTO bench.fact VALUES ('target', 'noted at most 1.15 times as long');
CREATE PROCEDURE bench.insert_into(name text, round int) LANGUAGE plpgsql AS $$
DECLARE
    started timestamptz := clock_timestamp();
BEGIN
    EXECUTE format('INSERT INTO platform.%I TABLE bench.more', name);
    INSERT INTO bench.timing SELECT name, round, 1000 * extract(epoch FROM clock_timestamp() - started) WHERE round > 0;
    COMMIT;
    EXECUTE format('DELETE FROM platform.%I WHERE id IN (SELECT id FROM bench.more)', name);
    COMMIT;
END $$;
CREATE PROCEDURE bench.insert_all() LANGUAGE plpgsql AS $$
BEGIN
    FOR round IN 0 .. 7 LOOP
        CALL bench.insert_into('payments', round);
        CALL bench.insert_into('unwatched', round);
        PERFORM vend.refresh();
        COMMIT;
    END LOOP;
END $$;
CALL bench.insert_all();
