-- The facts: every row of the operational tables as METRICS.md, 8 words it, against plain SQL over those tables.
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
ALTER TABLE garages ADD timezone text, ADD region text;
CREATE FUNCTION id(kind text, n int) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$ SELECT (to_hex(ascii(kind)) || lpad(n::text, 30, '0'))::uuid $$;
CREATE FUNCTION n(id uuid) RETURNS int IMMUTABLE LANGUAGE sql AS $$ SELECT right(id::text, 5)::int $$;
INSERT INTO garages (id, name, capacity, timezone, region, created_at, updated_at)
SELECT id('g', n), 'G' || n, (ARRAY[10, 4, 0])[n], (ARRAY['Europe/Berlin', 'America/Havana', NULL])[n], (ARRAY[' North ', '', NULL])[n], '2026-01-01', '2026-01-01' FROM generate_series(1, 3) n;
INSERT INTO users (id, first_name, last_name, email, created_at, updated_at) SELECT id('u', n), 'First' || n, 'Last' || n, n || '@example.com', '2026-01-01', '2026-01-01' FROM generate_series(1, 6) n;
INSERT INTO passes (id, garage_id, name, monthly_amount, active, created_at, updated_at)
SELECT id('p', n), id('g', (n + 1) / 2), 'Pass' || n, 90, true, '2026-01-01', '2026-01-01' FROM generate_series(1, 6) n;
-- Paid, ended at once, ended by schedule, ending later, failing, never paid.
INSERT INTO subscriptions (id, stripe_subscription_id, user_id, garage_id, pass_id, status, monthly_amount, current_period_start, current_period_end, cancel_at_period_end, canceled_at, created_at, updated_at)
SELECT id('s', n), 'sub_' || n, id('u', n), id('g', g), id('p', 2 * g - 1), status, 90, begun + interval '1 month', until, scheduled, asked, begun, coalesce(asked, begun)
FROM (VALUES (1, 1, 'active', '2026-03-01 23:30'::timestamp, '2036-05-01 23:30'::timestamp, false, NULL::timestamp), (2, 1, 'canceled', '2026-03-10', '2026-05-10', false, '2026-04-01 12:00'),
    (3, 2, 'canceled', '2026-03-20 04:30', '2026-05-20 04:30', true, '2026-04-02'), (4, 2, 'active', '2026-03-05', '2036-05-05', true, '2026-05-01'), (5, 1, 'past_due', '2026-04-01', '2026-06-01', false, NULL),
    (6, 3, 'incomplete_expired', '2026-04-01', '2026-05-01', false, NULL)) AS s(n, g, status, begun, until, scheduled, asked);
INSERT INTO payments (id, stripe_payment_intent_id, subscription_id, garage_id, amount, stripe_fee, net_amount, status, currency, payment_date, created_at, updated_at)
SELECT id('y', n), 'pi_' || n, id('s', s), id('g', g), amount, 3, amount - 3, status, 'USD', at, at, coalesce(changed, at)
FROM (VALUES (1, 1, 1, 90.05, 'succeeded', '2026-03-31 22:30'::timestamp, NULL::timestamp), (2, 1, 1, 90, 'refunded', '2026-04-30 21:30', '2026-05-02 10:00'), (3, 5, 1, 90, 'failed', '2026-04-01', NULL), (4, NULL, 2, 12.45, 'succeeded', '2026-01-01 04:30', NULL),
    (5, 6, 3, 90, 'failed', '2026-04-01', NULL), (6, 2, 1, 90, 'succeeded', '2026-06-01', NULL), (7, 3, 2, 90, 'pending', '2026-03-20 04:30', NULL)) AS p(n, s, g, amount, status, at, changed);
