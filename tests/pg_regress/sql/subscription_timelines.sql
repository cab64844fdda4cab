-- The rollup of subscriptions: after any write its rows are those of its query, and the movements that are read from it are
-- those that plain SQL finds in the ledger.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
SET jit = off;
SELECT count(*) > 0 AS made FROM vend.create_demo('subs', garages => 5, customers_per_garage => 12, months => 8);
SET search_path = subs;
-- Customers of several garages, and payments in a second currency.
UPDATE subscriptions SET user_id = (SELECT id FROM users ORDER BY id LIMIT 1) WHERE id::text ~ '^[0-3]';
UPDATE payments SET currency = 'CHF' WHERE id::text ~ '^[0-2]';
SELECT count(*) > 0 AS attached FROM vend.attach('subs', timezone => 'America/New_York');

-- Every subscription's currency looked up in the tables, one by one.
CREATE VIEW first_payments AS
SELECT DISTINCT ON (subscription_id) subscription_id, lower(btrim(currency)) AS currency
FROM payments WHERE status IN ('succeeded', 'refunded') AND subscription_id IS NOT NULL ORDER BY subscription_id, payment_date, id;
CREATE VIEW periods AS
SELECT l.*, CASE WHEN f.subscription_id IS NOT NULL THEN f.currency ELSE (
    SELECT min(lower(btrim(p.currency))) FROM payments p WHERE p.garage_id = l.garage_id AND p.status IN ('succeeded', 'refunded')
    HAVING count(DISTINCT lower(btrim(p.currency))) = 1) END AS currency
FROM vend_internal.ledger l LEFT JOIN first_payments f USING (subscription_id);
CREATE FUNCTION wrong(OUT rollup bigint, OUT periods bigint) LANGUAGE sql AS $$
    SELECT (SELECT count(*) FROM ((TABLE vend_reports.subscription_timelines EXCEPT ALL TABLE vend_internal.query_subscription_timelines)
            UNION ALL (TABLE vend_internal.query_subscription_timelines EXCEPT ALL TABLE vend_reports.subscription_timelines)) d),
        (SELECT count(*) FROM (
            (SELECT subscription_id, valid_from, garage_id, pass_id, currency FROM subs.periods
            EXCEPT ALL SELECT subscription_id, valid_from, garage_id, pass_id, currency FROM vend_marts.fact_subscription_periods)
            UNION ALL
            (SELECT subscription_id, valid_from, garage_id, pass_id, currency FROM vend_marts.fact_subscription_periods
            EXCEPT ALL SELECT subscription_id, valid_from, garage_id, pass_id, currency FROM subs.periods)) d) $$;
CREATE VIEW state AS SELECT is_built, pending_notes > 0 AS notes, w.* FROM vend.freshness, wrong() AS w WHERE freshness.rollup = 'subscription_timelines';

TABLE state;
SELECT keys_refreshed > 0 AS built FROM vend.refresh('subscription_timelines');
TABLE state;
SELECT count(*) > 10 AS enough, count(DISTINCT currency) AS currencies, bool_or(NOT has_payments) AS unpaid FROM vend_reports.subscription_timelines;

-- A renewal notes its subscription, but no key; an earlier payment, or one that is no longer captured, does.
CREATE VIEW touched AS SELECT count(DISTINCT (garage_id, pass_id)) AS keys FROM vend_internal.dirty_subscription_timelines_1;
CREATE VIEW payer AS SELECT DISTINCT ON (id) s.id, s.garage_id, min(p.payment_date) AS first_at FROM subscriptions s JOIN payments p ON p.subscription_id = s.id
    JOIN vend_internal.ledger l ON l.subscription_id = s.id WHERE p.status = 'succeeded' GROUP BY s.id HAVING count(DISTINCT l.pass_id) = 1 ORDER BY id;
CREATE TEMP TABLE one AS SELECT * FROM payer ORDER BY id LIMIT 1;
CREATE FUNCTION pay(at timestamp, status payment_status DEFAULT 'succeeded', currency text DEFAULT 'eur') RETURNS uuid LANGUAGE sql AS $$
    INSERT INTO subs.payments (id, subscription_id, garage_id, amount, stripe_fee, net_amount, status, currency, payment_date, created_at, updated_at)
    SELECT gen_random_uuid(), id, garage_id, 10, 1, 9, status, currency, at, at, at FROM one RETURNING id $$;
