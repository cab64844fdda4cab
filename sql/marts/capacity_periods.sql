CREATE OR REPLACE VIEW vend_marts.capacity_periods AS
SELECT c.garage_id, c.valid_from, coalesce((
        SELECT min(n.valid_from)
        FROM vend_internal.garage_capacities n
        WHERE n.garage_id = c.garage_id AND n.valid_from > c.valid_from), 'infinity') AS valid_to, c.capacity
FROM vend_internal.garage_capacities c;
COMMENT ON VIEW vend_marts.capacity_periods IS 'Which capacity a garage had on the local days [valid_from, valid_to).';