-- Over the hour that Berlin skips and the one that Havana has twice; open, bad, of no length, without a plate.
INSERT INTO parked (id, garage_id, user_id, pass_id, vehicle_plate, entered_at, exited_at, created_at)
SELECT id('v', row_number() OVER ()::int), id('g', g), CASE WHEN g = 1 THEN id('u', 1) END, NULL, plate, a::timestamp, b::timestamp, now()
FROM (VALUES (1, 'AA', '2026-03-28 22:59:30', '2026-03-29 02:30:29'), (1, 'BB', '2026-03-29 00:30', '2026-03-31 09:15'), (1, 'BB', '2026-03-31 10:00', NULL), (1, 'CC', '2026-03-31 12:00', '2026-03-31 11:00'), (1, 'DD', '2026-03-31 12:00', '2026-03-31 12:00'),
    (2, NULL, '2025-11-02 03:30', '2025-11-02 06:45'), (2, 'EE', '2025-11-02 05:20', '2025-11-02 05:21:59'), (3, 'FF', '2026-04-01 10:00', '2026-04-01 10:20')) AS v(g, plate, a, b);
INSERT INTO garage_daily_occupancy (id, garage_id, day, hourly_occupancy, created_at) VALUES
    (id('d', 1), id('g', 1), '2026-03-30', '[1, null, 8.4, 7.96, 12]', now()), (id('d', 2), id('g', 2), '2025-11-03', '{"00:00": 1, "23": 4}', now()), (id('d', 3), id('g', 3), '2026-04-01', '["not", "a", "count"]', now()),
    (id('d', 4), id('g', 3), current_date + 3, '[1, 2, 3]', now());
SELECT count(*) > 0 AS attached FROM vend.attach('lot', timezone => 'Asia/Tokyo');
\pset format unaligned
SELECT garage_name, garage_region, timezone FROM vend_marts.dim_garages ORDER BY garage_id;
SELECT n(subscription_id), stripe_subscription_id, n(user_id) AS u, n(garage_id) AS g, n(pass_id) AS p, status, monthly_amount, currency, cancel_at_period_end AS scheduled, subscription_start_date, subscription_end_date, canceled_date, subscription_month,
    CASE WHEN subscription_id IN (id('s', 2), id('s', 3), id('s', 6)) THEN subscription_lifetime_days END AS days, is_churned, first_name, last_name, email, garage_name, pass_name
FROM vend_marts.fact_subscriptions ORDER BY 1;
SELECT subscription_id FROM vend_marts.fact_subscriptions s WHERE subscription_lifetime_days IS DISTINCT FROM round((
    SELECT coalesce(sum(extract(epoch FROM least(valid_to, now()) - valid_from)), 0) FROM vend_marts.fact_subscription_periods f WHERE f.subscription_id = s.subscription_id) / 86400, 2);
SELECT n(payment_id), stripe_payment_intent_id AS intent, n(subscription_id) AS s, n(garage_id) AS g, gross_amount, stripe_fee, net_amount, platform_fee, garage_profit, currency, payment_date, payment_date_day AS day, payment_month, payment_year,
    garage_name, n(user_id) AS u, user_email, pass_name, status, attempted_amount, refunded_at
FROM vend_marts.fact_payments ORDER BY 1;
SELECT n(parking_id), n(garage_id) AS g, n(user_id) AS u, pass_id, vehicle_plate, entered_at, exited_at, duration_minutes, parking_date, hour_of_day, garage_name, first_name, last_name, is_bad FROM vend_marts.fact_parking_events ORDER BY 1;
SELECT n(garage_id) AS g, occupancy_date, hour, occupancy_count AS count, capacity, occupancy_rate, is_peak_hour AS peak, starts_at, source FROM vend_marts.fact_daily_occupancy
WHERE source = 'recorded' OR (n(garage_id), occupancy_date) IN ((1, '2026-03-29'), (1, '2026-03-31'), (2, '2025-11-02')) AND (hour NOT BETWEEN 5 AND 21 OR hour = 11) ORDER BY garage_id, starts_at;
\pset format aligned
-- The money of a day is that of the rollup, and comes back when the fact of the refund is taken off.
SELECT count(*) AS wrong FROM (
    SELECT garage_id, payment_date_day, currency, sum(gross_amount), sum(stripe_fee), sum(garage_profit) FROM vend_marts.fact_payments WHERE status IN ('succeeded', 'refunded') GROUP BY 1, 2, 3
    EXCEPT ALL
    SELECT garage_id, day, currency, gross_revenue, total_stripe_fees, garage_profit + refunds - CASE WHEN refunds > 0 THEN 9 ELSE 0 END FROM vend_reports.daily_revenue) AS d;

