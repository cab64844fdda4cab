SELECT garage_id, day,
    sum(arrivals)::bigint AS arrivals,
    sum(exits)::bigint AS exits,
    sum(open_visits)::bigint AS open_visits,
    sum(bad_visits)::bigint AS bad_visits,
    sum(seconds_parked) AS seconds_parked,
    vend.activity(visitor, present_at, 'UTC') AS visitors
FROM vend_marts.visit_movements
WHERE garage_id IS NOT NULL AND day IS NOT NULL
GROUP BY garage_id, day
