-- Times contenders that give the same rows. A contender is a view; what is timed is reading it into `consume`,
-- aggregates that need every column, so that no contender is spared work by the planner.
CREATE SCHEMA bench;
CREATE TABLE bench.timing (contender text, round int, ms double precision);
CREATE TABLE bench.fact (name text, value text);

CREATE PROCEDURE bench.time_once(contender text, consume text, round int) LANGUAGE plpgsql AS $$
DECLARE
    started timestamptz := clock_timestamp();
    ignored record;
BEGIN
    EXECUTE format('SELECT %s FROM bench.%I', consume, contender) INTO ignored;
    INSERT INTO bench.timing
    SELECT contender, round, 1000 * extract(epoch FROM clock_timestamp() - started) WHERE round > 0;
END $$;

CREATE PROCEDURE bench.compare(contenders text[], consume text, rounds int DEFAULT 7) LANGUAGE plpgsql AS $$
DECLARE
    contender text;
    different bigint;
BEGIN
    FOREACH contender IN ARRAY contenders[2:] LOOP
        EXECUTE format('SELECT count(*) FROM ((TABLE bench.%1$I EXCEPT ALL TABLE bench.%2$I)
            UNION ALL (TABLE bench.%2$I EXCEPT ALL TABLE bench.%1$I)) AS d', contenders[1], contender) INTO different;
        IF different > 0 THEN
            RAISE EXCEPTION '% and % differ in % rows', contenders[1], contender, different;
        END IF;
    END LOOP;
    -- Interleaved, so that a slow moment of the machine meets all of them; round 0 warms up and is not kept.
    FOR round IN 0 .. rounds LOOP
        FOREACH contender IN ARRAY contenders LOOP
            CALL bench.time_once(contender, consume, round);
        END LOOP;
    END LOOP;
END $$;

-- A row for each contender, the fastest first.
CREATE VIEW bench.summary AS
WITH medians AS (
    SELECT contender, count(*) AS runs, min(ms) AS fastest, max(ms) AS slowest,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS median
    FROM bench.timing GROUP BY contender
)
SELECT contender, runs, round(median::numeric, 1) AS median_ms, round(fastest::numeric, 1) AS fastest_ms,
    round(slowest::numeric, 1) AS slowest_ms, round((median / min(median) OVER ())::numeric, 2) AS times_the_fastest
FROM medians ORDER BY median;
