-- Whole years from 2020 to 2034, and those of the data around them: nothing older or younger than a payment, a visit, a
-- recorded day or a subscription is ever asked for.
CREATE OR REPLACE VIEW vend_marts.dim_date AS
SELECT d.day AS date_day,
    extract(year FROM d.day)::int AS year,
    extract(quarter FROM d.day)::int AS quarter,
    extract(month FROM d.day)::int AS month,
    (ARRAY['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'])
        [extract(month FROM d.day)::int] AS month_name,
    extract(day FROM d.day)::int AS day,
    (ARRAY['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'])[extract(dow FROM d.day)::int + 1] AS day_name,
    extract(dow FROM d.day)::int AS day_of_week,
    extract(week FROM d.day)::int AS week_of_year,
    date_trunc('month', d.day::timestamp)::date AS first_day_of_month,
    (date_trunc('month', d.day::timestamp) + interval '1 month - 1 day')::date AS last_day_of_month,
    extract(dow FROM d.day) IN (0, 6) AS is_weekend,
    false AS is_holiday
FROM (
    SELECT least(2020, min(extract(year FROM b.first))::int) AS since, greatest(2034, max(extract(year FROM b.last))::int) AS until
    FROM (
        SELECT min(p.payment_date) - interval '1 day', max(p.payment_date) + interval '1 day'
        FROM vend_staging.stg_payments p WHERE isfinite(p.payment_date)
        UNION ALL
        SELECT min(v.entered_at) - interval '1 day', max(v.entered_at) + interval '1 day'
        FROM vend_staging.stg_parked v WHERE isfinite(v.entered_at)
        UNION ALL
        SELECT min(l.valid_from) - interval '1 day', max(l.valid_from) + interval '1 day'
        FROM vend_internal.ledger l WHERE isfinite(l.valid_from)
        UNION ALL
        SELECT min(o.day)::timestamp AT TIME ZONE 'UTC', max(o.day)::timestamp AT TIME ZONE 'UTC'
        FROM vend_staging.stg_garage_daily_occupancy o WHERE isfinite(o.day)
    ) AS b(first, last)
) AS years
CROSS JOIN LATERAL (
    SELECT n.day::date AS day
    FROM generate_series(make_date(years.since, 1, 1)::timestamp, make_date(years.until, 12, 31)::timestamp, interval '1 day') AS n(day)
) AS d;
COMMENT ON VIEW vend_marts.dim_date IS
    'Calendar days of 2020 to 2034, widened by whole years to cover the data; names are English, weeks ISO, Sunday is 0.';
