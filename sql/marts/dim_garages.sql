SELECT vend_internal.make_scoped_view('vend_marts.dim_garages', 'vend_marts.garages', vend_internal.scope_of('garage_id'));
COMMENT ON VIEW vend_marts.dim_garages IS 'The caller''s garages, with the time zone in which their days are counted.';
