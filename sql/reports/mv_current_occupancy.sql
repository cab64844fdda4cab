SELECT vend_internal.make_report('mv_current_occupancy', 'vend_marts.current_occupancy');
COMMENT ON VIEW vend_reports.mv_current_occupancy IS
    'Visitors in each garage now against its capacity; occupancy_rate is in percent, NULL without a positive capacity. '
    'stale_visits have no exit and are taken for ended.';
