CREATE OR REPLACE VIEW vend_marts.visits AS
SELECT v.id AS parking_id, v.garage_id, v.user_id, v.pass_id, v.vehicle_plate, v.entered_at, v.exited_at, v.exited_at AS ended_at
FROM vend_staging.stg_parked v
WHERE v.exited_at >= v.entered_at
UNION ALL
SELECT parking_id, garage_id, user_id, pass_id, vehicle_plate, entered_at, NULL, ended_at FROM vend_marts.open_visits;
COMMENT ON VIEW vend_marts.visits IS
    'Visits, without those whose exit lies before their entry. An open visit ends at its plate''s next entry to the garage within '
    'a year, or stale_visit_cap after it began.';
