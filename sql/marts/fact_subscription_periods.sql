SELECT vend_internal.make_scoped_view('vend_marts.fact_subscription_periods', 'vend_marts.subscription_periods',
    vend_internal.scope_of('garage_id'));
COMMENT ON VIEW vend_marts.fact_subscription_periods IS
    'Paid intervals [valid_from, valid_to) of each subscription, at one monthly_amount each; infinity: no end is known. '
    'churn_reason says why paid time stops at valid_to. Reconstructed: from before attach, an estimate.';
