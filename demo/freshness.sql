-- A payment changes: the report has it at once, the note waits, a job takes it up within seconds.
\ir drawing.sql
SELECT pg_temp.headline('FRESHNESS  a payment changes, and a job refreshes the rollup');
SELECT p.id AS payment, p.garage_id AS garage, p.currency, vend.local_day(p.payment_date, g.timezone) AS day
FROM vend_staging.stg_payments p
JOIN vend_staging.stg_garages g ON g.id = p.garage_id
WHERE p.status = 'succeeded' ORDER BY p.payment_date DESC, p.id LIMIT 1 \gset
CREATE TEMP VIEW state AS
SELECT format('%s%s waiting, %s', rpad(f.rollup, 16), lpad(f.pending_notes::text, 4) || CASE f.pending_notes WHEN 1 THEN ' change ' ELSE ' changes' END,
    format('revenue of the day %s', pg_temp.money(coalesce(sum(r.gross_revenue), 0)))) AS line
FROM vend.freshness f
LEFT JOIN vend_reports.daily_revenue r ON r.garage_id = :'garage' AND r.day = :'day' AND r.currency = :'currency'
WHERE f.rollup = 'daily_revenue'
GROUP BY f.rollup, f.pending_notes;

-- Until its job has nothing left to do, or half a minute is over.
CREATE PROCEDURE pg_temp.wait_until_clean() LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..300 LOOP
        EXIT WHEN (SELECT f.is_built AND f.pending_notes = 0 FROM vend.freshness f WHERE f.rollup = 'daily_revenue');
        PERFORM pg_sleep(0.1);
    END LOOP;
END $$;

-- Left over, if the page was interrupted.
DO $$ BEGIN PERFORM vend.unschedule(j.job) FROM vend.jobs j WHERE j.job = 'demo'; END $$;
SELECT vend.schedule('demo', 'every 2 seconds', 'refresh', 'daily_revenue') AS job \gset
CALL pg_temp.wait_until_clean();
SELECT 'before          ' || line FROM state;
BEGIN;
UPDATE vend_demo.payments SET amount = amount + 1 WHERE id = :'payment';
SELECT 'a payment + 1   ' || line FROM state;
COMMIT;
CALL pg_temp.wait_until_clean();
SELECT 'after the job   ' || line FROM state;
SELECT format('the job''s run   %s, %s key, %s row written', status, keys, rows) FROM vend.job_runs
WHERE job = 'demo' AND rows > 0 ORDER BY run DESC LIMIT 1;
SELECT vend.unschedule(:'job') AS nothing \gset
