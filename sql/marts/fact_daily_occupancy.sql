SELECT vend_internal.make_scoped_view('vend_marts.fact_daily_occupancy', 'vend_marts.daily_occupancy', vend_internal.scope_of('garage_id'));
COMMENT ON VIEW vend_marts.fact_daily_occupancy IS
    'Each known hour (elapsed since local midnight, and ended) of the caller''s garages: vehicles, the capacity of that day, the rate in '
    'percent, whether it reaches 80. source: recorded, or where the day has no document, visits.';
