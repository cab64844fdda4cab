-- Each summary by two parallel workers against one process. Target: never slower.
SET max_parallel_workers_per_gather = 2;
SET jit = off;
SET work_mem = '256MB';
\ir lib/paid.sql
\ir lib/events.sql
CREATE TABLE bench.documents AS
SELECT id, (40 + id % 460)::int AS capacity, jsonb_agg(hashint8(24 * id + hour) & 511 ORDER BY hour) AS hourly
FROM generate_series(1, 219200) AS id, generate_series(0, 23) AS hour GROUP BY id;
VACUUM ANALYZE bench.documents;
INSERT INTO bench.fact VALUES ('input', '219200 occupancy documents'), ('target', 'two workers never slower than one process');
CREATE VIEW bench.movements_two_workers AS
SELECT sum(closing_mrr) AS found FROM vend.mrr_movements((SELECT vend.timeline(customer, valid_from, valid_to, monthly_amount) FROM bench.paid), '2023-01-01', '2025-12-01', as_of => 'infinity');
CREATE VIEW bench.cohorts_two_workers AS
SELECT sum(retained) AS found FROM vend.cohort_retention((SELECT vend.timeline(customer, valid_from, valid_to, monthly_amount) FROM bench.paid), as_of => '2025-12-01 00:00Z');
CREATE VIEW bench.returns_two_workers AS
SELECT sum(retained) AS found FROM vend.cohort_retention((SELECT vend.activity(entity, at, 'UTC') FROM bench.events));
CREATE VIEW bench.hours_two_workers AS
SELECT sum(avg_rate) AS found FROM vend.hourly_profile((SELECT vend.occupancy(hourly, capacity) FROM bench.documents));
DO $$
DECLARE
    question text;
BEGIN
    FOREACH question IN ARRAY '{movements, cohorts, returns, hours}'::text[] LOOP
        EXECUTE format('CREATE FUNCTION bench.%1$s_alone() RETURNS numeric STABLE LANGUAGE sql SET max_parallel_workers_per_gather = 0
            AS $f$ SELECT found FROM bench.%1$s_two_workers $f$', question);
        EXECUTE format('CREATE VIEW bench.%1$s_one_process AS SELECT bench.%1$s_alone() AS found', question);
    END LOOP;
END $$;
CALL bench.compare('{movements_two_workers, movements_one_process}', 'sum(found)');
CALL bench.compare('{cohorts_two_workers, cohorts_one_process}', 'sum(found)');
CALL bench.compare('{returns_two_workers, returns_one_process}', 'sum(found)');
CALL bench.compare('{hours_two_workers, hours_one_process}', 'sum(found)');
