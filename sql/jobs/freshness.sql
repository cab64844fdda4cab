-- How far behind what is stored of each rollup is, and what the jobs that refresh it say.

CREATE FUNCTION vend_internal.dirty_keys(rollup text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    keys bigint;
BEGIN
    IF EXISTS (SELECT FROM vend_internal.stale_rollups s WHERE s.rollup = dirty_keys.rollup) THEN
        RETURN NULL;
    END IF;
    EXECUTE (
        SELECT 'SELECT ' || string_agg(format('(SELECT count(*) FROM (SELECT DISTINCT %s FROM %s) AS d)',
            vend_internal.list_of(m.columns), vend_internal.part_of(m.rollup, 'dirty', m.number)), ' + ')
        FROM vend_internal.rollup_masks m
        WHERE m.rollup = dirty_keys.rollup)
    INTO keys;
    RETURN keys;
END $$;
COMMENT ON FUNCTION vend_internal.dirty_keys(text) IS
    'How many keys the notes of a rollup name; what names all days of a garage counts as one. NULL: all, as it is not built.';

CREATE VIEW vend.freshness AS
SELECT r.name AS rollup,
    NOT EXISTS (SELECT FROM vend_internal.stale_rollups s WHERE s.rollup = r.name) AS is_built,
    n.notes AS pending_notes, n.oldest AS pending_since, r.refreshed_at,
    coalesce(vend_internal.capture_fault(r.name), (
        SELECT format('%s is another table now: attach again', s.source)
        FROM vend_internal.rollup_sources s
        CROSS JOIN LATERAL vend_internal.source_row(s.source) w
        WHERE s.rollup = r.name AND s.relation <> w.relation
        LIMIT 1), (
        SELECT s.reason FROM vend_internal.stale_rollups s WHERE s.rollup = r.name ORDER BY s.noted_at DESC LIMIT 1)) AS reason,
    vend_internal.dirty_keys(r.name) AS dirty_keys, now() - n.oldest AS age,
    e.finished_at AS last_error_at, nullif(concat_ws(': ', e.sqlstate, e.message), '') AS last_error
FROM vend_internal.rollups r
CROSS JOIN LATERAL vend_internal.pending_notes(r.name) n
LEFT JOIN LATERAL (
    SELECT j.finished_at, j.sqlstate, j.message
    FROM vend_internal.job_runs j
    WHERE j.task = 'refresh' AND coalesce(j.target, r.name) = r.name AND j.status IN ('failed', 'crashed')
    ORDER BY j.run DESC
    LIMIT 1
) AS e ON true;
COMMENT ON VIEW vend.freshness IS
    'How much of each rollup is read live: nothing stored is used until it is built (reason says why), and after that only the '
    'keys that pending_notes touch. Its numbers are exact at any time. pending_since, age: the oldest change that no refresh has '
    'taken up, NULL: none; dirty_keys: how many keys the notes name, NULL: all; refreshed_at: the last refresh that succeeded; '
    'last_error: of the last one by a job that did not, of this or of every rollup.';
