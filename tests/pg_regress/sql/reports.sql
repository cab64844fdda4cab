-- The five hot reports against slow, obvious queries over the operational tables, on a demo platform.
SET timezone = 'UTC';
SET jit = off;
SET client_min_messages = warning;
SELECT count(*) AS tables FROM vend.create_demo('reports', garages => 5, customers_per_garage => 30, months => 8, seed => 7);
SELECT count(*) AS objects FROM vend.attach('reports', '{}', 'Europe/Berlin');
SELECT count(*) AS rollups FROM vend.refresh();
ANALYZE;
SET search_path = reports;
-- What random data may lack: nothing at all, capacities that are none, a second currency, odd spelling, a fee of one's own.
INSERT INTO garages (id, name, capacity, timezone, created_at, updated_at)
VALUES ('00000000-0000-0000-0000-0000000000e1', 'Empty', 0, NULL, now(), now()), ('00000000-0000-0000-0000-0000000000e2', 'Negative', -5, 'Nowhere/Else', now(), now());
INSERT INTO payments (id, garage_id, amount, stripe_fee, net_amount, status, currency, payment_date, created_at, updated_at)
SELECT gen_random_uuid(), g.id, 12.45, 0.66, 11.79, 'succeeded', 'CHF', now() - n * interval '5 hours', now(), now()
FROM (SELECT id FROM garages ORDER BY id LIMIT 2) g, generate_series(0, 6) n;
-- In the time of each of its fees, and before.
INSERT INTO payments (id, garage_id, amount, stripe_fee, net_amount, status, currency, payment_date, created_at, updated_at)
SELECT gen_random_uuid(), g.id, 100, 1, 99, 'succeeded', 'CHF', now() - n * interval '4 days', now(), now()
FROM (SELECT id FROM garages ORDER BY id LIMIT 1) g, generate_series(1, 21) n;
SELECT vend.set_platform_fee(7.5, now() - interval '40 days');
SELECT vend.set_platform_fee(12, now() - interval '60 days', id), vend.set_platform_fee(11, now() - interval '20 days', id) FROM (SELECT id FROM garages ORDER BY id LIMIT 1) g;
INSERT INTO parked (id, garage_id, vehicle_plate, entered_at, exited_at, created_at)
SELECT gen_random_uuid(), g.id, plate, now() - entered, now() - exited, now()
FROM (SELECT id FROM garages ORDER BY id LIMIT 3) g, (VALUES
    ('BAD 1', interval '1 hour', interval '2 hours'), ('ZERO 1', '1 hour', '1 hour'), ('FUTURE 1', '-1 hour', NULL), ('LOST 1', '73 hours', NULL),
    ('OPEN 1', '71 hours', NULL), ('TWICE 1', '5 hours', NULL), (' TWICE 1 ', '4 hours', NULL), (NULL, '3 hours', NULL), ('', '2 hours', NULL), ('PAID AHEAD', '1 hour', '-1 hour')
) AS v(plate, entered, exited);
CREATE TABLE zones AS SELECT id, coalesce(n.name, 'Europe/Berlin') AS name FROM garages LEFT JOIN pg_timezone_names n ON n.name = timezone;
CREATE FUNCTION zone(garage uuid) RETURNS text STABLE LANGUAGE sql AS $$ SELECT name FROM reports.zones WHERE id = garage $$;
CREATE FUNCTION day_of(at timestamp, garage uuid) RETURNS date STABLE LANGUAGE sql AS $$
    SELECT ((at AT TIME ZONE 'UTC') AT TIME ZONE reports.zone(garage))::date $$;

-- mv_daily_revenue: fee by fee, day by day.
CREATE TEMP TABLE paid AS
SELECT p.*, lower(btrim(p.currency)) AS cur, day_of(p.payment_date, p.garage_id) AS day,
    CASE WHEN p.status = 'refunded' THEN day_of(p.updated_at, p.garage_id) END AS refund_day,
    round(p.amount * coalesce(
        (SELECT f.rate FROM vend_internal.platform_fees f WHERE f.garage_id = p.garage_id AND f.valid_from <= p.payment_date AT TIME ZONE 'UTC' ORDER BY f.valid_from DESC LIMIT 1),
        (SELECT f.rate FROM vend_internal.platform_fees f WHERE f.garage_id IS NULL AND f.valid_from <= p.payment_date AT TIME ZONE 'UTC' ORDER BY f.valid_from DESC LIMIT 1),
        10) / 100, 2) AS fee
