SELECT vend_internal.make_report('mv_active_subscriptions', 'vend_marts.active_subscriptions');
COMMENT ON VIEW vend_reports.mv_active_subscriptions IS
    'Paying subscriptions of each garage and currency now: their number, customers, MRR and its average, and how many have a '
    'cancellation ahead.';
