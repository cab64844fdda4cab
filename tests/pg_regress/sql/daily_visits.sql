-- The rollup of visits: after any write its rows are those of its query, and what is read from it is what plain SQL finds.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
SET jit = off;
CREATE SCHEMA lot;
SET search_path = lot;
\getenv inputs PG_ABS_SRCDIR
\set operational_tables :inputs '/sql/include/operational_tables.sql'
\set ECHO none
\i :operational_tables
\set ECHO all
ALTER TABLE garages ADD timezone text;
CREATE FUNCTION g(n int) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$ SELECT lpad(n::text, 32, '0')::uuid $$;
INSERT INTO garages (id, name, capacity, timezone, created_at, updated_at)
SELECT g(n), 'G' || n, 10, (ARRAY['Europe/Berlin', 'America/Havana', NULL])[n], '2026-01-01', '2026-01-01' FROM generate_series(1, 3) n;
-- By hours after midnight in UTC: minutes, overnight, days long, without an exit, bad, of no length, without a plate, by a customer with two cars.
INSERT INTO parked (id, garage_id, user_id, vehicle_plate, entered_at, exited_at, created_at)
SELECT gen_random_uuid(), g(1), u, plate, '2026-03-27'::timestamp + a * interval '1 hour', '2026-03-27'::timestamp + b * interval '1 hour', now()
FROM (VALUES (NULL::uuid, 'AA', 8, 10), (NULL, 'AA', 15, 16), (NULL, ' AA ', 40, 41), (NULL, 'BB', 20, 30), (NULL, 'CC', 9, 90), (NULL, 'DD', 9, NULL), (NULL, 'DD', 50, NULL),
    (NULL, 'EE', 12, 11), (NULL, 'FF', 12, 12), (NULL, NULL, 13, 14), (g(7), 'GG', 9, 12), (g(7), 'HH', 10, 47), (NULL, 'II', 22.5, 23), (NULL, 'JJ', 23, 25)) AS v(u, plate, a, b);
SELECT count(*) > 0 AS attached FROM vend.attach('lot', timezone => 'Asia/Tokyo');
SELECT day, arrivals, exits, open_visits AS open, bad_visits AS bad, round(seconds_parked / 60, 2) AS minutes FROM vend_reports.daily_visits WHERE garage_id = g(1) ORDER BY day;
SELECT day, arrivals, exits, unique_visitors, round(avg_duration_minutes, 2) AS minutes, open_visits AS open, bad_visits AS bad FROM vend_marts.garage_daily_visits WHERE garage_id = g(1) ORDER BY day LIMIT 7;

-- One visit at a time, with its end looked up among all the others.
CREATE FUNCTION zone(garage uuid) RETURNS text STABLE LANGUAGE sql AS $$ SELECT coalesce(timezone, 'Asia/Tokyo') FROM lot.garages WHERE id = garage $$;
CREATE VIEW expected AS
WITH v AS (
    SELECT p.*, coalesce(p.user_id::text, nullif(btrim(p.vehicle_plate), '')) AS who, coalesce(p.exited_at, least(
        (SELECT min(n.entered_at) FROM parked n WHERE n.garage_id = p.garage_id AND btrim(n.vehicle_plate) = btrim(p.vehicle_plate) AND btrim(n.vehicle_plate) <> '' AND (n.entered_at, n.id) > (p.entered_at, p.id)),
        p.entered_at + (SELECT nullif(value, 'none')::interval FROM vend.policies WHERE policy = 'stale_visit_cap')), 'infinity') AS ended_at
    FROM parked p
), bounds AS (
    SELECT g.id AS garage_id, d::date AS day, vend_internal.day_start(d::date, zone(g.id)) AT TIME ZONE 'UTC' AS opens, vend_internal.day_start(d::date + 1, zone(g.id)) AT TIME ZONE 'UTC' AS closes
    FROM garages g, generate_series('2026-03-06'::date, '2026-04-15', '1 day') d
)
SELECT b.garage_id, b.day,
    count(*) FILTER (WHERE (v.exited_at IS NULL OR v.exited_at >= v.entered_at) AND v.entered_at >= opens AND v.entered_at < closes) AS arrivals,
    count(*) FILTER (WHERE v.exited_at > v.entered_at AND v.exited_at >= opens AND v.exited_at < closes) AS exits,
    count(*) FILTER (WHERE v.exited_at IS NULL AND v.entered_at >= opens AND v.entered_at < closes) AS open_visits,
    count(*) FILTER (WHERE v.exited_at < v.entered_at AND v.entered_at >= opens AND v.entered_at < closes) AS bad_visits,
    coalesce(sum(extract(epoch FROM v.exited_at - v.entered_at)) FILTER (WHERE v.exited_at > v.entered_at AND v.exited_at >= opens AND v.exited_at < closes), 0) AS seconds,
    count(DISTINCT v.who) FILTER (WHERE v.ended_at > v.entered_at AND v.entered_at < closes AND v.ended_at > opens) AS unique_visitors