FROM payments p WHERE p.status IN ('succeeded', 'refunded');
SELECT count(*) > 300 AS enough, count(DISTINCT cur) > 1 AS currencies, count(refund_day) > 3 AS refunds, count(DISTINCT round(100 * fee / amount)) > 3 AS fees FROM paid;
CREATE TEMP VIEW expected AS
SELECT g.id, g.name, today - n AS day, c.cur,
    (SELECT count(*) FROM paid p WHERE p.garage_id = g.id AND p.cur = c.cur AND p.day = today - n) AS payment_count,
    (SELECT coalesce(sum(amount), 0) FROM paid p WHERE p.garage_id = g.id AND p.cur = c.cur AND p.day = today - n) AS gross,
    (SELECT coalesce(sum(stripe_fee), 0) FROM paid p WHERE p.garage_id = g.id AND p.cur = c.cur AND p.day = today - n) AS stripe,
    (SELECT coalesce(sum(fee), 0) FROM paid p WHERE p.garage_id = g.id AND p.cur = c.cur AND p.day = today - n)
      - (SELECT coalesce(sum(fee), 0) FROM paid p WHERE p.garage_id = g.id AND p.cur = c.cur AND p.refund_day = today - n) AS platform,
    (SELECT coalesce(sum(net_amount - fee), 0) FROM paid p WHERE p.garage_id = g.id AND p.cur = c.cur AND p.day = today - n)
      - (SELECT coalesce(sum(amount - fee), 0) FROM paid p WHERE p.garage_id = g.id AND p.cur = c.cur AND p.refund_day = today - n) AS profit,
    (SELECT coalesce(sum(amount), 0) FROM paid p WHERE p.garage_id = g.id AND p.cur = c.cur AND p.refund_day = today - n) AS refunds,
    n = 0 AS is_today
FROM garages g LEFT JOIN (SELECT DISTINCT garage_id, cur FROM paid) c ON c.garage_id = g.id,
    LATERAL (SELECT (now() AT TIME ZONE zone(g.id))::date AS today) t, generate_series(0, 89) n;
CREATE TEMP VIEW actual AS SELECT garage_id, garage_name, payment_date, currency, payment_count, gross_revenue, total_stripe_fees, total_platform_fees, garage_profit, refunds, is_today FROM vend_reports.mv_daily_revenue;
SELECT count(*) FROM ((TABLE expected EXCEPT ALL TABLE actual) UNION ALL (TABLE actual EXCEPT ALL TABLE expected)) d;
SELECT count(*) = (SELECT count(*) FROM garages g LEFT JOIN (SELECT DISTINCT garage_id, cur FROM paid) c ON c.garage_id = g.id) * 90 AS dense FROM actual;
-- Seven payments of 12.45 at 10 percent are 8.75 in fees, not 8.72.
SELECT sum(vend_marts.counted_payments.platform_fee) FROM vend_marts.counted_payments JOIN (SELECT id FROM garages ORDER BY id OFFSET 1 LIMIT 1) g ON g.id = garage_id WHERE currency = 'chf';
DELETE FROM vend_internal.platform_fees;
SELECT sum(platform_fee) FROM vend_marts.counted_payments JOIN (SELECT id FROM garages ORDER BY id OFFSET 1 LIMIT 1) g ON g.id = garage_id WHERE currency = 'chf';
DROP VIEW expected, actual;

