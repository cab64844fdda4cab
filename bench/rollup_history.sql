-- Refreshing a thousand keys of a table with ten times the history. Target: at most 1.2 times as long.
SET jit = off;
SELECT count(*) FROM vend.create_demo('platform', garages => 1, customers_per_garage => 1, months => 1);
SELECT count(*) FROM vend.attach('platform');
CREATE PROCEDURE bench.make_history(name text, days int) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE bench.%I AS
        SELECT row_number() OVER () AS id, md5(g::text)::uuid AS garage_id, ''2024-01-01''::timestamp + d * interval ''1 day'' + p * interval ''1 hour'' AS at, (p + d)::numeric AS amount
        FROM generate_series(0, %s - 1) AS d, generate_series(1, 300) AS g, generate_series(0, 22) AS p', name, days);
    EXECUTE format('ALTER TABLE bench.%1$I ADD PRIMARY KEY (id); CREATE INDEX ON bench.%1$I (garage_id, at)', name);
    PERFORM vend.create_rollup(name, format('SELECT garage_id, vend.local_day(at, ''Europe/Berlin'') AS day, count(*) AS payments, sum(amount) AS amount
        FROM bench.%I GROUP BY 1, 2', name), '{garage_id, day}',
        jsonb_build_object('bench.' || name, jsonb_build_array('garage_id', 'vend.local_day(at, ''Europe/Berlin'')')));
    PERFORM vend.refresh(name);
END $$;
CALL bench.make_history('seventy_two_days', 72);
CALL bench.make_history('ten_times_that', 720);
VACUUM ANALYZE;
INSERT INTO bench.fact SELECT 'input', format('%s and %s payments of 300 garages', (SELECT count(*) FROM bench.seventy_two_days), (SELECT count(*) FROM bench.ten_times_that));
INSERT INTO bench.fact VALUES ('target', 'ten times the history at most 1.2 times as long');
CREATE PROCEDURE bench.refresh_thousand(name text, round int) LANGUAGE plpgsql AS $$
DECLARE
    started timestamptz;
    refreshed bigint;
BEGIN
    -- The same garages' same days of both: a thousand of the first 72.
    EXECUTE format('UPDATE bench.%I SET amount = amount + 1 WHERE (id - 1) %% 23 = 12 AND (id - 1) / 23 %% 20 = %s AND (id - 1) / 23 < 20000', name, round);
    COMMIT;
    started := clock_timestamp();
    SELECT keys_refreshed INTO refreshed FROM vend.refresh(name);
    COMMIT;
    INSERT INTO bench.timing SELECT name, round, 1000 * extract(epoch FROM clock_timestamp() - started) WHERE round > 0;
    IF refreshed <> 1000 THEN
        RAISE EXCEPTION '% keys of %', refreshed, name;
    END IF;
    COMMIT;
END $$;
CREATE PROCEDURE bench.refresh_both() LANGUAGE plpgsql AS $$
BEGIN
    FOR round IN 0 .. 7 LOOP
        CALL bench.refresh_thousand('seventy_two_days', round);
        CALL bench.refresh_thousand('ten_times_that', round);
    END LOOP;
END $$;
CALL bench.refresh_both();
SELECT 1 / (sum(keys_wrong) = 0)::int FROM vend.verify();
