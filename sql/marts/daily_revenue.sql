CREATE OR REPLACE VIEW vend_marts.daily_revenue AS
SELECT g.id AS garage_id, g.name AS garage_name, d.payment_date, c.currency,
    coalesce(r.payment_count, 0) AS payment_count,
    coalesce(r.gross_revenue, 0.00) AS gross_revenue,
    coalesce(r.total_stripe_fees, 0.00) AS total_stripe_fees,
    coalesce(r.total_platform_fees, 0.00) AS total_platform_fees,
    coalesce(r.garage_profit, 0.00) AS garage_profit,
    coalesce(r.refunds, 0.00) AS refunds,
    d.payment_date = today.date AS is_today
FROM vend_staging.stg_garages g
CROSS JOIN LATERAL (SELECT vend.local_day(now(), g.timezone) AS date) AS today
CROSS JOIN LATERAL (SELECT today.date - n AS payment_date FROM generate_series(0, 89) AS n) AS d
LEFT JOIN (SELECT DISTINCT garage_id, currency FROM vend_internal.exact_daily_revenue) AS c ON c.garage_id = g.id
LEFT JOIN (
    SELECT garage_id, day, currency, sum(payment_count)::bigint AS payment_count, sum(gross_revenue) AS gross_revenue,
        sum(total_stripe_fees) AS total_stripe_fees, sum(total_platform_fees) AS total_platform_fees,
        sum(garage_profit) AS garage_profit, sum(refunds) AS refunds
    FROM vend_internal.exact_daily_revenue
    -- No zone is further than a day from UTC: older rows need not be looked at.
    WHERE day >= (now() AT TIME ZONE 'UTC')::date - 91
    GROUP BY garage_id, day, currency
) AS r ON r.garage_id = g.id AND r.day = d.payment_date
    AND r.currency IS NOT DISTINCT FROM c.currency;
COMMENT ON VIEW vend_marts.daily_revenue IS 'What vend_reports.mv_daily_revenue shows, of every garage.';