-- mv_active_subscriptions and mv_current_month_metrics, one subscription at a time.
CREATE TEMP TABLE subs AS
SELECT s.*,
    CASE WHEN s.status IN ('trialing', 'incomplete', 'incomplete_expired') OR s.monthly_amount <= 0 THEN s.created_at
        WHEN s.status IN ('unpaid', 'paused') THEN least(CASE WHEN s.cancel_at_period_end THEN s.current_period_end END,
            CASE WHEN s.status = 'unpaid' THEN coalesce(s.renewal_attempted_at, s.updated_at) ELSE s.updated_at END)
        WHEN s.cancel_at_period_end AND s.current_period_end IS NOT NULL THEN s.current_period_end
        WHEN s.status = 'canceled' THEN coalesce(s.canceled_at, s.updated_at)
        ELSE 'infinity' END AS ended,
    coalesce((SELECT p.cur FROM paid p WHERE p.subscription_id = s.id ORDER BY p.payment_date, p.id LIMIT 1),
        (SELECT min(p.cur) FROM paid p WHERE p.garage_id = s.garage_id HAVING count(DISTINCT p.cur) = 1)) AS cur
FROM subscriptions s;
CREATE FUNCTION month_start(garage uuid) RETURNS timestamp STABLE LANGUAGE sql AS $$
    SELECT (date_trunc('month', now() AT TIME ZONE reports.zone(garage)) AT TIME ZONE reports.zone(garage)) AT TIME ZONE 'UTC' $$;
CREATE TEMP VIEW scopes AS
SELECT g.id AS garage_id, c.cur FROM garages g LEFT JOIN (SELECT garage_id, cur FROM paid UNION SELECT garage_id, cur FROM subs WHERE created_at < ended) c ON c.garage_id = g.id;
CREATE TEMP VIEW expected AS
SELECT k.garage_id, k.cur, count(s.id) AS active, count(DISTINCT s.user_id) AS customers, coalesce(sum(s.monthly_amount), 0) AS mrr, round(avg(s.monthly_amount), 2) AS asp,
    count(*) FILTER (WHERE s.ended < 'infinity') AS pending
FROM scopes k LEFT JOIN subs s ON s.garage_id = k.garage_id AND s.cur IS NOT DISTINCT FROM k.cur AND s.created_at <= now() AT TIME ZONE 'UTC' AND now() AT TIME ZONE 'UTC' < s.ended
GROUP BY 1, 2;
CREATE TEMP VIEW actual AS SELECT garage_id, currency, active_count, unique_customers, monthly_recurring_revenue, avg_subscription_value, pending_cancellations FROM vend_reports.mv_active_subscriptions;
SELECT sum(active) > 30 AS enough, sum(active) > sum(customers) AS two_at_a_time, sum(pending) > 0 AS pending FROM expected;
SELECT count(*) FROM ((TABLE expected EXCEPT ALL TABLE actual) UNION ALL (TABLE actual EXCEPT ALL TABLE expected)) d;
DROP VIEW expected, actual;

CREATE TEMP VIEW expected AS
SELECT k.garage_id, k.cur,
    (SELECT coalesce(sum(p.amount), 0) FROM paid p WHERE p.garage_id = k.garage_id AND p.cur = k.cur AND p.payment_date >= month_start(k.garage_id) AND p.day <= (now() AT TIME ZONE zone(k.garage_id))::date) AS revenue,
    (SELECT count(*) FROM paid p WHERE p.garage_id = k.garage_id AND p.cur = k.cur AND p.payment_date >= month_start(k.garage_id) AND p.day <= (now() AT TIME ZONE zone(k.garage_id))::date) AS payments,
    count(*) FILTER (WHERE s.created_at <= at AND at < s.ended) AS active,
    count(*) FILTER (WHERE s.created_at < s.ended AND s.canceled_at BETWEEN month_start(k.garage_id) AND at AND (s.status = 'canceled' OR s.cancel_at_period_end)) AS cancellations,
    round(100.0 * count(*) FILTER (WHERE s.created_at < month_start(k.garage_id) AND month_start(k.garage_id) <= s.ended AND s.ended < at)
        / nullif(count(*) FILTER (WHERE s.created_at < month_start(k.garage_id) AND month_start(k.garage_id) <= s.ended AND s.created_at < s.ended), 0), 2) AS rate,
    count(*) FILTER (WHERE s.created_at < month_start(k.garage_id) AND month_start(k.garage_id) <= s.ended AND s.ended < at) AS churned
