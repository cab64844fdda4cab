CREATE OR REPLACE VIEW vend_marts.visits AS
WITH next_entry AS (
    SELECT o.id, min(n.entered_at) AS at
    FROM vend_staging.stg_parked o
    JOIN vend_staging.stg_parked n ON n.garage_id = o.garage_id AND n.vehicle_plate = o.vehicle_plate
        AND (n.entered_at, n.id) > (o.entered_at, o.id)
    WHERE o.exited_at IS NULL
    GROUP BY o.id
)
SELECT v.id AS parking_id, v.garage_id, v.user_id, v.pass_id, v.vehicle_plate, v.entered_at, v.exited_at,
    CASE WHEN v.exited_at IS NULL
        THEN coalesce(least(n.at, v.entered_at + vend_internal.policy('stale_visit_cap')), 'infinity')
        ELSE v.exited_at END AS ended_at
FROM vend_staging.stg_parked v
LEFT JOIN next_entry n ON n.id = v.id
WHERE v.exited_at IS NULL OR v.exited_at >= v.entered_at;
COMMENT ON VIEW vend_marts.visits IS
    'Visits, without those whose exit lies before their entry. An open visit ends at its plate''s next entry to the garage, '
    'or stale_visit_cap after it began.';
