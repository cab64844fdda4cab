CREATE OR REPLACE VIEW vend_marts.users AS
SELECT u.id AS user_id, u.first_name, u.last_name, u.email, u.phone, u.stripe_customer_id, u.created_at AS user_created_at,
    to_char(vend.local_day(u.created_at, s.timezone), 'YYYY-MM') AS user_cohort_month
FROM vend_staging.stg_users u
CROSS JOIN vend_internal.source s;
COMMENT ON VIEW vend_marts.users IS 'What dim_users shows, of every garage.';
