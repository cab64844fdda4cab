-- The whole platform, as leadership sees it. Amounts are never converted: each currency stands alone.
\ir drawing.sql
\if :{?coloured}
\else
\set coloured off
\endif
SELECT pg_temp.headline('LEADERSHIP  ' || to_char(now(), 'Dy DD Mon YYYY HH24:MI') || ' UTC');
SELECT timezone FROM vend_internal.source \gset
CREATE TEMP VIEW platform AS
SELECT currency, count(DISTINCT garage_id) AS garages,
    count(DISTINCT subscription_id) AS subscriptions, count(DISTINCT user_id) AS customers,
    vend.mrr(monthly_amount, valid_from, valid_to, now()) AS mrr
FROM vend_marts.fact_subscription_periods WHERE valid_from <= now() AND now() < valid_to GROUP BY currency;
SELECT currency AS main FROM platform ORDER BY mrr DESC LIMIT 1 \gset

SELECT format('%-5s %8s %14s %10s %14s %16s %14s', '', 'garages', 'subscriptions', 'customers', 'MRR', 'ARR', 'revenue, MTD');
SELECT format('%-5s %8s %14s %10s %14s %16s %14s', p.currency, p.garages, p.subscriptions, p.customers, pg_temp.money(p.mrr), pg_temp.money(12 * p.mrr), pg_temp.money(m.revenue))
FROM platform p
LEFT JOIN (SELECT currency, sum(mtd_revenue) AS revenue FROM vend_reports.mv_current_month_metrics GROUP BY currency) m USING (currency)
ORDER BY p.mrr DESC;
SELECT format(E'\nParked now  %s  %s of %s spaces (%s %%) in %s garages', pg_temp.bar(sum(current_occupancy), sum(capacity), 30), sum(current_occupancy), sum(capacity),
    round(100.0 * sum(current_occupancy) / nullif(sum(capacity), 0), 1), count(*))
FROM vend_reports.mv_current_occupancy;
SELECT format('Unpaid      %s subscriptions are past due or unpaid', count(*)) FROM vend_reports.mv_failed_payments;

SELECT format(E'\nTop garages by revenue of the last 30 days (%s)', :'main');
SELECT format('  %-28s %s %12s', left(garage_name, 28), pg_temp.bar(revenue, max(revenue) OVER (), 30), pg_temp.money(revenue))
FROM (
    SELECT garage_id, garage_name, sum(gross_revenue) AS revenue FROM vend_reports.mv_daily_revenue
    WHERE currency = :'main' AND payment_date > vend.local_day(now(), :'timezone') - 30 GROUP BY garage_id, garage_name
) AS g ORDER BY revenue DESC, garage_id LIMIT 8;

SELECT format(E'\nRevenue by month (%s)', :'main');
SELECT format('  %s  %s %14s  %s', to_char(month, 'Mon YYYY'), pg_temp.bar(revenue, max(revenue) OVER (), 30), pg_temp.money(revenue),
    CASE WHEN is_complete THEN pg_temp.change(revenue, lag(revenue) OVER (ORDER BY month)) ELSE 'so far' END)
FROM (
    SELECT m::date AS month, coalesce(sum(r.gross_revenue), 0) AS revenue, m + interval '1 month' <= vend.local_day(now(), :'timezone') AS is_complete
    FROM generate_series(date_trunc('month', vend.local_day(now(), :'timezone')::timestamp) - interval '11 months', vend.local_day(now(), :'timezone'), '1 month') m
    LEFT JOIN vend_reports.daily_revenue r ON r.currency = :'main' AND date_trunc('month', r.day::timestamp) = m
    GROUP BY m
) AS trend ORDER BY month;

SELECT format(E'\nMRR in %s (%s): %s opening, %s new, %s expansion, %s reactivation, %s contraction, %s churned, %s closing',
    to_char(period, 'FMMonth'), :'main', pg_temp.money(opening_mrr), pg_temp.money(new_mrr), pg_temp.money(expansion_mrr), pg_temp.money(reactivation_mrr),
    pg_temp.money(-contraction_mrr), pg_temp.money(-churned_mrr), pg_temp.money(closing_mrr))
FROM (SELECT (date_trunc('month', vend.local_day(now(), :'timezone')::timestamp) - interval '1 month')::date AS month) AS last,
    vend.mrr_movements((SELECT vend.timeline(user_id, valid_from, valid_to, monthly_amount)
        FROM vend_marts.fact_subscription_periods WHERE currency = :'main'), last.month, last.month + 1, timezone => :'timezone');

-- Customers by the month of their first paid instant, and what percent pays at each month's close (docs/timeline.md).
CREATE TEMP TABLE heat AS
SELECT cohort, period AS k, cohort_size AS size, retention_rate AS retained
FROM vend.cohort_retention(
    (SELECT vend.timeline(user_id, valid_from, valid_to, monthly_amount) FROM vend_marts.fact_subscription_periods), timezone => :'timezone')
WHERE cohort > vend.local_day(now(), :'timezone') - interval '12 months';
SELECT E'\nCohorts: percent of customers still paying at the end of each month since they joined';
SELECT format('  %-9s %5s ', 'joined', 'size') || (SELECT string_agg(lpad(k::text, 4) || ' ', '' ORDER BY k) FROM generate_series(0, 11) k);
SELECT format('  %-9s %5s ', to_char(cohort, 'Mon YYYY'), max(size)) || string_agg(pg_temp.cell(retained, :'coloured'), '' ORDER BY k)
FROM heat GROUP BY cohort ORDER BY cohort;