FROM scopes k LEFT JOIN subs s ON s.garage_id = k.garage_id AND s.cur IS NOT DISTINCT FROM k.cur, (SELECT now() AT TIME ZONE 'UTC' AS at) AS clock
GROUP BY 1, 2;
CREATE TEMP VIEW actual AS SELECT garage_id, currency, mtd_revenue, mtd_payment_count, active_subscriptions, mtd_cancellations, churn_rate_percent, mtd_churned_subscriptions FROM vend_reports.mv_current_month_metrics;
SELECT count(*) FROM ((TABLE expected EXCEPT ALL TABLE actual) UNION ALL (TABLE actual EXCEPT ALL TABLE expected)) d;
DROP VIEW expected, actual;

-- mv_current_occupancy, one visit at a time.
CREATE TEMP VIEW expected AS
SELECT g.id, g.name, g.capacity, n AS present, CASE WHEN g.capacity > 0 THEN round(100.0 * n / g.capacity, 2) END AS rate,
    greatest(g.capacity - n, 0) AS available, greatest(n - g.capacity, 0) AS over_capacity, stale
FROM garages g, (SELECT now() AT TIME ZONE 'UTC' AS at) clock, LATERAL (
    SELECT count(*) FILTER (WHERE at < ended) AS n, count(*) FILTER (WHERE ended <= at AND exited_at IS NULL) AS stale
    FROM (SELECT v.*, coalesce(v.exited_at, least(v.entered_at + interval '72 hours',
            (SELECT min(w.entered_at) FROM parked w WHERE w.garage_id = v.garage_id AND btrim(w.vehicle_plate) = btrim(v.vehicle_plate) AND btrim(v.vehicle_plate) <> '' AND w.entered_at > v.entered_at))) AS ended
        FROM parked v WHERE v.garage_id = g.id AND v.entered_at <= at AND (v.exited_at >= v.entered_at OR v.exited_at IS NULL)) v
) AS c;
CREATE TEMP VIEW actual AS SELECT garage_id, garage_name, capacity, current_occupancy, occupancy_rate, available_spots, over_capacity, stale_visits FROM vend_reports.mv_current_occupancy;
SELECT sum(present) > 10 AS enough, sum(stale) > 3 AS stale FROM expected;
SELECT * FROM ((TABLE expected EXCEPT ALL TABLE actual) UNION ALL (TABLE actual EXCEPT ALL TABLE expected)) d;
SELECT available_spots, over_capacity, occupancy_rate FROM vend_reports.mv_current_occupancy WHERE garage_name IN ('Empty', 'Negative') ORDER BY garage_name;
DROP VIEW expected, actual;

-- mv_failed_payments, one subscription at a time.
CREATE TEMP VIEW expected AS
SELECT s.id, s.stripe_subscription_id, s.garage_id, s.user_id, u.email::text, s.monthly_amount, s.cur, s.current_period_end AT TIME ZONE 'UTC' AS period_end, since,
    (now() AT TIME ZONE zone(s.garage_id))::date - since AS days
FROM subs s JOIN users u ON u.id = s.user_id, (SELECT now() AT TIME ZONE 'UTC' AS at) clock,
    LATERAL (SELECT CASE WHEN s.current_period_end < at THEN s.current_period_end ELSE s.current_period_start END AS bound, (SELECT max(payment_date) FROM paid p WHERE p.subscription_id = s.id) AS captured) b,
    LATERAL (SELECT day_of(coalesce(min(c), bound), s.garage_id) AS since FROM (
        SELECT payment_date AS c FROM payments WHERE subscription_id = s.id AND status = 'failed' UNION ALL SELECT s.renewal_attempted_at UNION ALL SELECT bound) c
        WHERE c <= at AND (c > captured OR captured IS NULL)) d
WHERE s.status IN ('past_due', 'unpaid');
CREATE TEMP VIEW actual AS SELECT subscription_id, stripe_subscription_id, garage_id, user_id, email, monthly_amount, currency, current_period_end, unpaid_since, days_past_due FROM vend_reports.mv_failed_payments;
SELECT count(*) > 3 AS enough, min(days) >= 0 AS sane FROM expected;
SELECT * FROM ((TABLE expected EXCEPT ALL TABLE actual) UNION ALL (TABLE actual EXCEPT ALL TABLE expected)) d;

