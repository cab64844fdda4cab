-- OFFSET 0 keeps today and the days with notes from being computed for each day, and an array is taken for ten currencies, not two hundred.
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
CROSS JOIN LATERAL (SELECT vend.local_day(now(), g.timezone) AS date, vend_internal.noted_revenue_days(g.id) AS noted OFFSET 0) AS today
CROSS JOIN LATERAL (
    WITH by_day AS MATERIALIZED (SELECT * FROM vend_internal.revenue_by_day(g.id, today.noted, today.date - 89, today.date))
    SELECT d.payment_date, c.currency, b.payment_count, b.gross_revenue, b.total_stripe_fees, b.total_platform_fees, b.garage_profit, b.refunds
    FROM (SELECT today.date - n AS payment_date FROM generate_series(0, 89) AS n) AS d
    LEFT JOIN unnest(ARRAY(
        SELECT currency FROM by_day
        UNION
        SELECT *
        FROM vend_internal.other_currencies(
            g.id, ARRAY(SELECT DISTINCT coalesce(currency, '') FROM by_day), today.noted, today.date - 89, today.date))) AS c(currency) ON true
    LEFT JOIN by_day b ON b.payment_date = d.payment_date AND b.currency IS NOT DISTINCT FROM c.currency
) AS r;
COMMENT ON VIEW vend_marts.daily_revenue IS 'What vend_reports.mv_daily_revenue shows, of every garage.';
