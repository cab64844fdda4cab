-- OFFSET 0 keeps today from being computed for each day, and an array is taken for ten currencies, not two hundred.
CREATE OR REPLACE VIEW vend_marts.daily_revenue AS
SELECT g.id AS garage_id, g.name AS garage_name, r.payment_date, r.currency,
    coalesce(r.payment_count, 0) AS payment_count,
    coalesce(r.gross_revenue, 0.00) AS gross_revenue,
    coalesce(r.total_stripe_fees, 0.00) AS total_stripe_fees,
    coalesce(r.total_platform_fees, 0.00) AS total_platform_fees,
    coalesce(r.garage_profit, 0.00) AS garage_profit,
    coalesce(r.refunds, 0.00) AS refunds,
    r.payment_date = today.date AS is_today
FROM vend_staging.stg_garages g
CROSS JOIN LATERAL (SELECT vend.local_day(now(), g.timezone) AS date OFFSET 0) AS today
CROSS JOIN LATERAL (
    WITH by_day AS MATERIALIZED (
        SELECT currency, day AS payment_date, sum(payment_count)::bigint AS payment_count, sum(gross_revenue) AS gross_revenue,
            sum(total_stripe_fees) AS total_stripe_fees, sum(total_platform_fees) AS total_platform_fees,
            sum(garage_profit) AS garage_profit, sum(refunds) AS refunds
        FROM vend_internal.exact_daily_revenue
        WHERE garage_id = g.id AND day > today.date - 90
        GROUP BY 1, 2
    )
    SELECT d.payment_date, c.currency, b.payment_count, b.gross_revenue, b.total_stripe_fees, b.total_platform_fees, b.garage_profit, b.refunds
    FROM (SELECT today.date - n AS payment_date FROM generate_series(0, 89) AS n) AS d
    LEFT JOIN unnest(ARRAY(
        SELECT currency FROM by_day
        UNION
        -- Other days are read for others only, and there are none as a rule.
        SELECT u.currency
        FROM vend_marts.garage_currencies u
        WHERE u.garage_id = g.id AND coalesce(u.currency, '') <> ALL (ARRAY(SELECT DISTINCT coalesce(currency, '') FROM by_day)))) AS c(currency) ON true
    LEFT JOIN by_day b ON b.payment_date = d.payment_date AND b.currency IS NOT DISTINCT FROM c.currency
) AS r;
COMMENT ON VIEW vend_marts.daily_revenue IS 'What vend_reports.mv_daily_revenue shows, of every garage.';
