SELECT vend_internal.make_scoped_view('vend_marts.fact_payments', 'vend_marts.payments', vend_internal.scope_of('garage_id'));
COMMENT ON VIEW vend_marts.fact_payments IS
    'Each payment of the caller''s garages as it was captured: refunds are not taken off (refunded_at), money that was not captured '
    'is 0 (attempted_amount). Days are the garage''s; payment_month and payment_year are first days.';
