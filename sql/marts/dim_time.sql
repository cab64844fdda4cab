CREATE OR REPLACE VIEW vend_marts.dim_time AS
SELECT h AS hour, lpad(h::text, 2, '0') || ':00' AS hour_label,
    CASE WHEN h >= 24 THEN 'night' WHEN h >= 18 THEN 'evening' WHEN h >= 12 THEN 'afternoon' WHEN h >= 6 THEN 'morning' ELSE 'night' END AS day_part
FROM generate_series(0, 24) AS h;
COMMENT ON VIEW vend_marts.dim_time IS 'Hours since local midnight; a day on which clocks go back has an hour 24.';
