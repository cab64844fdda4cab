CREATE OR REPLACE VIEW vend_marts.parking_events AS
SELECT v.id AS parking_id, v.garage_id, v.user_id, v.pass_id, v.vehicle_plate, v.entered_at, v.exited_at,
    CASE WHEN v.exited_at >= v.entered_at AND isfinite(v.exited_at) AND isfinite(v.entered_at)
        THEN floor(extract(epoch FROM v.exited_at - v.entered_at) / 60)::bigint END AS duration_minutes,
    e.parking_date,
    CASE WHEN isfinite(v.entered_at)
        THEN floor(extract(epoch FROM v.entered_at - vend_internal.day_start(e.parking_date, g.timezone)) / 3600)::int END AS hour_of_day,
    g.name AS garage_name, u.first_name, u.last_name, coalesce(v.exited_at < v.entered_at, false) AS is_bad
FROM vend_staging.stg_parked v
JOIN vend_staging.stg_garages g ON g.id = v.garage_id
CROSS JOIN LATERAL (SELECT CASE WHEN isfinite(v.entered_at) THEN vend.local_day(v.entered_at, g.timezone) END AS parking_date) AS e
LEFT JOIN vend_staging.stg_users u ON u.id = v.user_id;
COMMENT ON VIEW vend_marts.parking_events IS 'What fact_parking_events shows, of every garage.';
