SELECT vend_internal.make_report('mv_current_month_metrics', 'vend_marts.current_month_metrics');
COMMENT ON VIEW vend_reports.mv_current_month_metrics IS
    'The running garage-local month of each garage and currency: revenue and payments so far, paying subscriptions now, '
    'cancellations asked for, and how many (and what percent) of the subscriptions paid when it opened are not paid any more.';
