CREATE OR REPLACE VIEW vend_marts.sole_currencies AS
SELECT garage_id, min(currency) AS currency
FROM vend_marts.garage_currencies
GROUP BY garage_id
HAVING min(currency) = max(currency);
COMMENT ON VIEW vend_marts.sole_currencies IS 'The currency of each garage whose captured payments are all in one.';
