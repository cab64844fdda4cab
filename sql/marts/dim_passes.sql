SELECT vend_internal.make_scoped_view('vend_marts.dim_passes', 'vend_marts.passes', vend_internal.scope_of('garage_id'));
COMMENT ON VIEW vend_marts.dim_passes IS 'The passes of the caller''s garages, with their price now.';
