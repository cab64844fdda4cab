-- Virtual generated columns, which PostgreSQL has from 18 on (then the expected output is virtual_columns_1.out): no trigger
-- sees their values, so that what is computed from them is refused, and what leaves them alone is not.
\set SHOW_CONTEXT never
SELECT current_setting('server_version_num')::int < 180000 AS has_none \gset
\if :has_none
\echo 'there are none'
\quit
\endif
CREATE SCHEMA virt;
SET search_path = virt;
\getenv inputs PG_ABS_SRCDIR
\set operational_tables :inputs '/sql/include/operational_tables.sql'
\i :operational_tables
SELECT count(*) > 0 AS attached FROM vend.attach('virt');
CREATE TABLE sales (id int, g uuid, amount numeric, gross numeric GENERATED ALWAYS AS (amount * 2) VIRTUAL);
SELECT vend.create_rollup('sums', 'SELECT g AS garage_id, sum(gross) AS gross FROM virt.sales GROUP BY 1', '{garage_id}', '{"virt.sales": ["g"]}');
\echo :LAST_ERROR_SQLSTATE
SELECT vend.create_rollup('sums', 'SELECT gross, sum(amount) AS a FROM virt.sales GROUP BY 1', '{gross}', '{"virt.sales": ["gross"]}', tenant_column => NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT vend.create_rollup('sums', 'SELECT g AS garage_id, sum(amount * 2) AS gross FROM virt.sales GROUP BY 1', '{garage_id}', '{"virt.sales": ["g"]}');
INSERT INTO sales VALUES (1, gen_random_uuid(), 3); SELECT rollup FROM vend.refresh('sums');
UPDATE sales SET amount = 4; SELECT gross FROM vend_reports.sums;
SELECT vend.drop_rollup('sums');
SELECT vend.detach();
ALTER TABLE garages ADD v int GENERATED ALWAYS AS (capacity * 2) VIRTUAL;
SELECT count(*) > 0 AS attached FROM vend.attach('virt', '{"garages": {"columns": {"capacity": "v + 1"}}}');
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE garages DROP v, DROP capacity, ADD capacity int GENERATED ALWAYS AS (7) VIRTUAL;
SELECT severity, table_name, problem, hint FROM vend.check_source('virt');
SELECT count(*) > 0 AS attached FROM vend.attach('virt');
\echo :LAST_ERROR_SQLSTATE
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA virt CASCADE;
