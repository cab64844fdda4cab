-- The same question by the application's login: for a garage admin, for leadership, and for nobody.
\ir drawing.sql
SELECT pg_temp.headline('WHO SEES WHAT  one query, one login, three users');
SELECT user_id AS admin FROM vend_staging.stg_garage_admins ORDER BY user_id LIMIT 1 \gset
SELECT id AS leader FROM vend_staging.stg_users WHERE role = 'super_admin' ORDER BY id LIMIT 1 \gset
\set question 'SELECT format(''%s garages, %s days of revenue, %s unpaid subscriptions, %s customers'', (SELECT count(*) FROM vend_marts.dim_garages), (SELECT count(DISTINCT (garage_id, payment_date)) FROM vend_reports.mv_daily_revenue), (SELECT count(*) FROM vend_reports.mv_failed_payments), (SELECT count(*) FROM vend_marts.dim_users))'
\c - demo_app
\set QUIET on
BEGIN; SET LOCAL app.current_user_id = :'admin';
\echo -n 'garage admin    '
:question;
COMMIT;
BEGIN; SET LOCAL app.current_user_id = :'leader';
\echo -n 'leadership      '
:question;
COMMIT;
\echo -n 'nobody          '
:question;
