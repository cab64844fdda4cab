-- A garage's capacity is dated: what was recorded on a day is rated by the capacity of that day.
\set SHOW_CONTEXT never
-- In one transaction, so that no midnight comes in between.
BEGIN;
SELECT count(*) > 0 AS made FROM vend.create_demo('capacities', garages => 3, customers_per_garage => 2, months => 1, seed => 3);
SET search_path = capacities, public;
DELETE FROM garage_daily_occupancy;
ALTER TABLE garages ALTER capacity DROP NOT NULL;
CREATE TABLE g AS SELECT id, row_number() OVER (ORDER BY id) AS n FROM garages;
UPDATE garages SET timezone = 'Pacific/Kiritimati', capacity = 10;
SELECT count(*) > 0 AS attached FROM vend.attach('capacities');
INSERT INTO garage_daily_occupancy (id, garage_id, day, hourly_occupancy, created_at)
SELECT gen_random_uuid(), g.id, (now() AT TIME ZONE 'Pacific/Kiritimati')::date + d, '[5]', now() FROM g, generate_series(-2, 1) d;
CREATE VIEW rates AS
SELECT g.n, r.day - (now() AT TIME ZONE 'Pacific/Kiritimati')::date AS day, round(vend.avg_rate(r.occupancy), 2) AS rate
FROM vend_reports.hourly_occupancy r JOIN g ON g.id = r.garage_id;
CREATE VIEW shown AS SELECT n, array_agg(rate ORDER BY day) AS before_yesterday_to_tomorrow FROM rates GROUP BY n ORDER BY n;
SELECT * FROM vend.refresh('hourly_occupancy') \gset
SELECT * FROM shown;
-- It holds from today on; of two changes of a day the last one, and one that is taken back changes nothing.
UPDATE garages SET capacity = 20 WHERE id = (SELECT id FROM g WHERE n = 1);
UPDATE garages SET capacity = 40 WHERE id = (SELECT id FROM g WHERE n = 1);
UPDATE garages SET capacity = 50 WHERE id = (SELECT id FROM g WHERE n = 2);
UPDATE garages SET capacity = 10, name = 'same' WHERE id = (SELECT id FROM g WHERE n = 2);
UPDATE garages SET capacity = NULL WHERE id = (SELECT id FROM g WHERE n = 3);
SELECT * FROM shown;
SELECT keys_refreshed, rows_changed FROM vend.refresh('hourly_occupancy');
SELECT * FROM shown;
SELECT sum(keys_wrong) AS wrong FROM vend.verify('hourly_occupancy');
-- Yesterday's change, seen yesterday.
UPDATE vend_internal.garage_capacities SET valid_from = valid_from - 1 WHERE isfinite(valid_from);
SELECT * FROM shown;
UPDATE garages SET capacity = 80 WHERE id = (SELECT id FROM g WHERE n = 1);
SELECT * FROM shown;
-- A clock that was set back makes no past.
UPDATE vend_internal.garage_capacities SET valid_from = valid_from + 2 WHERE isfinite(valid_from) AND garage_id = (SELECT id FROM g WHERE n = 2);
UPDATE garages SET capacity = 90 WHERE id = (SELECT id FROM g WHERE n = 2);
SELECT g.n, c.valid_from - (now() AT TIME ZONE 'Pacific/Kiritimati')::date AS valid_from, c.capacity FROM vend_internal.garage_capacities c JOIN g ON g.id = c.garage_id
WHERE isfinite(c.valid_from) ORDER BY 1, 2;
-- A session that plays the replica is seen; what no trigger saw is found by the next attach, and dated then.
SET session_replication_role = replica;
UPDATE garages SET capacity = 5 WHERE id = (SELECT id FROM g WHERE n = 3);
RESET session_replication_role;
SELECT * FROM shown WHERE n = 3;
ALTER TABLE garages DISABLE TRIGGER ALL;
UPDATE garages SET capacity = 1000 WHERE id = (SELECT id FROM g WHERE n = 3);
ALTER TABLE garages ENABLE TRIGGER ALL;
SELECT count(*) > 0 AS attached FROM vend.attach('capacities');
SELECT * FROM shown WHERE n = 3;
-- A garage that goes and comes back keeps its past; a new one has its first capacity on all days.
CREATE TABLE kept AS SELECT * FROM garages WHERE id = (SELECT id FROM g WHERE n = 3);
SET session_replication_role = replica;
DELETE FROM garages WHERE id = (SELECT id FROM kept);
INSERT INTO garages SELECT * FROM kept;
INSERT INTO garages SELECT (jsonb_populate_record(k, jsonb_build_object('id', md5('new'), 'capacity', 7))).* FROM kept k;
RESET session_replication_role;
SELECT * FROM shown WHERE n = 3;
SELECT valid_from, capacity FROM vend_internal.garage_capacities WHERE garage_id = md5('new')::uuid;
-- What a trigger on another table says makes no history.
CREATE TABLE forged (LIKE garages);
CREATE TRIGGER forged AFTER INSERT ON forged FOR EACH ROW EXECUTE FUNCTION vend_staging.observe_garage();
INSERT INTO forged SELECT (jsonb_populate_record(k, jsonb_build_object('capacity', 1))).* FROM kept k;
SELECT count(*) FROM vend_internal.garage_capacities WHERE capacity = 1;
-- An update of anything else does not even call the function.
SELECT pg_get_triggerdef(oid) LIKE '%record_image_ne(ROW(old.id, old.capacity), ROW(new.id, new.capacity))%' AS only_capacities
FROM pg_trigger WHERE tgname = '00_vend_capacity_update';
SELECT sum(keys_wrong) AS wrong FROM vend.verify();
DROP VIEW shown, rates;
SELECT vend.detach();
SELECT count(*) FROM vend_internal.garage_capacities;
SELECT count(*) FROM pg_trigger WHERE tgname LIKE '00_vend%';
COMMIT;
SET client_min_messages = warning;
DROP SCHEMA capacities CASCADE;
