SELECT vend_internal.make_scoped_view('vend_marts.fact_subscriptions', 'vend_marts.subscriptions', vend_internal.scope_of('garage_id'));
COMMENT ON VIEW vend_marts.fact_subscriptions IS
    'Each subscription of the caller''s garages as it is now, with its paid time in its garage: first day, end (NULL: none known), days '
    'paid so far, and whether it is paid no more. canceled_date is the request.';
