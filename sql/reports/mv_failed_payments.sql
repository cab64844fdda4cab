SELECT vend_internal.make_report('mv_failed_payments', 'vend_marts.failed_payments');
COMMENT ON VIEW vend_reports.mv_failed_payments IS
    'Subscriptions that are past_due or unpaid now, with their customer, price and the garage-local date since which a '
    'renewal is unpaid; days_past_due counts from it to today.';