-- Hour by hour from the visits as they are, in plain arithmetic, over random visits and days around clock changes.
SELECT setseed(0.7);
INSERT INTO parked (id, garage_id, vehicle_plate, entered_at, exited_at, created_at)
SELECT gen_random_uuid(), id('g', 1 + n % 3), 'P' || n % 7, at, CASE WHEN n % 5 > 0 THEN at + random() * random() * interval '50 hours' END, at
FROM (SELECT n, (CASE WHEN n % 2 = 0 THEN '2026-03-27' ELSE '2025-10-31' END)::timestamp + random() * interval '5 days' AS at FROM generate_series(1, 120) n) v;
CREATE VIEW expected AS
SELECT g.id AS garage_id, d.day::date AS day, h.hour, round(sum(coalesce(greatest(0, extract(epoch FROM least(v.ended_at, slot.ends) - greatest(v.entered_at, slot.begins))), 0)
    / extract(epoch FROM slot.ends - slot.begins)), 0) AS count
FROM garages g
CROSS JOIN LATERAL (SELECT coalesce(g.timezone, 'Asia/Tokyo')) AS z(timezone)
CROSS JOIN generate_series('2025-10-30'::timestamp, '2026-04-05', '1 day') AS d(day)
CROSS JOIN generate_series(0, 24) AS h(hour)
CROSS JOIN LATERAL (SELECT vend_internal.day_start(d.day::date, z.timezone) AT TIME ZONE 'UTC' AS opens, vend_internal.day_start(d.day::date + 1, z.timezone) AT TIME ZONE 'UTC' AS closes) AS b
CROSS JOIN LATERAL (SELECT opens + h.hour * interval '1 hour' AS begins, least(closes, opens + (h.hour + 1) * interval '1 hour') AS ends) AS slot
LEFT JOIN (
    SELECT p.garage_id, p.entered_at, coalesce(p.exited_at, least(p.entered_at + interval '72 hours',
        (SELECT min(n.entered_at) FROM parked n WHERE n.garage_id = p.garage_id AND n.vehicle_plate = p.vehicle_plate AND (n.entered_at, n.id) > (p.entered_at, p.id)))) AS ended_at
    FROM parked p WHERE coalesce(p.exited_at >= p.entered_at, true)
) AS v ON v.garage_id = g.id
WHERE slot.begins < closes AND NOT EXISTS (SELECT FROM garage_daily_occupancy o WHERE o.garage_id = g.id AND o.day = d.day) AND d.day >= (
    SELECT min((p.entered_at AT TIME ZONE 'UTC' AT TIME ZONE z.timezone)::date) FROM parked p WHERE p.garage_id = g.id)