-- Rows that came after attaching and that nobody would have let in: no report stops.
INSERT INTO subscriptions (id, user_id, garage_id, pass_id, stripe_price_id, status, current_period_start, current_period_end, cancel_at_period_end, canceled_at, monthly_amount, renewal_attempted_at, created_at, updated_at)
SELECT gen_random_uuid(), s.user_id, s.garage_id, s.pass_id, h.new_stripe_price_id, v.status::subscription_status, start, finish, n % 2 = 0, NULL, v.amount, attempted, created, updated
FROM (SELECT * FROM subscriptions ORDER BY id LIMIT 1) s, (SELECT * FROM pass_price_history ORDER BY id LIMIT 1) h, (VALUES
    (1, 'active', '-infinity'::timestamp, 'infinity'::timestamp, 'NaN'::numeric, NULL::timestamp, '-infinity'::timestamp, 'infinity'::timestamp),
    (2, 'past_due', 'infinity', 'infinity', 10, '-infinity', '-infinity', '-infinity'), (3, 'unpaid', '-infinity', '-infinity', 10, 'infinity', 'infinity', 'infinity'), (4, 'canceled', NULL, NULL, 10, NULL, '-infinity', 'infinity')) v(n, status, start, finish, amount, attempted, created, updated);
UPDATE subscriptions SET pass_id = (SELECT pass_id FROM pass_price_history ORDER BY id LIMIT 1) WHERE created_at = '-infinity';
INSERT INTO payments (id, garage_id, subscription_id, amount, stripe_fee, net_amount, status, currency, payment_date, created_at, updated_at)
SELECT gen_random_uuid(), s.garage_id, s.id, 'NaN', 0, 0, outcome::payment_status, 'usd', at, at, at
FROM subscriptions s, unnest('{succeeded,failed,refunded}'::text[]) outcome, unnest('{-infinity,infinity}'::timestamp[]) at WHERE s.created_at = '-infinity';
INSERT INTO parked (id, garage_id, entered_at, exited_at, created_at) SELECT gen_random_uuid(), id, at, NULL, now() FROM garages, unnest('{-infinity,infinity}'::timestamp[]) at;
UPDATE garages SET timezone = 'Nowhere' WHERE name = 'Empty';
SELECT (SELECT count(r::text) FROM vend_reports.mv_daily_revenue r) > 0 AND (SELECT count(r::text) FROM vend_reports.mv_active_subscriptions r) > 0 AND (SELECT count(r::text) FROM vend_reports.mv_current_month_metrics r) > 0
    AND (SELECT count(r::text) FROM vend_reports.mv_current_occupancy r) > 0 AND (SELECT count(r::text) FROM vend_reports.mv_failed_payments r) > 0 AND (SELECT count(r::text) FROM vend_marts.fact_subscription_periods r) > 0 AS still_read;

-- A reader needs to be a member of vend_bi and nothing else; a super admin's sees everything, nobody's nothing.
CREATE ROLE regress_reader IN ROLE vend_bi;
SET ROLE regress_reader;
SELECT (SELECT count(*) FROM vend_reports.mv_daily_revenue) + (SELECT count(*) FROM vend_reports.mv_active_subscriptions) + (SELECT count(*) FROM vend_reports.mv_current_month_metrics)
    + (SELECT count(*) FROM vend_reports.mv_current_occupancy) + (SELECT count(*) FROM vend_reports.mv_failed_payments) AS rows_for_nobody;
RESET ROLE;
BEGIN;
INSERT INTO users (id, role, created_at, updated_at) VALUES ('99999999-0000-0000-0000-000000000001', 'super_admin', now(), now());
SET LOCAL app.current_user_id = '99999999-0000-0000-0000-000000000001';
CREATE TEMP TABLE by_superuser AS
SELECT (SELECT count(*) FROM vend_reports.mv_daily_revenue) AS a, (SELECT count(*) FROM vend_reports.mv_active_subscriptions) AS b, (SELECT count(*) FROM vend_reports.mv_current_month_metrics) AS c,
    (SELECT count(*) FROM vend_reports.mv_current_occupancy) AS d, (SELECT count(*) FROM vend_reports.mv_failed_payments) AS e;
