-- A document that is none shows no hour, as one day's would stop every refresh; vend.check_source reports it. Entries past
-- the day's last hour are left out.
CREATE OR REPLACE VIEW vend_marts.hourly_documents AS
SELECT o.id AS occupancy_id, o.garage_id, o.day, c.capacity, CASE
        WHEN vend_internal.hourly_problem(o.hourly_occupancy) IS NOT NULL THEN NULL
        WHEN d.hours > 24 THEN o.hourly_occupancy
        WHEN jsonb_typeof(o.hourly_occupancy) = 'array'
            THEN jsonb_path_query_array(o.hourly_occupancy, CASE WHEN d.hours > 23 THEN '$[0 to 23]' ELSE '$[0 to 22]' END::jsonpath)
        WHEN d.hours > 23 THEN o.hourly_occupancy
        ELSE o.hourly_occupancy - '{23,23:00}'::text[] END AS hourly
FROM vend_staging.stg_garage_daily_occupancy o
JOIN vend_staging.stg_garages g ON g.id = o.garage_id
LEFT JOIN vend_marts.capacity_periods c ON c.garage_id = o.garage_id AND c.valid_from <= o.day AND o.day < c.valid_to
CROSS JOIN LATERAL (
    SELECT extract(epoch FROM vend_internal.day_start(o.day + 1, g.timezone) - vend_internal.day_start(o.day, g.timezone)) / 3600 AS hours
    WHERE isfinite(o.day)
) AS d;
COMMENT ON VIEW vend_marts.hourly_documents IS
    'The hourly counts of each garage and local day as they were recorded, fit for vend.occupancy and vend.flatten_hourly, with '
    'the capacity that the garage had that day.';
