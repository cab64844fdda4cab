-- What it costs to say who one is: a transaction that sets the user and asks for the garages, less one that does neither, and the same
-- with a mapped login. Target: under 0.3 ms. A token is timed by one that expired: its signature is verified all the same, and the
-- error is caught. A throw-away key signed it.
SET jit = off;
ALTER SYSTEM SET vend_analytics.token_public_key = 'MCowBQYDK2VwAyEA6J6rBrAg+TL+pLvKcVnYmiC/gldd8sCeP2z3wRbE2+0=';
SELECT pg_reload_conf();
SELECT count(*) FROM vend.create_demo('platform', garages => 500, customers_per_garage => 2, months => 1, seed => 1);
SELECT count(*) FROM vend.attach('platform');
ANALYZE;
INSERT INTO bench.fact
SELECT 'input', format('%s users, %s garages, %s assignments', (SELECT count(*) FROM platform.users), (SELECT count(*) FROM platform.garages), count(*)) FROM platform.garage_admins;
INSERT INTO bench.fact VALUES ('target', 'a user''s transactions less empty ones, under 300 (0.3 ms each)');
INSERT INTO bench.fact VALUES ('unit', 'milliseconds for 1000 transactions');
CREATE TABLE bench.who AS
SELECT (SELECT user_id FROM platform.garage_admins GROUP BY 1 ORDER BY count(*), 1 LIMIT 1) AS one,
    (SELECT id FROM platform.users WHERE role = 'super_admin' ORDER BY id LIMIT 1) AS super;
CREATE PROCEDURE bench.transactions(contender text, round int, who uuid, asks boolean) LANGUAGE plpgsql AS $$
DECLARE
    started timestamptz;
    seen uuid[];
BEGIN
    started := clock_timestamp();
    FOR n IN 1 .. 1000 LOOP
        IF who IS NOT NULL THEN
            PERFORM set_config('app.current_user_id', who::text, true);
        END IF;
        IF asks THEN
            seen := (SELECT vend.visible_garages());
        END IF;
        COMMIT;
    END LOOP;
    INSERT INTO bench.timing SELECT contender, round, extract(epoch FROM clock_timestamp() - started) * 1000 WHERE round > 0;
    COMMIT;
END $$;
CREATE PROCEDURE bench.tokens(contender text, round int, token text) LANGUAGE plpgsql AS $$
DECLARE
    started timestamptz;
BEGIN
    started := clock_timestamp();
    FOR n IN 1 .. 1000 LOOP
        BEGIN
            PERFORM vend.sign_in(token);
        EXCEPTION WHEN invalid_authorization_specification THEN
            NULL;
        END;
        COMMIT;
    END LOOP;
    INSERT INTO bench.timing SELECT contender, round, extract(epoch FROM clock_timestamp() - started) * 1000 WHERE round > 0;
    COMMIT;
END $$;
CREATE PROCEDURE bench.all_transactions() LANGUAGE plpgsql AS $$
DECLARE
    one uuid := (SELECT w.one FROM bench.who w);
    super uuid := (SELECT w.super FROM bench.who w);
BEGIN
    FOR round IN 0 .. 7 LOOP
        CALL bench.transactions('empty', round, NULL, false);
        CALL bench.transactions('set_only', round, one, false);
        CALL bench.transactions('garage_admin', round, one, true);
        CALL bench.transactions('super_admin_of_500', round, super, true);
        PERFORM vend.map_login(session_user, one);
        COMMIT;
        CALL bench.transactions('mapped_login', round, NULL, true);
        PERFORM vend.unmap_login(session_user);
        COMMIT;
        CALL bench.tokens('token_verified', round,
            'eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.'
            'eyJzdWIiOiIwMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDEiLCJleHAiOjE3MDAwMDAwMDAsImF1ZCI6ImJlbmNoIiwianRpIjoiMSJ9.'
            'ufPJn6MDYS3xSJHRvRuwDPUjrpN145tpMR-6FcdRil2-XkoIR41rkt8iYvH2gW4iuIUY2tMaGsoBe4DJSLsLDQ');
        CALL bench.tokens('token_not_looked_at', round, 'x');
    END LOOP;
END $$;
CALL bench.all_transactions();
ALTER SYSTEM RESET vend_analytics.token_public_key;
SELECT pg_reload_conf();