GRANT SELECT ON by_superuser TO regress_reader;
SET LOCAL ROLE regress_reader;
SELECT (SELECT count(*) FROM vend_reports.mv_daily_revenue) > 0 AND (SELECT count(*) FROM vend_reports.mv_active_subscriptions) > 0 AND (SELECT count(*) FROM vend_reports.mv_current_month_metrics) > 0
    AND (SELECT count(*) FROM vend_reports.mv_current_occupancy) > 0 AND (SELECT count(*) FROM vend_reports.mv_failed_payments) > 0 AS reads;
SELECT (SELECT count(*) FROM vend_reports.mv_daily_revenue) = a AND (SELECT count(*) FROM vend_reports.mv_active_subscriptions) = b AND (SELECT count(*) FROM vend_reports.mv_current_month_metrics) = c
    AND (SELECT count(*) FROM vend_reports.mv_current_occupancy) = d AND (SELECT count(*) FROM vend_reports.mv_failed_payments) = e AS reads_everything FROM by_superuser;
ROLLBACK;
DROP ROLE regress_reader;

-- Who is there, by any stale_visit_cap, is whose visit has not ended; an exit may be known ahead.
BEGIN;
UPDATE parked SET exited_at = now() AT TIME ZONE 'UTC' + interval '1 hour' WHERE id IN (SELECT id FROM parked WHERE exited_at IS NULL ORDER BY id LIMIT 3);
UPDATE parked SET entered_at = '-infinity' WHERE id IN (SELECT id FROM parked WHERE exited_at IS NULL ORDER BY id LIMIT 2);
CREATE VIEW presence AS
SELECT count(*) AS garages, sum(r.current_occupancy) > 0 AS anybody, sum(r.stale_visits) > 0 AS stale,
    count(*) FILTER (WHERE (r.current_occupancy, r.stale_visits) <> (v.present, v.stale)) AS wrong
FROM vend_reports.mv_current_occupancy r
JOIN LATERAL (
    SELECT count(*) FILTER (WHERE now() < v.ended_at) AS present, count(*) FILTER (WHERE v.exited_at IS NULL AND v.ended_at <= now()) AS stale
    FROM vend_marts.visits v WHERE v.garage_id = r.garage_id AND v.entered_at <= now()) AS v ON true;
SELECT * FROM presence;
SELECT vend.set_policy('stale_visit_cap', 'none');
SELECT * FROM presence;
SELECT vend.set_policy('stale_visit_cap', '1 hour');
SELECT * FROM presence;
ROLLBACK;

-- The calendar has the usual years, and whole years more where there is data, stored or not.
CREATE VIEW calendar AS SELECT min(date_day), max(date_day), count(*) = max(date_day) - min(date_day) + 1 AS without_gaps FROM vend_marts.dim_date;
BEGIN;
SELECT * FROM calendar;
INSERT INTO payments (id, garage_id, amount, stripe_fee, net_amount, status, currency, payment_date, created_at, updated_at)
SELECT gen_random_uuid(), id, 1, 0, 1, 'succeeded', 'usd', '2019-07-01', '2019-07-01', '2019-07-01' FROM garages LIMIT 1;
SELECT * FROM calendar;
SELECT count(*) > 0 AS refreshed FROM vend.refresh();
INSERT INTO parked (id, garage_id, vehicle_plate, entered_at, exited_at, created_at)
SELECT gen_random_uuid(), id, 'B-1', '2018-03-01', '2018-03-01 01:00', '2018-03-01' FROM garages LIMIT 1;
SELECT * FROM calendar;
INSERT INTO garage_daily_occupancy (id, garage_id, day, hourly_occupancy, created_at) SELECT gen_random_uuid(), id, '2036-02-29', '[1]', now() FROM garages LIMIT 1;
INSERT INTO garage_daily_occupancy (id, garage_id, day, hourly_occupancy, created_at) SELECT gen_random_uuid(), id, 'infinity', '[1]', now() FROM garages LIMIT 1;
SELECT * FROM calendar;
UPDATE subscriptions SET created_at = '2017-12-31' WHERE id = (SELECT min(id::text)::uuid FROM subscriptions WHERE status = 'active' AND isfinite(created_at));
SELECT * FROM calendar;
ROLLBACK;
SELECT * FROM calendar;
DROP VIEW calendar;