GROUP BY 1, 2, 3, slot.ends, slot.begins;
CREATE VIEW shown AS SELECT garage_id, occupancy_date, hour, occupancy_count FROM vend_marts.fact_daily_occupancy WHERE source = 'visits' AND occupancy_date BETWEEN '2025-10-30' AND '2026-04-05';
SELECT count(*) > 10000 AS many, count(*) FILTER (WHERE count > 0) > 500 AS busy, count(*) FILTER (WHERE hour = 24) AS long_days FROM expected;
SELECT count(*) AS wrong FROM ((TABLE expected EXCEPT ALL TABLE shown) UNION ALL (TABLE shown EXCEPT ALL TABLE expected)) AS d;
SELECT vend.refresh('daily_visits') IS NOT NULL AS refreshed; SELECT count(*) AS wrong FROM ((TABLE expected EXCEPT ALL TABLE shown) UNION ALL (TABLE shown EXCEPT ALL TABLE expected)) AS d;
-- Only hours that have ended, on the running day too; an id is of one hour, and stays when the day is recorded.
SELECT count(*) AS early FROM vend_marts.fact_daily_occupancy WHERE starts_at + interval '1 hour' > now();
SELECT count(*) = count(DISTINCT occupancy_id) AS own_ids, count(*) FILTER (WHERE occupancy_date = (now() AT TIME ZONE 'Europe/Berlin')::date - 1 AND garage_id = id('g', 1)) IN (23, 24, 25) AS whole_yesterday FROM vend_marts.fact_daily_occupancy;
SELECT occupancy_id AS kept FROM vend_marts.fact_daily_occupancy WHERE garage_id = id('g', 1) AND occupancy_date = '2026-03-28' AND hour = 5 \gset
INSERT INTO garage_daily_occupancy (id, garage_id, day, hourly_occupancy, created_at) VALUES (id('d', 5), id('g', 1), '2026-03-28', '{"5": 9}', now());
SELECT occupancy_id = :'kept' AS same_id, hour, occupancy_count, source FROM vend_marts.fact_daily_occupancy WHERE garage_id = id('g', 1) AND occupancy_date = '2026-03-28';

-- A subscription that moves leaves what it paid where it was; what it paid for there is no pass of the new garage.
UPDATE subscriptions SET garage_id = id('g', 2), pass_id = id('p', 4), user_id = id('u', 6), updated_at = now() WHERE id = id('s', 1);
SELECT subscription_start_date = vend.local_day(now(), 'America/Havana') AS begins_here, subscription_lifetime_days AS days, is_churned, pass_name FROM vend_marts.fact_subscriptions WHERE subscription_id = id('s', 1);
SELECT n(payment_id), garage_name, pass_name, n(user_id) AS u FROM vend_marts.fact_payments WHERE subscription_id = id('s', 1) ORDER BY 1;
SELECT DISTINCT n(pass_id) AS pass FROM vend_reports.daily_revenue WHERE day = '2026-04-01' AND garage_id = id('g', 1);
-- Instants that are none, and rows that belong to nothing.
INSERT INTO parked (id, garage_id, vehicle_plate, entered_at, exited_at, created_at)
SELECT id('v', 900 + n), id('g', 3), 'X', at, until, now() FROM (VALUES (1, '-infinity'::timestamp, NULL::timestamp), (2, 'infinity', NULL), (3, '2026-04-01', 'infinity'), (4, '-infinity', '2026-04-01'), (5, '2026-03-01', '4026-04-01')) v(n, at, until);
SELECT n(parking_id), duration_minutes, parking_date, hour_of_day, is_bad FROM vend_marts.fact_parking_events WHERE vehicle_plate = 'X' ORDER BY 1;
INSERT INTO payments (id, garage_id, amount, stripe_fee, net_amount, status, currency, payment_date, created_at, updated_at) VALUES (id('y', 90), id('g', 1), 1, 0, 1, 'succeeded', '', 'infinity', now(), '-infinity');
SELECT gross_amount, currency, payment_date_day, payment_month, payment_year FROM vend_marts.fact_payments WHERE payment_id = id('y', 90);
SELECT count(*) > 0 AS read FROM vend_marts.fact_daily_occupancy WHERE garage_id = id('g', 3);
TRUNCATE parked, payments, subscriptions, garage_daily_occupancy;
SELECT (SELECT count(*) FROM vend_marts.fact_subscriptions) + (SELECT count(*) FROM vend_marts.fact_payments) + (SELECT count(*) FROM vend_marts.fact_parking_events) + (SELECT count(*) FROM vend_marts.fact_daily_occupancy) AS none;
DROP VIEW expected, shown;
SELECT vend.detach();
RESET search_path;
DROP SCHEMA lot CASCADE;
