-- What row-level security costs a reader: a million stored rows of 500 garages, summed by who sees one, ten or all of them, against a
-- superuser who says which garages it is to be; and against the policy that is usually written.
-- Targets: at most 1.1 times; for one garage 100 times as fast as the usual policy. Executions are timed by EXPLAIN, without planning.
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SELECT count(*) FROM vend.create_demo('platform', garages => 500, customers_per_garage => 1, months => 1, seed => 1);
CREATE TABLE platform.readings (garage_id uuid, day date, value numeric);
INSERT INTO platform.readings SELECT g.id, date '2020-01-01' + n, n % 97 FROM platform.garages g CROSS JOIN generate_series(1, 2000) n;
CREATE TABLE bench.person AS SELECT n AS garages, md5(n::text)::uuid AS id FROM unnest('{1, 10, 500, 0}'::int[]) n;
INSERT INTO platform.users (id, role, created_at, updated_at)
SELECT id, CASE garages WHEN 0 THEN 'super_admin' ELSE 'garage_admin' END::platform.user_role, now(), now() FROM bench.person;
INSERT INTO platform.garage_admins (id, user_id, garage_id, created_at)
SELECT gen_random_uuid(), p.id, g.id, now() FROM bench.person p JOIN (SELECT id, row_number() OVER (ORDER BY id) AS n FROM platform.garages) g ON g.n <= p.garages;
SELECT count(*) FROM vend.attach('platform');
SELECT vend.create_rollup('daily_readings', 'SELECT garage_id, day, sum(value) AS value FROM platform.readings GROUP BY 1, 2',
    '{garage_id, day}', '{"platform.readings": ["garage_id", "day"]}');
SELECT * FROM vend.refresh('daily_readings');
-- The usual policy asks for each row who the reader is.
CREATE TABLE bench.usual AS SELECT garage_id, day, value FROM vend_reports.daily_readings;
ALTER TABLE bench.usual ADD PRIMARY KEY (garage_id, day);
ALTER TABLE bench.usual ENABLE ROW LEVEL SECURITY;
CREATE POLICY usual ON bench.usual USING (EXISTS (
    SELECT FROM platform.users u WHERE u.id = current_setting('app.current_user_id')::uuid AND (u.role = 'super_admin' OR EXISTS (
        SELECT FROM platform.garage_admins a WHERE a.user_id = u.id AND a.garage_id = usual.garage_id))));
GRANT USAGE ON SCHEMA bench, platform TO vend_api;
GRANT SELECT ON bench.usual, platform.users, platform.garage_admins TO vend_api;
VACUUM ANALYZE;
INSERT INTO bench.fact SELECT 'input', format('%s rows of %s garages stored', count(*), count(DISTINCT garage_id)) FROM vend_internal.stored_daily_readings;
INSERT INTO bench.fact VALUES ('target', 'policy at most 1.1 times explicit, for one, ten and 500 garages and a super admin; for one garage 100 times as fast as usual');
CREATE PROCEDURE bench.sum_of(contender text, relation text, assigned int, as_reader boolean, round int) LANGUAGE plpgsql AS $$
DECLARE
    plan json;
    given text;
BEGIN
    PERFORM set_config('app.current_user_id', (SELECT id::text FROM bench.person WHERE garages = assigned), true);
    given := format(' WHERE garage_id = ANY (%L)', vend.visible_garages());
    PERFORM set_config('role', CASE WHEN as_reader THEN 'vend_api' ELSE 'none' END, true);
    EXECUTE format('EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) SELECT count(*), sum(value) FROM %s%s', relation, CASE WHEN NOT as_reader THEN given END) INTO plan;
    PERFORM set_config('role', 'none', true);
    INSERT INTO bench.timing SELECT contender, round, (plan -> 0 ->> 'Execution Time')::float8 WHERE round > 0;
    COMMIT;
END $$;
-- How a table of this size is best read depends on what a page costs that is not the next one; 4 is PostgreSQL's default, 1.1 what is usual
-- for solid-state disks and tables in memory.
CREATE PROCEDURE bench.sum_all(page_cost text, suffix text) LANGUAGE plpgsql AS $$
DECLARE
    person record;
BEGIN
    PERFORM set_config('random_page_cost', page_cost, false);
    FOR round IN 0 .. 7 LOOP
        FOR person IN SELECT garages, CASE garages WHEN 0 THEN 'super_admin' ELSE garages || '_garages' END AS name FROM bench.person ORDER BY garages DESC LOOP
            CALL bench.sum_of(person.name || '_explicit' || suffix, 'vend_reports.daily_readings', person.garages, false, round);
            CALL bench.sum_of(person.name || '_policy' || suffix, 'vend_reports.daily_readings', person.garages, true, round);
        END LOOP;
        IF round < 4 AND suffix = '' THEN
            CALL bench.sum_of('1_garages_usual', 'bench.usual', 1, true, round);
        END IF;
    END LOOP;
END $$;
-- All see the same.
DO $$
DECLARE
    person record;
    given text;
    policy text;
BEGIN
    FOR person IN SELECT * FROM bench.person WHERE garages = 10 LOOP
        PERFORM set_config('app.current_user_id', person.id::text, true);
        given := (SELECT format('%s %s', count(*), sum(value)) FROM vend_reports.daily_readings WHERE garage_id = ANY (vend.visible_garages()));
        SET LOCAL ROLE vend_api;
        policy := (SELECT format('%s %s', count(*), sum(value)) FROM vend_reports.daily_readings);
        RESET ROLE;
        ASSERT given = policy;
    END LOOP;
END $$;
CALL bench.sum_all('4', '');
CALL bench.sum_all('1.1', ', random_page_cost 1.1');