SELECT pay(now()::timestamp) IS NOT NULL AS renewed; TABLE state; TABLE touched;
SELECT pay((SELECT first_at FROM one) - interval '1 day', 'failed', 'sek') IS NOT NULL AS tried; TABLE state; TABLE touched;
SELECT keys_refreshed FROM vend.refresh('subscription_timelines'); TABLE state;
SELECT pay((SELECT first_at FROM one) - interval '2 days', 'succeeded', 'sek') IS NOT NULL AS paid; TABLE state; TABLE touched;
SELECT DISTINCT currency FROM vend_marts.fact_subscription_periods WHERE subscription_id = (SELECT id FROM one);
SELECT keys_refreshed, rows_changed > 0 AS changed FROM vend.refresh('subscription_timelines'); TABLE state;
UPDATE payments SET currency = 'NOK' WHERE currency = 'sek'; TABLE state;
UPDATE payments SET status = 'pending' WHERE currency = 'NOK'; TABLE state;
DELETE FROM payments WHERE currency = 'NOK'; TABLE state;
UPDATE payments SET amount = amount + 1; SELECT rollup, rows_changed FROM vend.refresh('subscription_timelines'); TABLE state;
-- One without any payment has its garage's currency while that is the only one, and then none.
CREATE TEMP TABLE fresh AS SELECT s.id, s.garage_id FROM subscriptions s JOIN vend_internal.ledger l ON l.subscription_id = s.id
    WHERE s.garage_id = (SELECT garage_id FROM one) ORDER BY s.id DESC LIMIT 1;
UPDATE payments SET currency = 'usd' WHERE garage_id = (SELECT garage_id FROM fresh);
DELETE FROM payments WHERE subscription_id = (SELECT id FROM fresh); TABLE state;
SELECT DISTINCT currency FROM vend_marts.fact_subscription_periods WHERE subscription_id = (SELECT id FROM fresh);
UPDATE payments SET currency = 'gbp' WHERE id = (SELECT id FROM payments WHERE garage_id = (SELECT garage_id FROM fresh) AND status = 'succeeded' ORDER BY id LIMIT 1); TABLE state;
SELECT DISTINCT currency FROM vend_marts.fact_subscription_periods WHERE subscription_id = (SELECT id FROM fresh);
-- The garages and passes that are left and entered are both noted.
UPDATE subscriptions SET pass_id = (SELECT id FROM passes ORDER BY id LIMIT 1), garage_id = (SELECT garage_id FROM passes ORDER BY id LIMIT 1) WHERE id::text ~ '^[4-6]'; TABLE state;
SELECT keys_refreshed > 1 AS both_sides FROM vend.refresh('subscription_timelines'); TABLE state;
INSERT INTO subscriptions (id, user_id, garage_id, pass_id, status, monthly_amount, created_at, updated_at)
SELECT gen_random_uuid(), u.id, p.garage_id, p.id, 'active', 33, now() - interval '400 days', now()
FROM (SELECT * FROM users ORDER BY id LIMIT 3) u, (SELECT * FROM passes ORDER BY id DESC LIMIT 1) p; TABLE state;
ALTER TABLE payments DROP CONSTRAINT payments_subscription_id_fkey;
DELETE FROM subscriptions WHERE id::text ~ '^[78]'; TABLE state;
UPDATE payments SET subscription_id = (SELECT id FROM one) WHERE id::text ~ '^[89]'; TABLE state;
UPDATE garages SET timezone = 'Asia/Tokyo'; TABLE state;
SELECT vend.set_policy('past_due_grace', '3 days'); TABLE state;
SELECT vend.set_policy('past_due_grace', 'default'); TABLE state;
BEGIN; TRUNCATE payments; TABLE state; ROLLBACK; TABLE state;

-- Random writes, with a refresh now and then.
SELECT setseed(0.4);
DO $$
DECLARE
    n int;
