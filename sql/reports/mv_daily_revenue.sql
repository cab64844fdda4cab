SELECT vend_internal.make_report('mv_daily_revenue', 'vend_marts.daily_revenue');
COMMENT ON VIEW vend_reports.mv_daily_revenue IS
    'Money of each garage and currency on each of the last 90 garage-local days, today included; zero where there was none.';
