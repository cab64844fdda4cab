-- A customer is who has or had a subscription in a garage, or parked there. A super admin sees who is nobody's customer, too.
SELECT vend_internal.make_scoped_view('vend_marts.dim_users', 'vend_marts.users', format(
    '(user_id IN (SELECT s.user_id FROM vend_staging.stg_subscriptions s WHERE %1$s
    UNION ALL SELECT l.user_id FROM vend_internal.ledger l WHERE %1$s
    UNION ALL SELECT p.user_id FROM vend_staging.stg_parked p WHERE %1$s
    UNION ALL SELECT vend.current_user_id()
    UNION ALL SELECT u.id FROM vend_staging.stg_users u WHERE %2$s))',
    vend_internal.scope_of('garage_id'), vend_internal.scope_of(NULL)));
COMMENT ON VIEW vend_marts.dim_users IS
    'The customers of the caller''s garages, and the caller; user_cohort_month is the month of the account.';
