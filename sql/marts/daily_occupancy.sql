-- An hour that has not ended has no count yet.
CREATE OR REPLACE VIEW vend_marts.daily_occupancy AS
SELECT md5(concat_ws(' ', d.garage_id, d.day, h.hour))::uuid AS occupancy_id, d.garage_id, d.day AS occupancy_date, h.hour,
    h.occupancy_count, d.capacity, round(h.occupancy_rate, 2) AS occupancy_rate, h.is_peak_hour, slot.starts_at, d.source
FROM vend_marts.occupancy_documents d
JOIN vend_staging.stg_garages g ON g.id = d.garage_id
CROSS JOIN LATERAL (
    SELECT vend_internal.day_start(d.day, g.timezone) AS starts_at, vend_internal.day_start(d.day + 1, g.timezone) AS ends_at
    WHERE isfinite(d.day)
    OFFSET 0
) AS day
CROSS JOIN LATERAL vend.flatten_hourly(d.hourly, d.capacity) AS h
CROSS JOIN LATERAL (SELECT day.starts_at AT TIME ZONE 'UTC' + make_interval(hours => h.hour)) AS elapsed(starts_at)
CROSS JOIN LATERAL (SELECT elapsed.starts_at AT TIME ZONE 'UTC' AS starts_at) AS slot
WHERE least((elapsed.starts_at + interval '1 hour') AT TIME ZONE 'UTC', day.ends_at) <= now();
COMMENT ON VIEW vend_marts.daily_occupancy IS 'What fact_daily_occupancy shows, of every garage.';
