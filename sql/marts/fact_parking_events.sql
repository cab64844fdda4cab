SELECT vend_internal.make_scoped_view('vend_marts.fact_parking_events', 'vend_marts.parking_events', vend_internal.scope_of('garage_id'));
COMMENT ON VIEW vend_marts.fact_parking_events IS
    'Each visit of the caller''s garages on the local day of its entry; hour_of_day counts elapsed hours since local midnight, '
    'duration_minutes whole minutes (NULL while open). is_bad: it ends before it begins.';
