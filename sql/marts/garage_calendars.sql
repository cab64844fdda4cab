CREATE OR REPLACE VIEW vend_marts.garage_calendars AS
SELECT g.id AS garage_id, g.timezone, today.day AS today, first.day AS first_day
FROM vend_staging.stg_garages g
CROSS JOIN LATERAL (SELECT vend.local_day(now(), g.timezone) AS day) AS today
CROSS JOIN LATERAL (
    -- Also where everything lies ahead or at no date at all, there is the present month.
    SELECT least(today.day, min(r.day)) AS day
    FROM (
        SELECT vend.local_day(g.created_at, g.timezone)
        UNION ALL
        SELECT d.day FROM vend_internal.exact_daily_revenue d WHERE d.garage_id = g.id
        UNION ALL
        SELECT vend.local_day(l.valid_from, g.timezone) FROM vend_internal.ledger l WHERE l.garage_id = g.id
    ) AS r(day)
    WHERE isfinite(r.day)
) AS first;
COMMENT ON VIEW vend_marts.garage_calendars IS
    'The days for which each garage has numbers, in its own time zone: from its earliest record (creation, payment, paid '
    'interval) to today.';