BEGIN
    FOR n IN 1..60 LOOP
        CASE (random() * 8)::int
        WHEN 0 THEN DELETE FROM payments WHERE id IN (SELECT id FROM payments ORDER BY random() LIMIT 3);
        WHEN 1 THEN INSERT INTO payments SELECT gen_random_uuid(), NULL, id, garage_id, 5, 0, 5, 'succeeded', (ARRAY['usd', 'eur'])[1 + n % 2], created_at + random() * interval '90 days', now(), now()
            FROM (SELECT * FROM subscriptions ORDER BY random() LIMIT 3) s;
        WHEN 2 THEN UPDATE payments SET currency = (ARRAY['usd', 'eur', 'sek'])[1 + n % 3], payment_date = payment_date - random() * interval '200 days' WHERE id IN (SELECT id FROM payments ORDER BY random() LIMIT 4);
        WHEN 3 THEN UPDATE payments SET subscription_id = (SELECT id FROM subscriptions ORDER BY random() LIMIT 1) WHERE id IN (SELECT id FROM payments ORDER BY random() LIMIT 4);
        WHEN 4 THEN UPDATE payments SET status = (enum_range(NULL::payment_status))[1 + n % 4] WHERE id IN (SELECT id FROM payments ORDER BY random() LIMIT 4);
        WHEN 5 THEN UPDATE subscriptions SET status = (ARRAY['active', 'canceled', 'unpaid'])[1 + n % 3]::subscription_status, updated_at = now() WHERE id IN (SELECT id FROM subscriptions ORDER BY random() LIMIT 3);
        WHEN 6 THEN UPDATE subscriptions SET pass_id = p.id, garage_id = p.garage_id FROM (SELECT * FROM passes ORDER BY random() LIMIT 1) p WHERE subscriptions.id IN (SELECT id FROM subscriptions ORDER BY random() LIMIT 2);
        WHEN 7 THEN UPDATE subscriptions SET monthly_amount = monthly_amount + n WHERE id IN (SELECT id FROM subscriptions ORDER BY random() LIMIT 2);
        ELSE PERFORM vend.refresh('subscription_timelines');
        END CASE;
        IF (SELECT w.rollup + w.periods FROM subs.wrong() AS w) > 0 THEN
            RAISE EXCEPTION 'wrong after write %', n;
        END IF;
    END LOOP;
END $$;
SELECT rollup FROM vend.refresh('subscription_timelines'); TABLE state;
SELECT keys_checked > 10 AS checked, keys_wrong FROM vend.verify('subscription_timelines');

-- What each customer paid just before each month of each scope, and what that makes of the month.
UPDATE garages SET timezone = (ARRAY['Asia/Tokyo', 'UTC', NULL])[1 + ascii(right(id::text, 1)) % 3];
CREATE FUNCTION starts(day date, zone text) RETURNS timestamptz LANGUAGE sql STABLE AS $$ SELECT vend_internal.day_start(day, zone) $$;
CREATE VIEW scoped AS
SELECT 'garage' AS scope, garage_id AS scope_id, currency, user_id, subscription_id, valid_from, valid_to, monthly_amount FROM periods
UNION ALL SELECT 'pass', pass_id, currency, user_id, subscription_id, valid_from, valid_to, monthly_amount FROM periods
UNION ALL SELECT 'platform', NULL, currency, user_id, subscription_id, valid_from, valid_to, monthly_amount FROM periods;
CREATE VIEW shown AS
SELECT 'garage' AS scope, garage_id AS scope_id, currency, m.* FROM vend_marts.garage_movements g, LATERAL (SELECT month, opening_mrr, new_mrr, expansion_mrr, contraction_mrr,
    churned_mrr, reactivation_mrr, closing_mrr, opening_customers, new_customers, churned_customers, reactivated_customers, closing_customers,
    opening_subscriptions, churned_subscriptions, closing_subscriptions, is_complete) m
UNION ALL
SELECT 'pass', pass_id, currency, m.* FROM vend_marts.pass_movements p, LATERAL (SELECT month, opening_mrr, new_mrr, expansion_mrr, contraction_mrr,
    churned_mrr, reactivation_mrr, closing_mrr, opening_customers, new_customers, churned_customers, reactivated_customers, closing_customers,
    opening_subscriptions, churned_subscriptions, closing_subscriptions, is_complete) m
UNION ALL
SELECT 'platform', NULL, currency, m.* FROM vend_marts.platform_movements p, LATERAL (SELECT month, opening_mrr, new_mrr, expansion_mrr, contraction_mrr,
    churned_mrr, reactivation_mrr, closing_mrr, opening_customers, new_customers, churned_customers, reactivated_customers, closing_customers,
    opening_subscriptions, churned_subscriptions, closing_subscriptions, is_complete) m;
BEGIN;
CREATE TEMP TABLE shown_rows AS TABLE shown;
CREATE TEMP TABLE bounds AS
SELECT DISTINCT ON (r.scope, r.scope_id, month) r.scope, r.scope_id, month, starts(month, zone) AS opens, least(starts((month + interval '1 month')::date, zone), now()) AS closes, starts((month + interval '1 month')::date, zone) <= now() AS is_complete
FROM shown_rows r LEFT JOIN passes p ON r.scope = 'pass' AND p.id = r.scope_id LEFT JOIN garages g ON g.id = coalesce(p.garage_id, r.scope_id),
    LATERAL (SELECT CASE r.scope WHEN 'platform' THEN 'America/New_York' ELSE coalesce(g.timezone, 'America/New_York') END AS zone) z;
