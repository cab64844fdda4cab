CREATE OR REPLACE VIEW vend_marts.platform_timelines AS
SELECT t.currency, p.timezone, vend.local_day(now(), p.timezone) AS today,
    -- The garages' earliest day may have begun a day earlier here.
    coalesce(vend.local_day(k.opens_at, p.timezone), vend.local_day(now(), p.timezone)) AS first_day,
    t.customers, t.subscriptions
FROM (
    SELECT s.currency, vend.rollup(s.customers) AS customers, vend.rollup(s.subscriptions) AS subscriptions
    FROM (
        SELECT currency, customers, subscriptions FROM vend_marts.subscription_scopes
        UNION ALL
        SELECT DISTINCT currency, NULL::vend.timeline, NULL::vend.timeline FROM vend_marts.garage_currencies
    ) AS s
    GROUP BY s.currency
) AS t
-- Of aggregates the planner knows that they are one row: of more it would expect so much that it started its compiler.
CROSS JOIN (SELECT min(timezone) AS timezone FROM vend_internal.source) AS p
CROSS JOIN (SELECT min(vend_internal.day_start(first_day, timezone)) AS opens_at FROM vend_marts.garage_calendars) AS k;
COMMENT ON VIEW vend_marts.platform_timelines IS
    'Paid time of the whole platform in each currency, with the days for which there are numbers in the attached time zone.';