FROM bounds b LEFT JOIN v ON v.garage_id = b.garage_id
GROUP BY 1, 2;
CREATE VIEW shown AS
SELECT d.garage_id, d.day, arrivals, exits, open_visits, bad_visits, round(coalesce(avg_duration_minutes * exits * 60, 0), 6) AS seconds, unique_visitors
FROM vend_marts.garage_daily_visits d WHERE day BETWEEN '2026-03-06' AND '2026-04-15';
-- Days of which there is none before a garage's first visit, and none after it but what is asked.
CREATE FUNCTION wrong_rows() RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM ((TABLE vend_reports.daily_visits EXCEPT ALL TABLE vend_internal.query_daily_visits)
        UNION ALL (TABLE vend_internal.query_daily_visits EXCEPT ALL TABLE vend_reports.daily_visits)) d $$;
CREATE FUNCTION wrong(OUT rollup bigint, OUT days bigint) LANGUAGE sql AS $$
    SELECT lot.wrong_rows(),
        (SELECT count(*) FROM (
            (TABLE lot.shown EXCEPT ALL SELECT garage_id, day, arrivals, exits, open_visits, bad_visits, round(seconds, 6), unique_visitors FROM lot.expected)
            UNION ALL
            (SELECT garage_id, day, arrivals, exits, open_visits, bad_visits, round(seconds, 6), unique_visitors FROM lot.expected e
                WHERE (arrivals, exits, open_visits, bad_visits, unique_visitors) <> (0, 0, 0, 0, 0) AND day < now()::date - 1
            EXCEPT ALL TABLE lot.shown)) d) $$;
CREATE VIEW state AS SELECT is_built, pending_notes > 0 AS notes, w.* FROM vend.freshness, wrong() AS w WHERE freshness.rollup = 'daily_visits';
TABLE state;
SELECT keys_refreshed > 0 AS built FROM vend.refresh('daily_visits'); TABLE state;

-- An entry ends the open visit before it, some days back; when it goes, that visit lasts longer again.
INSERT INTO parked (id, garage_id, vehicle_plate, entered_at, created_at) VALUES (g(50), g(1), 'DD', '2026-03-30 06:00', now()); TABLE state;
SELECT keys_refreshed FROM vend.refresh('daily_visits'); TABLE state;
UPDATE parked SET vehicle_plate = 'ZZ' WHERE id = g(50); TABLE state;
SELECT keys_refreshed > 0 AS any FROM vend.refresh('daily_visits'); TABLE state;
UPDATE parked SET exited_at = '2026-04-02 01:00' WHERE id = g(50); TABLE state;
UPDATE parked SET garage_id = g(2), entered_at = '2026-03-08 04:30' WHERE vehicle_plate = 'CC'; TABLE state;
DELETE FROM parked WHERE id = g(50); TABLE state;
UPDATE parked SET pass_id = g(1); TABLE state;
SELECT vend.set_policy('stale_visit_cap', '30 hours'); TABLE state;
SELECT vend.set_policy('stale_visit_cap', 'none');
SELECT wrong_rows();
SELECT vend.set_policy('stale_visit_cap', 'default'); TABLE state;
UPDATE garages SET timezone = 'Pacific/Auckland' WHERE id = g(1); TABLE state;
SELECT keys_refreshed > 0 AS any FROM vend.refresh('daily_visits'); TABLE state;
SELECT vend.set_policy('past_due_grace', '1 day'); SELECT vend.set_policy('past_due_grace', 'default'); TABLE state;
BEGIN; TRUNCATE parked; TABLE state; ROLLBACK; TABLE state;

