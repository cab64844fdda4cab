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
FROM vend_internal.calendar_years() AS years
CROSS JOIN LATERAL (
    SELECT n.day::date AS day
    FROM generate_series(make_date(years.since, 1, 1)::timestamp, make_date(years.until, 12, 31)::timestamp, interval '1 day') AS n(day)
) AS d;
COMMENT ON VIEW vend_marts.dim_date IS
    'Calendar days of 2020 to 2034, widened by whole years to cover the data; names are English, weeks ISO, Sunday is 0.';
