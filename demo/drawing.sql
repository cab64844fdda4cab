-- What the dashboards draw with: text only, for one session.
\pset tuples_only on
\pset format unaligned
\set QUIET on
SET client_min_messages = warning;
SET timezone = 'UTC';

CREATE FUNCTION pg_temp.sparkline(points numeric[]) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(substr('▁▂▃▄▅▆▇█', 1 + least(7, floor(8 * point / nullif(highest, 0))::int), 1), '' ORDER BY n)
    FROM unnest(points) WITH ORDINALITY AS p(point, n), (SELECT max(point) AS highest FROM unnest(points) AS point) AS scale
$$;
CREATE FUNCTION pg_temp.bar(part numeric, whole numeric, width int) RETURNS text LANGUAGE sql AS $$
    SELECT rpad(repeat('█', round(width * greatest(part, 0) / nullif(whole, 0))::int), width, '·')
$$;
CREATE FUNCTION pg_temp.change(now numeric, before numeric) RETURNS text LANGUAGE sql AS $$
    SELECT CASE
        WHEN before = 0 OR before IS NULL THEN '-'
        WHEN now = before THEN '= 0 %'
        ELSE CASE WHEN now > before THEN '▲ ' ELSE '▼ ' END || to_char(100 * abs(now - before) / before, 'FM999990.0') || ' %'
    END
$$;
CREATE FUNCTION pg_temp.money(amount numeric) RETURNS text LANGUAGE sql AS $$
    SELECT to_char(amount, 'FM999,999,999,990.00')
$$;
CREATE FUNCTION pg_temp.headline(title text) RETURNS text LANGUAGE sql AS $$
    SELECT E'\n' || title || E'\n' || repeat('─', 78)
$$;
-- A cell of a heat map: a percentage on a ground that is darker the more it is.
CREATE FUNCTION pg_temp.cell(percent numeric, coloured bool) RETURNS text LANGUAGE sql AS $$
    SELECT CASE
        WHEN percent IS NULL THEN repeat(' ', 5)
        WHEN coloured THEN format(E'\033[48;5;%sm\033[38;5;%sm%s \033[0m',
            (ARRAY[254, 194, 157, 120, 77, 34, 28])[1 + floor(percent / 100.001 * 7)::int],
            CASE WHEN percent < 70 THEN 16 ELSE 231 END, lpad(round(percent)::text, 4))
        ELSE lpad(round(percent)::text, 4) || ' '
    END
$$;
