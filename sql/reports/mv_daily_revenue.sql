-- What waiting notes might cost is estimated to be a thousand times the rest, beside which sorting seems no dearer than hashing.
SELECT vend_internal.make_report('mv_daily_revenue', 'vend_marts.daily_revenue', 'SET enable_sort = off');
COMMENT ON VIEW vend_reports.mv_daily_revenue IS
    'Money of each garage and currency on each of the last 90 garage-local days, today included; zero where there was none.';
