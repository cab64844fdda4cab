-- Paid intervals, reconstructed from each subscription's current row and its pass's price history (METRICS.md, 2).
CREATE OR REPLACE VIEW vend_marts.fact_subscription_periods AS
WITH RECURSIVE paid AS (
    SELECT s.id, s.user_id, s.garage_id, s.pass_id, s.monthly_amount, s.stripe_price_id, s.created_at,
        s.current_period_start, ending.service_end, ending.reason
    FROM vend_staging.stg_subscriptions s
    CROSS JOIN LATERAL (
        SELECT CASE WHEN s.cancel_at_period_end THEN s.current_period_end END AS scheduled,
            -- The instant of a change of status that nobody observed.
            CASE WHEN s.status IN ('past_due', 'unpaid') THEN coalesce(s.renewal_attempted_at, s.updated_at)
                ELSE s.updated_at END AS changed
    ) AS dates
    CROSS JOIN LATERAL (
        SELECT CASE s.status
            WHEN 'past_due' THEN dates.changed + vend_internal.policy('past_due_grace')
            WHEN 'unpaid' THEN dates.changed
            WHEN 'paused' THEN dates.changed
            WHEN 'canceled' THEN CASE WHEN dates.scheduled IS NULL THEN coalesce(s.canceled_at, dates.changed) END
        END AS stopped
    ) AS status
    CROSS JOIN LATERAL (
        SELECT coalesce(least(dates.scheduled, status.stopped), 'infinity') AS service_end,
            CASE
                WHEN dates.scheduled IS NULL AND status.stopped IS NULL THEN NULL
                WHEN s.status IN ('active', 'canceled') OR dates.scheduled <= status.stopped THEN 'voluntary'
                WHEN status.stopped IS NULL THEN 'voluntary'
                WHEN s.status = 'paused' THEN 'paused'
                ELSE 'involuntary'
            END AS reason
    ) AS ending
    WHERE s.status IN ('active', 'past_due', 'unpaid', 'paused', 'canceled')
        -- NaN is greater than infinity.
        AND s.monthly_amount > 0 AND s.monthly_amount < 'infinity' AND s.user_id IS NOT NULL AND s.created_at < ending.service_end
),
price_changes AS (
    SELECT h.pass_id, h.new_stripe_price_id, h.old_stripe_price_id, h.old_price, h.effective_date,
        lead(h.effective_date) OVER (
            PARTITION BY h.pass_id, h.new_stripe_price_id ORDER BY h.effective_date, h.id) AS repeated_at
    FROM vend_staging.stg_pass_price_history h
    WHERE h.old_price > 0 AND h.old_price < 'infinity' AND isfinite(h.effective_date)
),
-- Backwards in time: each step is the price before the one before it, paid until the renewal that raised it.
prices AS (
    SELECT p.id, 0 AS step, p.stripe_price_id AS price_id, p.monthly_amount AS amount,
        'infinity'::timestamptz AS effective_date, p.service_end AS valid_to
    FROM paid p
    UNION ALL
    SELECT p.id, later.step + 1, c.old_stripe_price_id, c.old_price, c.effective_date,
        least(p.service_end, coalesce(renewal.at, c.effective_date))
    FROM prices later
    JOIN paid p ON p.id = later.id
    -- Of several changes to one price the latest before the step already taken.
    JOIN price_changes c ON c.pass_id = p.pass_id AND c.new_stripe_price_id = later.price_id
        AND c.effective_date < later.effective_date
        AND (c.repeated_at IS NULL OR c.repeated_at >= later.effective_date)
        AND c.effective_date > p.created_at
    CROSS JOIN LATERAL (
        SELECT CASE WHEN isfinite(p.current_period_start) THEN p.current_period_start AT TIME ZONE 'UTC' END AS period, c.effective_date AT TIME ZONE 'UTC' AS effective
    ) AS utc
    CROSS JOIN LATERAL (
        -- Months back from the period's start to the month of the change.
        SELECT ((extract(year FROM utc.period) - extract(year FROM utc.effective)) * 12
            + extract(month FROM utc.period) - extract(month FROM utc.effective))::int AS months
    ) AS back
    CROSS JOIN LATERAL (
        SELECT min((utc.period - make_interval(months => n)) AT TIME ZONE 'UTC') AS at
        FROM generate_series(greatest(back.months - 1, 0), back.months) AS n
        WHERE utc.period - make_interval(months => n) >= utc.effective
    ) AS renewal
),
intervals AS (
    SELECT p.id, s.step, s.amount, s.valid_to,
        coalesce(lead(s.valid_to) OVER by_step, p.created_at) AS valid_from,
        -- Touching steps of one amount are one interval.
        count(*) FILTER (WHERE s.changes) OVER by_step AS island
    FROM (SELECT *, amount IS DISTINCT FROM lag(amount) OVER (PARTITION BY id ORDER BY step) AS changes FROM prices) s
    JOIN paid p ON p.id = s.id
    WINDOW by_step AS (PARTITION BY s.id ORDER BY s.step)
),
merged AS (
    SELECT id, amount, min(valid_from) AS valid_from, max(valid_to) AS valid_to
    FROM intervals
    WHERE valid_from < valid_to
    GROUP BY id, amount, island
)
SELECT p.id AS subscription_id, p.user_id, p.garage_id, p.pass_id, m.valid_from, m.valid_to,
    m.amount AS monthly_amount, c.currency,
    CASE WHEN m.valid_to = p.service_end THEN p.reason END AS churn_reason,
    'reconstructed'::text AS origin
FROM merged m
JOIN paid p ON p.id = m.id
LEFT JOIN vend_marts.subscription_currencies c ON c.subscription_id = p.id;
COMMENT ON VIEW vend_marts.fact_subscription_periods IS
    'Paid intervals [valid_from, valid_to) of each subscription, at one monthly_amount each; infinity: no end is known. '
    'churn_reason says why the last one ends. Reconstructed from current rows: an estimate for what lies before.';
