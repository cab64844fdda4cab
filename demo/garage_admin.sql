-- One garage, as its admin sees it: the garage with the most subscriptions.
\ir drawing.sql
SELECT g.id AS garage, g.name, g.timezone, a.currency, u.first_name || ' ' || u.last_name AS admin
FROM vend_reports.mv_active_subscriptions a
JOIN vend_staging.stg_garages g ON g.id = a.garage_id
LEFT JOIN vend_staging.stg_garage_admins ga ON ga.garage_id = g.id
LEFT JOIN vend_staging.stg_users u ON u.id = ga.user_id
ORDER BY a.active_count DESC, g.id, u.id LIMIT 1 \gset
SELECT pg_temp.headline(format('GARAGE ADMIN  %s  (%s, for %s)  %s', :'name', :'currency', :'admin',
    to_char(now() AT TIME ZONE :'timezone', 'Dy DD Mon YYYY HH24:MI')));

-- Cards: this local day so far, against yesterday up to the same time.
CREATE TEMP VIEW card AS
WITH days AS (
    SELECT 'today' AS day, vend_internal.day_start(vend.local_day(now(), :'timezone'), :'timezone') AS since, now() AS until
    UNION ALL
    SELECT 'yesterday', vend_internal.day_start(vend.local_day(now(), :'timezone') - 1, :'timezone'), now() - interval '24 hours'
)
SELECT d.day,
    (SELECT coalesce(sum(p.amount), 0) FROM vend_marts.counted_payments p WHERE p.garage_id = :'garage' AND p.payment_date >= d.since AND p.payment_date <= d.until) AS revenue,
    (SELECT count(*) FROM vend_marts.counted_payments p WHERE p.garage_id = :'garage' AND p.payment_date >= d.since AND p.payment_date <= d.until) AS payments,
    (SELECT count(*) FROM vend_marts.visits v WHERE v.garage_id = :'garage' AND v.entered_at >= d.since AND v.entered_at <= d.until) AS arrivals,
    (SELECT count(*) FROM vend_marts.visits v WHERE v.garage_id = :'garage' AND v.entered_at <= d.until AND d.until < v.ended_at) AS present,
    (SELECT count(DISTINCT s.subscription_id) FROM vend_marts.fact_subscription_periods s WHERE s.garage_id = :'garage' AND s.valid_from <= d.until AND d.until < s.valid_to) AS subscriptions,
    (SELECT vend.mrr(s.monthly_amount, s.valid_from, s.valid_to, d.until) FROM vend_marts.fact_subscription_periods s WHERE s.garage_id = :'garage') AS mrr
FROM days d;
SELECT format('%-26s %14s %18s   %s', 'Today so far', '', 'yesterday by now', 'change');
SELECT format('%-26s %14s %18s   %s', label, shown, shown_before, pg_temp.change(value, before))
FROM card t, card y, LATERAL (VALUES
    ('Revenue', t.revenue, y.revenue, pg_temp.money(t.revenue), pg_temp.money(y.revenue)),
    ('Payments', t.payments, y.payments, t.payments::text, y.payments::text),
    ('Arrivals', t.arrivals, y.arrivals, t.arrivals::text, y.arrivals::text),
    ('Parked now', t.present, y.present, t.present::text, y.present::text),
    ('Active subscriptions', t.subscriptions, y.subscriptions, t.subscriptions::text, y.subscriptions::text),
    ('Monthly recurring revenue', t.mrr, y.mrr, pg_temp.money(t.mrr), pg_temp.money(y.mrr))
) AS line(label, value, before, shown, shown_before)
WHERE t.day = 'today' AND y.day = 'yesterday';
SELECT format(E'\nOccupancy  %s  %s of %s (%s %%), %s free%s', pg_temp.bar(current_occupancy, capacity, 30), current_occupancy, capacity, occupancy_rate, available_spots,
    CASE WHEN stale_visits > 0 THEN format(', %s visits without an exit', stale_visits) END)
FROM vend_reports.mv_current_occupancy WHERE garage_id = :'garage';
SELECT format('Month      %s revenue in %s payments, %s cancellations asked, churn so far %s', pg_temp.money(mtd_revenue), mtd_payment_count, mtd_cancellations, coalesce(churn_rate_percent || ' %', '-'))
FROM vend_reports.mv_current_month_metrics WHERE garage_id = :'garage' AND currency = :'currency';
SELECT format(E'\nRevenue, last 30 days  %s  highest %s, total %s', pg_temp.sparkline(array_agg(gross_revenue ORDER BY payment_date)), pg_temp.money(max(gross_revenue)), pg_temp.money(sum(gross_revenue)))
FROM vend_reports.mv_daily_revenue
WHERE garage_id = :'garage' AND currency = :'currency' AND payment_date > vend.local_day(now(), :'timezone') - 30;

SELECT format(E'\nProfit and loss, %s', to_char(month, 'FMMonth YYYY')), E'\n' || format('  %-24s %14s', 'Gross revenue', pg_temp.money(gross)),
    E'\n' || format('  %-24s %14s', 'Refunds', pg_temp.money(-refunds)), E'\n' || format('  %-24s %14s', 'Stripe fees', pg_temp.money(-stripe)),
    E'\n' || format('  %-24s %14s', 'Platform fees', pg_temp.money(-platform)), E'\n' || format('  %-24s %14s   %s %% of revenue', 'Garage profit', pg_temp.money(profit), round(100 * profit / nullif(gross, 0), 1))
FROM (
    SELECT m.month, coalesce(sum(gross_revenue), 0) AS gross, coalesce(sum(refunds), 0) AS refunds, coalesce(sum(total_stripe_fees), 0) AS stripe,
        coalesce(sum(total_platform_fees), 0) AS platform, coalesce(sum(garage_profit), 0) AS profit
    FROM (SELECT (date_trunc('month', vend.local_day(now(), :'timezone')::timestamp) - interval '1 month')::date AS month) m
    LEFT JOIN vend_reports.daily_revenue r ON r.garage_id = :'garage' AND r.currency = :'currency' AND date_trunc('month', r.day::timestamp) = m.month
    GROUP BY m.month
) AS pl \g (fieldsep='')

SELECT E'\nFailed payments' || CASE WHEN count(*) = 0 THEN ': none' ELSE format(': %s, oldest %s days', count(*), max(days_past_due)) END
FROM vend_reports.mv_failed_payments WHERE garage_id = :'garage';
SELECT format('  %-24s %10s a month   unpaid since %s (%s days)', first_name || ' ' || last_name, pg_temp.money(monthly_amount), unpaid_since, days_past_due)
FROM vend_reports.mv_failed_payments WHERE garage_id = :'garage' ORDER BY days_past_due DESC, subscription_id LIMIT 6;
