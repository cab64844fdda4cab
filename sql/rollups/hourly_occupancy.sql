SELECT garage_id, day, vend.occupancy(hourly, capacity) AS occupancy
FROM vend_marts.hourly_documents
WHERE garage_id IS NOT NULL AND day IS NOT NULL
GROUP BY garage_id, day
