-- How far behind what is stored of each rollup is, and what the jobs that refresh it say.

CREATE FUNCTION vend_internal.dirty_keys(rollup text, garages uuid[] DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tenant text := (SELECT r.tenant_column FROM vend_internal.rollups r WHERE r.name = dirty_keys.rollup AND garages IS NOT NULL);
    keys bigint;
BEGIN
    IF EXISTS (SELECT FROM vend_internal.stale_rollups s WHERE s.rollup = dirty_keys.rollup) THEN
        RETURN NULL;
    END IF;
    EXECUTE (
        SELECT 'SELECT ' || coalesce(string_agg(format('(SELECT count(*) FROM (SELECT DISTINCT %s FROM %s%s) AS d)',
            vend_internal.list_of(m.columns), vend_internal.part_of(m.rollup, 'dirty', m.number),
            CASE WHEN tenant IS NOT NULL THEN format(' WHERE %I = ANY ($1)', tenant) END), ' + '), '0')
        FROM vend_internal.rollup_masks m
        WHERE m.rollup = dirty_keys.rollup AND (garages IS NULL OR tenant = ANY (m.columns)))
    INTO keys USING garages;
    RETURN keys;
END $$;
COMMENT ON FUNCTION vend_internal.dirty_keys(text, uuid[]) IS
    'How many keys the notes of a rollup name, of some garages or (NULL) at all; what names all days of a garage counts as one. '
    'NULL: all, as it is not built.';

-- Notes are read with vend_owner's rights, whoever asks: how many there are of others would show whose data changed.
CREATE FUNCTION vend_internal.freshness_of(token uuid) RETURNS TABLE (
    rollup text, is_built boolean, pending_notes bigint, pending_since timestamptz, refreshed_at timestamptz, reason text,
    dirty_keys bigint, age interval, last_error_at timestamptz, last_error text
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    sees_all boolean := vend_internal.bypasses(token);
    garages uuid[];
BEGIN
    IF NOT sees_all THEN
        sees_all := coalesce(vend.current_user_role() = 'super_admin', false);
        garages := CASE WHEN NOT sees_all THEN vend.visible_garages() END;
    END IF;
    RETURN QUERY
    SELECT r.name, NOT EXISTS (SELECT FROM vend_internal.stale_rollups s WHERE s.rollup = r.name), n.notes, n.oldest, r.refreshed_at,
        CASE WHEN sees_all THEN coalesce(vend_internal.capture_fault(r.name), (
            SELECT format('%s is another table now: attach again', s.source)
            FROM vend_internal.rollup_sources s
            CROSS JOIN LATERAL vend_internal.source_row(s.source) w
            WHERE s.rollup = r.name AND s.relation <> w.relation
            LIMIT 1), (
            SELECT s.reason FROM vend_internal.stale_rollups s WHERE s.rollup = r.name ORDER BY s.noted_at DESC LIMIT 1)) END,
        vend_internal.dirty_keys(r.name, garages), now() - n.oldest, e.finished_at, nullif(concat_ws(': ', e.sqlstate, e.message), '')
    FROM vend_internal.rollups r
    CROSS JOIN LATERAL vend_internal.pending_notes(r.name, garages) n
    LEFT JOIN LATERAL (
        SELECT j.finished_at, j.sqlstate, j.message
        FROM vend_internal.job_runs j
        WHERE sees_all AND j.task = 'refresh' AND coalesce(j.target, r.name) = r.name AND j.status IN ('failed', 'crashed')
        ORDER BY j.run DESC
        LIMIT 1
    ) AS e ON true
    WHERE sees_all OR garages IS NOT NULL AND r.tenant_column IS NOT NULL;
END $$;
COMMENT ON FUNCTION vend_internal.freshness_of(uuid) IS 'The rows of vend.freshness, as far as the reader sees them.';

CREATE VIEW vend.freshness WITH (security_invoker = true) AS
SELECT f.rollup, f.is_built, f.pending_notes, f.pending_since, f.refreshed_at, f.reason, f.dirty_keys, f.age, f.last_error_at, f.last_error
FROM vend_internal.freshness_of((SELECT b.token FROM vend_internal.bypass b)) f;
COMMENT ON VIEW vend.freshness IS
    'How much of each rollup is read live: nothing stored is used until it is built (reason says why), and after that only the '
    'keys that pending_notes touch. Its numbers are exact at any time. pending_since, age: the oldest change that no refresh has '
    'taken up, NULL: none; dirty_keys: how many keys the notes name, NULL: all; refreshed_at: the last refresh that succeeded; '
    'last_error: of the last one by a job that did not, of this or of every rollup. A garage admin sees the notes that name their '
    'garages, and no reason or error.';
