-- vend.create_demo: the same seed gives the same platform, and what it makes up hangs together.
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE FUNCTION make(target text, seed bigint, at timestamptz DEFAULT '2026-11-21 10:30Z') RETURNS TABLE (table_name text, row_count bigint)
LANGUAGE sql AS $$
    SELECT * FROM vend.create_demo(target, garages => 3, customers_per_garage => 20, months => 6, seed => seed, as_of => at)
$$;
-- Another session setting changes nothing.
SELECT table_name, row_count > 0 AS filled FROM make('demo_a', 7);
SET timezone = 'Asia/Tokyo';
SET datestyle = 'German';
SELECT bool_and(row_count > 0) AS filled FROM make('Demo "B"', 7);
RESET datestyle;
SET timezone = 'UTC';
SELECT bool_and(row_count > 0) AS filled FROM make('demo_c', 8);

CREATE FUNCTION rows_only_in(one text, other text) RETURNS TABLE (table_name text, row_count bigint)
LANGUAGE plpgsql AS $$
BEGIN
    FOR table_name IN
        SELECT t.table_name FROM information_schema.tables t WHERE t.table_schema = one ORDER BY t.table_name COLLATE "C"
    LOOP
        EXECUTE format('SELECT count(*) FROM (SELECT t::text FROM %1$I.%3$I t EXCEPT ALL SELECT t::text FROM %2$I.%3$I t) AS d', one, other, table_name)
            INTO row_count;
        RETURN NEXT;
    END LOOP;
END $$;
SELECT * FROM rows_only_in('demo_a', 'Demo "B"') WHERE row_count > 0;
SELECT * FROM rows_only_in('Demo "B"', 'demo_a') WHERE row_count > 0;
SELECT table_name, row_count > 0 AS differs FROM rows_only_in('demo_a', 'demo_c');
-- The reported counts are the tables' own.
CREATE TEMP TABLE reported AS SELECT * FROM make('demo_counts', 7);
SELECT table_name, row_count, actual FROM reported
JOIN (SELECT 'users' AS table_name, count(*) AS actual FROM demo_counts.users UNION ALL SELECT 'parked', count(*) FROM demo_counts.parked
    UNION ALL SELECT 'payments', count(*) FROM demo_counts.payments) AS a USING (table_name)
WHERE row_count <> actual;
DROP SCHEMA demo_counts CASCADE;

SET search_path = demo_a;
-- Nothing lies after as_of but what is ahead: the ends of periods and the next renewals.
SELECT 'payment' AS late, id FROM payments WHERE greatest(payment_date, created_at, updated_at) > '2026-11-21 10:30'
UNION ALL SELECT 'visit', id FROM parked WHERE greatest(entered_at, exited_at, created_at) > '2026-11-21 10:30'
UNION ALL SELECT 'subscription', id FROM subscriptions
WHERE greatest(created_at, updated_at, canceled_at, current_period_start, renewal_attempted_at) > '2026-11-21 10:30';
SELECT id FROM payments WHERE net_amount <> amount - stripe_fee OR (status IN ('failed', 'pending')) <> (stripe_fee = 0);
SELECT s.id FROM subscriptions s JOIN passes p ON p.id = s.pass_id WHERE p.garage_id <> s.garage_id;
-- A price of a subscription is its pass's, now or before a change.
SELECT s.id FROM subscriptions s
WHERE NOT EXISTS (SELECT FROM passes p WHERE p.id = s.pass_id AND (p.stripe_price_id, p.monthly_amount) = (s.stripe_price_id, s.monthly_amount))
    AND NOT EXISTS (SELECT FROM pass_price_history h
        WHERE h.pass_id = s.pass_id AND (h.old_stripe_price_id, h.old_price) = (s.stripe_price_id, s.monthly_amount));
SELECT email, role FROM users WHERE role = 'super_admin' ORDER BY email;
SELECT g.id FROM garages g WHERE NOT EXISTS
    (SELECT FROM garage_admins a JOIN users u ON u.id = a.user_id WHERE a.garage_id = g.id AND u.role = 'garage_admin');
SELECT count(DISTINCT timezone) > 1 AS several_zones FROM garages;

-- The hourly counts are those of the visits, by the garage's own clock; a car without an exit is gone after 12 hours.
WITH counted AS (
    SELECT o.garage_id, o.day, vend_internal.day_start(o.day::date, g.timezone) + (c.slot - 1) * interval '1 hour' AS slot_start, c.count
    FROM garage_daily_occupancy o JOIN garages g ON g.id = o.garage_id
    CROSS JOIN jsonb_array_elements_text(o.hourly_occupancy) WITH ORDINALITY AS c(count, slot)
    WHERE o.day BETWEEN '2026-10-20' AND '2026-11-21'
)
SELECT count(*) > 2000 AS many_slots, count(*) FILTER (WHERE counted.count IS DISTINCT FROM recount::text) AS wrong,
    count(*) FILTER (WHERE (counted.count IS NULL) <> (slot_start + interval '1 hour' > '2026-11-21 10:30Z')) AS wrongly_unknown
FROM counted CROSS JOIN LATERAL (
    SELECT CASE WHEN slot_start + interval '1 hour' <= '2026-11-21 10:30Z' THEN coalesce(round(sum(greatest(0, extract(epoch FROM
        least(coalesce(v.exited_at, v.entered_at + interval '12 hours'), slot_start::timestamp + interval '1 hour')
        - greatest(v.entered_at, slot_start::timestamp)))) / 3600), 0)::int END
    FROM parked v WHERE v.garage_id = counted.garage_id
        AND v.entered_at BETWEEN slot_start::timestamp - interval '1 day' AND slot_start::timestamp + interval '1 hour'
) AS r(recount);
RESET search_path;

-- Keys are there, and statistics.
-- From 18 on NOT NULL is one, too.
SELECT conrelid::regclass::text AS table_name, string_agg(contype::text, '' ORDER BY contype) AS constraints
FROM pg_constraint WHERE contype <> 'n' AND connamespace = 'demo_a'::regnamespace GROUP BY 1 ORDER BY 1;
SELECT bool_and(reltuples > 0) AS analyzed FROM pg_class WHERE relnamespace = 'demo_a'::regnamespace AND relkind = 'r';

-- Refusals name the culprit and leave nothing behind.
\set SHOW_CONTEXT never
SELECT * FROM vend.create_demo('demo_a');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM vend.create_demo('');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM vend.create_demo(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM vend.create_demo('demo_d', months => NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM vend.create_demo('demo_d', garages => 0);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM vend.create_demo('demo_d', garages => 5001);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM vend.create_demo('demo_d', customers_per_garage => -1);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM vend.create_demo('demo_d', months => 121);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM vend.create_demo('demo_d', as_of => 'infinity');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM vend.create_demo('demo_d', as_of => '1999-12-31 23:59Z');
\echo :LAST_ERROR_SQLSTATE
SELECT to_regnamespace('demo_d') AS left_behind;
-- The smallest platform, on the first instant of a month.
SELECT count(*) FROM vend.create_demo('demo_d', garages => 1, customers_per_garage => 1, months => 1, as_of => '2026-03-01 00:00Z');
DROP SCHEMA demo_a, "Demo ""B""", demo_c, demo_d CASCADE;
DROP FUNCTION make, rows_only_in;