-- Random writes of few plates in few days, with a refresh now and then.
SELECT setseed(0.3);
DO $$
DECLARE
    n int;
BEGIN
    FOR n IN 1..25 LOOP
        CASE (random() * 6)::int
        WHEN 0 THEN DELETE FROM parked WHERE id IN (SELECT id FROM parked ORDER BY random() LIMIT 2);
        WHEN 1 THEN INSERT INTO parked SELECT gen_random_uuid(), lot.g(1 + i % 3), CASE WHEN i % 4 = 0 THEN lot.g(90 + i % 2) END, NULL, 'P' || (random() * 3)::int, at, CASE WHEN i % 3 > 0 THEN at + random() * random() * interval '60 hours' END, at
            FROM (SELECT i, '2026-03-25'::timestamp + random() * interval '14 days' AS at FROM generate_series(n, n + 3) i) v;
        WHEN 2 THEN UPDATE parked SET exited_at = CASE WHEN exited_at IS NULL THEN entered_at + random() * interval '50 hours' END WHERE id IN (SELECT id FROM parked ORDER BY random() LIMIT 3);
        WHEN 3 THEN UPDATE parked SET entered_at = entered_at + (random() - 0.5) * interval '70 hours' WHERE id IN (SELECT id FROM parked ORDER BY random() LIMIT 2);
        WHEN 4 THEN UPDATE parked SET vehicle_plate = 'P' || n % 3, garage_id = lot.g(1 + n % 3) WHERE id IN (SELECT id FROM parked ORDER BY random() LIMIT 2);
        WHEN 5 THEN UPDATE garages SET timezone = (ARRAY['Asia/Kathmandu', 'America/Los_Angeles', 'UTC'])[1 + n % 3] WHERE id = lot.g(1 + n % 3) AND n % 4 = 0;
        ELSE PERFORM vend.refresh('daily_visits');
        END CASE;
        IF (SELECT w.rollup + w.days FROM lot.wrong() AS w) > 0 THEN
            RAISE EXCEPTION 'wrong after write %', n;
        END IF;
    END LOOP;
END $$;
SELECT rollup FROM vend.refresh('daily_visits'); TABLE state;
SELECT keys_checked > 10 AS checked, keys_wrong FROM vend.verify('daily_visits');
-- Instants that are none, and visits without an end: nothing stops.
INSERT INTO parked (id, garage_id, vehicle_plate, entered_at, exited_at, created_at)
SELECT gen_random_uuid(), g(3), 'X', at, until, now() FROM (VALUES ('-infinity'::timestamp, NULL::timestamp), ('infinity', NULL), ('2026-04-01', 'infinity'), ('-infinity', '2026-04-01'), ('2026-03-01', '4026-04-01')) v(at, until);
SELECT wrong_rows(); SELECT keys_refreshed > 0 AS any FROM vend.refresh('daily_visits'); SELECT wrong_rows();
SELECT count(*) > 0 AS read FROM vend_marts.garage_daily_visits WHERE garage_id = g(3);
DROP VIEW state, shown, expected CASCADE;
SELECT vend.detach();
RESET search_path;
DROP SCHEMA lot CASCADE;
