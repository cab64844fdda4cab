-- vend_marts.fact_subscription_periods: paid intervals reconstructed from current rows, case by case (METRICS.md, 2).
SET timezone = 'UTC';
CREATE SCHEMA periods;
SET search_path = periods;
SET client_min_messages = warning;
\getenv inputs PG_ABS_SRCDIR
\set operational_tables :inputs '/sql/include/operational_tables.sql'
\set ECHO none
\i :operational_tables
\set ECHO all
RESET client_min_messages;

INSERT INTO users (id, created_at, updated_at) VALUES ('00000000-0000-0000-0000-0000000000aa', '2025-01-01', '2025-01-01');
INSERT INTO garages (id, name, capacity, created_at, updated_at)
VALUES ('00000000-0000-0000-0000-000000000001', 'One', 10, '2025-01-01', '2025-01-01');
INSERT INTO passes (id, garage_id, name, monthly_amount, active, created_at, updated_at)
VALUES ('00000000-0000-0000-0000-000000000011', '00000000-0000-0000-0000-000000000001', 'Day', 110, true, '2025-01-01', '2025-01-01');

-- One row a case; the last digits of the id are the case's number.
CREATE FUNCTION a_case(n int, status text, created timestamp, period_start timestamp, period_end timestamp, at_period_end bool,
    canceled timestamp, attempted timestamp, updated timestamp, amount numeric DEFAULT 100, price text DEFAULT NULL) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO subscriptions (id, user_id, garage_id, pass_id, stripe_price_id, status, current_period_start, current_period_end,
        cancel_at_period_end, canceled_at, monthly_amount, renewal_attempted_at, created_at, updated_at)
    SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, u.id, g.id, p.id, price, status,
        period_start, period_end, at_period_end, canceled, amount, attempted, created, updated
    FROM users u, garages g, passes p
$$;
SELECT a_case(n, status, '2025-02-25 08:00', '2025-07-25 08:00', '2025-08-25 08:00', at_end, canceled, attempted, updated, amount)
FROM (VALUES
    (1, 'active', false, NULL::timestamp, NULL::timestamp, '2025-07-25'::timestamp, 100),
    (2, 'trialing', false, NULL, NULL, '2025-03-01', 100),
    (3, 'incomplete', false, NULL, NULL, '2025-03-01', 100),
    (4, 'incomplete_expired', false, '2025-02-26', NULL, '2025-03-01', 100),
    (5, 'active', true, '2025-08-10', NULL, '2025-08-10', 100),
    (6, 'active', false, '2025-06-10', NULL, '2025-06-20', 100),
    (7, 'canceled', true, '2025-08-10', NULL, '2025-08-26', 100),
    (8, 'canceled', false, '2025-08-05 12:00', NULL, '2025-08-06', 100),
    (9, 'canceled', false, NULL, NULL, '2025-08-06', 100),
    (10, 'past_due', false, NULL, '2025-07-28', '2025-07-30', 100),
    (11, 'unpaid', false, NULL, '2025-07-28', '2025-08-20', 100),
    (12, 'unpaid', false, NULL, NULL, '2025-08-20', 100),
    (13, 'paused', false, NULL, '2025-07-28', '2025-08-01', 100),
    (14, 'active', false, NULL, NULL, '2025-08-01', 0),
    (15, 'active', false, NULL, NULL, '2025-08-01', -5),
    (16, 'canceled', false, '2025-02-20', NULL, '2025-03-01', 100),
    (17, 'unpaid', true, '2025-08-10', '2025-08-30', '2025-08-30', 100),
    (18, 'past_due', true, '2025-08-10', '2025-07-28', '2025-08-10', 100)
) AS c(n, status, at_end, canceled, attempted, updated, amount);