CREATE TEMP TABLE pairs AS
SELECT s.scope, s.scope_id, s.currency, b.month, b.is_complete, s.user_id,
    coalesce(sum(monthly_amount) FILTER (WHERE valid_from < opens AND opens <= valid_to), 0) AS before,
    coalesce(sum(monthly_amount) FILTER (WHERE valid_from < closes AND closes <= valid_to), 0) AS after,
    bool_or(valid_from < opens) AS earlier
FROM scoped s JOIN bounds b ON b.scope = s.scope AND b.scope_id IS NOT DISTINCT FROM s.scope_id
GROUP BY 1, 2, 3, 4, 5, 6;
CREATE TEMP TABLE subscription_pairs AS
SELECT s.scope, s.scope_id, s.currency, b.month, s.subscription_id,
    coalesce(bool_or(valid_from < opens AND opens <= valid_to), false) AS before, coalesce(bool_or(valid_from < closes AND closes <= valid_to), false) AS after
FROM scoped s JOIN bounds b ON b.scope = s.scope AND b.scope_id IS NOT DISTINCT FROM s.scope_id
GROUP BY 1, 2, 3, 4, 5;
CREATE TEMP TABLE expected AS
SELECT p.scope, p.scope_id, p.currency, p.month, sum(before) AS opening_mrr,
    coalesce(sum(after) FILTER (WHERE before = 0 AND NOT earlier), 0) AS new_mrr,
    coalesce(sum(after - before) FILTER (WHERE before > 0 AND after > before), 0) AS expansion_mrr,
    coalesce(sum(before - after) FILTER (WHERE after > 0 AND after < before), 0) AS contraction_mrr,
    coalesce(sum(before) FILTER (WHERE after = 0), 0) AS churned_mrr,
    coalesce(sum(after) FILTER (WHERE before = 0 AND earlier), 0) AS reactivation_mrr, sum(after) AS closing_mrr,
    count(*) FILTER (WHERE before > 0) AS opening_customers, count(*) FILTER (WHERE before = 0 AND after > 0 AND NOT earlier) AS new_customers,
    count(*) FILTER (WHERE before > 0 AND after = 0) AS churned_customers, count(*) FILTER (WHERE before = 0 AND after > 0 AND earlier) AS reactivated_customers,
    count(*) FILTER (WHERE after > 0) AS closing_customers, s.opening, s.churned, s.closing, p.is_complete
FROM pairs p JOIN (
    SELECT scope, scope_id, currency, month, count(*) FILTER (WHERE before) AS opening, count(*) FILTER (WHERE before AND NOT after) AS churned, count(*) FILTER (WHERE after) AS closing
    FROM subscription_pairs GROUP BY 1, 2, 3, 4) s ON s.scope = p.scope AND s.month = p.month AND s.scope_id IS NOT DISTINCT FROM p.scope_id AND s.currency IS NOT DISTINCT FROM p.currency
GROUP BY 1, 2, 3, 4, s.opening, s.churned, s.closing, p.is_complete;
SELECT scope, count(DISTINCT (scope_id, currency)) > 1 AS scopes, sum(new_mrr) > 0 AS new, sum(churned_mrr) > 0 AS churned FROM expected GROUP BY 1 ORDER BY 1;
-- Scopes of nothing but payments, or of nothing, have zeros.
SELECT count(*) AS wrong, min(d::text) AS example FROM (
    (TABLE expected EXCEPT ALL TABLE shown_rows) UNION ALL
    (SELECT * FROM shown_rows r WHERE EXISTS (SELECT FROM expected e WHERE e.scope = r.scope AND e.scope_id IS NOT DISTINCT FROM r.scope_id AND e.currency IS NOT DISTINCT FROM r.currency)
    EXCEPT ALL TABLE expected)) d;
SELECT count(*) AS wrong FROM shown_rows r WHERE NOT EXISTS (SELECT FROM expected e WHERE e.scope = r.scope AND e.scope_id IS NOT DISTINCT FROM r.scope_id AND e.currency IS NOT DISTINCT FROM r.currency)
    AND (opening_mrr, closing_mrr, new_mrr, closing_customers, closing_subscriptions) <> (0, 0, 0, 0, 0);
-- Every month is there, from the earliest record on to the running one, which is not complete.
SELECT count(*) AS wrong FROM (
    SELECT r.scope, r.scope_id, r.currency, count(*) AS months, min(month) AS first, max(month) AS last, count(*) FILTER (WHERE NOT is_complete) AS incomplete
    FROM shown_rows r GROUP BY 1, 2, 3) m
