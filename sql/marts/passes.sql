CREATE OR REPLACE VIEW vend_marts.passes AS
SELECT p.id AS pass_id, p.garage_id, g.name AS garage_name, p.name AS pass_name, p.description, p.monthly_amount AS current_price,
    p.active AS is_active, p.created_at AS pass_created_at
FROM vend_staging.stg_passes p
LEFT JOIN vend_staging.stg_garages g ON g.id = p.garage_id;
COMMENT ON VIEW vend_marts.passes IS 'What dim_passes shows, of every garage.';