-- Prices: 90 to 110 on 10 May is paid from the renewal of 25 May (the example of METRICS.md).
INSERT INTO pass_price_history (id, pass_id, old_price, new_price, old_stripe_price_id, new_stripe_price_id, effective_date, created_at)
SELECT ('00000000-0000-0000-0001-' || lpad(n::text, 12, '0'))::uuid, '00000000-0000-0000-0000-000000000011', o, w, oid, nid, at, at
FROM (VALUES
    (1, 80, 90, 'p80', 'p90', '2025-03-30'::timestamp), (2, 90, 110, 'p90', 'p110', '2025-05-10'),
    -- There and back: 100, 120, 100 under the first price's id.
    (3, 100, 120, 'a', 'b', '2025-04-01'), (4, 120, 100, 'b', 'a', '2025-06-01'),
    -- A free price before, a change without a fall or rise, and one that no renewal has reached.
    (5, 0, 50, 'free', 'p50', '2025-05-01'), (6, 70, 70, 'c', 'd', '2025-05-01'), (7, 60, 65, 'e', 'f', '2025-08-01'),
    -- The end of January: renewals on 28 February and 31 March.
    (8, 10, 20, 'g', 'h', '2025-02-15')
) AS h(n, o, w, oid, nid, at);
SELECT a_case(n, status, created, period_start, period_start + interval '1 month', false, ended, NULL, '2025-08-01', amount, price)
FROM (VALUES
    (20, 'active', '2025-02-25 08:00'::timestamp, '2025-07-25 08:00'::timestamp, NULL::timestamp, 110, 'p110'),
    (21, 'active', '2025-04-25 08:00', '2025-07-25 08:00', NULL, 110, 'p110'),
    (22, 'active', '2025-05-10 00:00', '2025-07-10 00:00', NULL, 110, 'p110'),
    (23, 'active', '2025-03-15 00:00', '2025-07-15 00:00', NULL, 100, 'a'),
    (24, 'active', '2025-03-15 00:00', '2025-07-15 00:00', NULL, 50, 'p50'),
    (25, 'active', '2025-03-15 00:00', '2025-07-15 00:00', NULL, 70, 'd'),
    (26, 'active', '2025-03-15 00:00', '2025-07-15 00:00', NULL, 65, 'f'),
    (27, 'active', '2025-01-31 00:00', '2025-07-31 00:00', NULL, 20, 'h'),
    (28, 'canceled', '2025-02-25 08:00', '2025-07-25 08:00', '2025-05-20', 110, 'p110'),
    (29, 'active', '2025-03-15 00:00', NULL, NULL, 110, 'p110')
) AS c(n, status, created, period_start, ended, amount, price);
-- Payments only for the currency: two in case 1 (the first decides), none elsewhere, and the garage has used two.
INSERT INTO payments (id, subscription_id, garage_id, amount, stripe_fee, net_amount, status, currency, payment_date, created_at, updated_at)
SELECT ('00000000-0000-0000-0002-' || lpad(n::text, 12, '0'))::uuid, '00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000001',
    1, 0, 1, status, currency, at, at, at
FROM (VALUES (1, 'failed', 'gbp', '2025-01-01'::timestamp), (2, 'refunded', 'EUR', '2025-03-01'), (3, 'succeeded', 'usd', '2025-04-01')) AS p(n, status, currency, at);

SELECT count(*) AS objects FROM vend.attach('periods');
CREATE VIEW shown AS
SELECT right(subscription_id::text, 2) AS n, valid_from, valid_to, monthly_amount AS amount, currency, churn_reason AS reason
FROM vend_marts.fact_subscription_periods;
SELECT * FROM shown ORDER BY n, valid_from;

-- A grace ends paid time that goes on unpaid; hours, whatever the session's zone.
SELECT vend.set_policy('past_due_grace', '14 days');
SELECT * FROM shown WHERE n IN ('10', '18') ORDER BY n;
SELECT vend.set_policy('past_due_grace', 'none');
SELECT * FROM vend.policies ORDER BY policy;
SELECT vend.set_policy('past_due_grace', 'default');
SELECT * FROM vend.policies WHERE policy = 'past_due_grace';
SELECT vend.set_policy('past_due_grace', 'a while');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.set_policy('past_due_grace', '1 month');
SELECT vend.set_policy('stale_visit_cap', '-1 hour');
SELECT vend.set_policy('grace', '1 hour');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.set_policy('past_due_grace', NULL);
\echo :LAST_ERROR_SQLSTATE

-- Invariant 10: no overlap within a subscription, no empty interval, no amount of zero or less.
SELECT count(*) FROM vend_marts.fact_subscription_periods WHERE valid_to <= valid_from OR monthly_amount <= 0 OR origin <> 'reconstructed';
SELECT a.subscription_id FROM vend_marts.fact_subscription_periods a JOIN vend_marts.fact_subscription_periods b USING (subscription_id)
WHERE a.valid_from < b.valid_from AND b.valid_from < a.valid_to;

DROP VIEW shown;
SELECT vend.detach();
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA periods CASCADE;
