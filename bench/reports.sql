-- The five hot reports over 5,000,000 payments: read by a garage admin of one garage, by a super admin for one garage and for all 300, and
-- computed in one query as plain SQL would, without the reader's scope. Executions are timed by EXPLAIN, without planning.
SET jit = off;
\ir lib/platform.sql
CALL bench.make_platform('platform', 720, 23.15);
SELECT count(*) FROM vend.attach('platform', timezone => 'Europe/Berlin');
SELECT * FROM vend.refresh();
VACUUM ANALYZE;
INSERT INTO bench.fact
SELECT 'input', format('%s payments, %s subscriptions and %s visits of %s garages', (SELECT count(*) FROM platform.payments), (SELECT count(*) FROM platform.subscriptions),
    (SELECT count(*) FROM platform.parked), (SELECT count(*) FROM platform.garages));
INSERT INTO bench.fact VALUES ('rows', 'admin: the garage of a garage admin; chosen: one garage of a super admin, by a condition; all: every garage of a super admin; at_once: one query');
CREATE TABLE bench.one AS SELECT id AS garage_id FROM platform.garages ORDER BY id LIMIT 1 OFFSET 150;
CREATE TABLE bench.person AS SELECT role, md5(role)::uuid AS id FROM unnest('{garage_admin, super_admin}'::text[]) role;
INSERT INTO platform.users (id, role, created_at, updated_at) SELECT id, role::platform.user_role, now(), now() FROM bench.person;
INSERT INTO platform.garage_admins (id, user_id, garage_id, created_at)
SELECT gen_random_uuid(), p.id, o.garage_id, now() FROM bench.person p, bench.one o WHERE p.role = 'garage_admin';
CREATE PROCEDURE bench.read(contender text, query text, reader text, round int) LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    IF reader <> 'superuser' THEN
        PERFORM set_config('app.current_user_id', (SELECT id::text FROM bench.person WHERE role = reader), true);
        PERFORM set_config('role', 'vend_api', true);
    END IF;
    EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ' || query INTO plan;
    PERFORM set_config('role', 'none', true);
    INSERT INTO bench.timing SELECT contender, round, (plan -> 0 ->> 'Execution Time')::float8 WHERE round > 0;
    COMMIT;
END $$;
CREATE PROCEDURE bench.read_all() LANGUAGE plpgsql AS $$
DECLARE
    report text;
    garage uuid := (SELECT garage_id FROM bench.one);
BEGIN
    FOR round IN 0 .. 5 LOOP
        FOREACH report IN ARRAY '{daily_revenue, active_subscriptions, current_month_metrics, current_occupancy, failed_payments}'::text[] LOOP
            CALL bench.read(report || '_admin', format('SELECT * FROM vend_reports.mv_%s', report), 'garage_admin', round);
            CALL bench.read(report || '_chosen', format('SELECT * FROM vend_reports.mv_%s WHERE garage_id = %L', report, garage), 'super_admin', round);
            CALL bench.read(report || '_all', format('SELECT * FROM vend_reports.mv_%s', report), 'super_admin', round);
            CALL bench.read(report || '_at_once', format('SELECT * FROM vend_marts.%s', report), 'superuser', round);
        END LOOP;
    END LOOP;
END $$;
CALL bench.read_all();