-- While a fee of everybody waits for a refresh, one garage's reports are computed from its own payments.
CREATE INDEX ON payments (garage_id, payment_date);
CREATE INDEX ON payments (garage_id, updated_at);
SELECT id AS one FROM garages WHERE id IN (SELECT garage_id FROM payments) ORDER BY id LIMIT 1 OFFSET 2 \gset
-- What an index scan reads is counted with the index.
SET enable_seqscan = off;
SET enable_indexscan = off;
BEGIN;
SELECT vend.set_platform_fee(9, now() - interval '1000 days');
CREATE TEMP VIEW looked_at AS SELECT pg_stat_get_xact_tuples_fetched('payments'::regclass) + pg_stat_get_xact_tuples_returned('payments'::regclass) AS payments;
SELECT payments AS before FROM looked_at \gset
SELECT count(*) >= 90 AS shown FROM vend_reports.mv_daily_revenue WHERE garage_id = :'one';
SELECT payments - :before AS of_one FROM looked_at \gset
SELECT :of_one > 0 AS live, :of_one <= 3 * count(*) AS "not of others" FROM payments WHERE garage_id = :'one';
ROLLBACK;
RESET enable_seqscan;
RESET enable_indexscan;

-- A currency is shown as soon as there is a payment in it, however old, and as long as there is one; a noted day that is not
-- shown any more is asked for its currencies only.
BEGIN;
CREATE TEMP VIEW currencies AS SELECT currency, count(*) AS days, sum(payment_count) AS payments FROM vend_reports.mv_daily_revenue WHERE garage_id = :'one' GROUP BY 1;
CREATE TEMP VIEW other AS SELECT currency, days, payments FROM currencies WHERE currency IN ('chf', 'nok') ORDER BY 1;
SELECT count(*) > 0 AS refreshed FROM vend.refresh(); TABLE other;
INSERT INTO payments (id, garage_id, amount, stripe_fee, net_amount, status, currency, payment_date, created_at, updated_at)
SELECT md5(c || s)::uuid, :'one', 10, 1, 9, s::payment_status, c, now() - interval '400 days', now() - interval '400 days', now() - interval '300 days'
FROM (VALUES ('chf', 'succeeded'), ('nok', 'failed')) AS v(c, s);
TABLE other; SELECT count(*) > 0 AS refreshed FROM vend.refresh(); TABLE other;
UPDATE payments SET status = 'refunded' WHERE currency IN ('chf', 'nok'); TABLE other;
UPDATE payments SET status = 'failed' WHERE currency = 'chf'; TABLE other;
SELECT vend.set_platform_fee(9); TABLE other; SELECT count(*) > 0 AS refreshed FROM vend.refresh(); TABLE other;
UPDATE payments SET payment_date = now(), status = 'succeeded', updated_at = now() WHERE currency = 'chf'; DELETE FROM payments WHERE currency = 'nok'; TABLE other;
SELECT count(*) > 0 AS refreshed FROM vend.refresh(); TABLE other;
ROLLBACK;
-- Nothing at all: an attached source without a row.
TRUNCATE users, garages, passes, subscriptions, payments, pass_price_history, garage_admins, parked, garage_daily_occupancy;
SELECT (SELECT count(*) FROM vend_reports.mv_daily_revenue) + (SELECT count(*) FROM vend_reports.mv_active_subscriptions) + (SELECT count(*) FROM vend_reports.mv_current_month_metrics)
    + (SELECT count(*) FROM vend_reports.mv_current_occupancy) + (SELECT count(*) FROM vend_reports.mv_failed_payments) AS rows;
SELECT vend.set_platform_fee(101);
\echo :LAST_ERROR_SQLSTATE
SELECT vend.set_platform_fee(NULL);
\echo :LAST_ERROR_SQLSTATE
DROP VIEW expected, actual, scopes;
SELECT vend.detach();
RESET search_path;
DROP SCHEMA reports CASCADE;
