CREATE OR REPLACE VIEW vend_marts.garages AS
SELECT g.id AS garage_id, g.name AS garage_name, g.address AS garage_address, g.capacity AS garage_capacity, g.stripe_account_id,
    g.region AS garage_region, g.created_at AS garage_created_at, g.timezone
FROM vend_staging.stg_garages g;
COMMENT ON VIEW vend_marts.garages IS 'What dim_garages shows, of every garage.';