WHERE months <> (extract(year FROM last) - extract(year FROM first)) * 12 + extract(month FROM last) - extract(month FROM first) + 1 OR incomplete <> 1;
SELECT count(*) AS wrong FROM (
    SELECT garage_id, min(month) AS first FROM vend_marts.garage_movements GROUP BY 1) m JOIN garages g ON g.id = m.garage_id, LATERAL (
    SELECT least(g.created_at, (SELECT min(payment_date) FROM payments p WHERE p.garage_id = g.id AND p.status IN ('succeeded', 'refunded')),
        (SELECT min(valid_from AT TIME ZONE 'UTC') FROM vend_internal.ledger l WHERE l.garage_id = g.id)) AS at) f
WHERE m.first <> date_trunc('month', (f.at AT TIME ZONE 'UTC') AT TIME ZONE coalesce(g.timezone, 'America/New_York'))::date;
SELECT count(DISTINCT garage_id) = (SELECT count(*) FROM garages) AS every_garage FROM vend_marts.garage_movements;
SELECT count(DISTINCT pass_id) = (SELECT count(*) FROM passes) AS every_pass FROM vend_marts.pass_movements;

-- Cohorts: by each customer's first paid instant in the scope, and whether they pay at the closing of each month.
CREATE TEMP TABLE cohorts AS
WITH c AS (
    SELECT s.scope, s.scope_id, s.currency, s.user_id, min(s.valid_from) AS joined FROM scoped s WHERE s.scope <> 'pass' GROUP BY 1, 2, 3, 4
), placed AS (
    SELECT c.*, b.month AS cohort FROM c JOIN bounds b ON b.scope = c.scope AND b.scope_id IS NOT DISTINCT FROM c.scope_id AND b.opens <= c.joined AND c.joined < b.closes
)
SELECT p.scope, p.scope_id, p.currency, p.cohort, (extract(year FROM b.month) - extract(year FROM p.cohort))::int * 12 + (extract(month FROM b.month) - extract(month FROM p.cohort))::int AS k,
    count(*) AS size, count(*) FILTER (WHERE paying.amount > 0) AS retained, sum(coalesce(paying.amount, 0)) AS retained_mrr, b.is_complete
FROM placed p JOIN bounds b ON b.scope = p.scope AND b.scope_id IS NOT DISTINCT FROM p.scope_id AND b.month >= p.cohort,
    LATERAL (SELECT sum(monthly_amount) AS amount FROM scoped s WHERE s.scope = p.scope AND s.scope_id IS NOT DISTINCT FROM p.scope_id AND s.currency IS NOT DISTINCT FROM p.currency
        AND s.user_id = p.user_id AND s.valid_from < b.closes AND b.closes <= s.valid_to) paying
GROUP BY 1, 2, 3, 4, 5, b.is_complete;
CREATE TEMP TABLE shown_cohorts AS
SELECT 'garage' AS scope, garage_id AS scope_id, currency, cohort_month, months_since_start, cohort_size, retained, retained_mrr, is_complete FROM vend_marts.garage_cohorts
UNION ALL SELECT 'platform', NULL, currency, cohort_month, months_since_start, cohort_size, retained, retained_mrr, is_complete FROM vend_marts.platform_cohorts;
SELECT count(*) > 50 AS enough FROM cohorts;
SELECT count(*) AS wrong, min(d::text) AS example FROM ((TABLE cohorts EXCEPT ALL TABLE shown_cohorts) UNION ALL (TABLE shown_cohorts EXCEPT ALL TABLE cohorts)) d;
COMMIT;

-- A garage without anything, and dates that are none: no report stops.
INSERT INTO garages (id, name, capacity, created_at, updated_at) VALUES (gen_random_uuid(), 'Empty', 1, '-infinity', now()), (gen_random_uuid(), 'Ahead', 1, now() + interval '90 days', now());
SELECT g.name, m.currency, count(*) AS months FROM vend_marts.garage_movements m JOIN garages g ON g.id = m.garage_id WHERE g.name IN ('Empty', 'Ahead') GROUP BY 1, 2 ORDER BY 1;
TRUNCATE users, garages, passes, subscriptions, payments, pass_price_history, garage_admins, parked, garage_daily_occupancy;
SELECT (SELECT count(*) FROM vend_marts.garage_movements) + (SELECT count(*) FROM vend_marts.pass_movements) AS rows;
TABLE state;
DROP VIEW payer, touched, shown, state, periods, first_payments, scoped CASCADE;
SELECT vend.detach();
RESET search_path;
DROP SCHEMA subs CASCADE;
