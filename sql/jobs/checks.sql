-- What the last verification of each rollup found, whether a job asked for it or a person.
CREATE TABLE vend_internal.rollup_checks (
    rollup text PRIMARY KEY REFERENCES vend_internal.rollups ON DELETE CASCADE,
    -- Of the rollup then: made anew, it has nothing of what was wrong.
    generation uuid NOT NULL,
    checked_at timestamptz NOT NULL,
    checked_by name NOT NULL,
    sample numeric NOT NULL,
    keys_checked bigint NOT NULL,
    keys_wrong bigint NOT NULL,
    keys_repaired bigint NOT NULL
);
COMMENT ON TABLE vend_internal.rollup_checks IS 'The last verification of each rollup; one that found a difference, until all keys were right.';

CREATE FUNCTION vend_internal.note_check(rollup text, sample numeric, keys_checked bigint, keys_wrong bigint, keys_repaired bigint)
RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    INSERT INTO vend_internal.rollup_checks AS c (rollup, generation, checked_at, checked_by, sample, keys_checked, keys_wrong, keys_repaired)
    SELECT r.name, r.generation, clock_timestamp(), session_user, $2, $3, $4, $5
    FROM vend_internal.rollups r WHERE r.name = $1
    ON CONFLICT (rollup) DO UPDATE SET generation = excluded.generation, checked_at = excluded.checked_at, checked_by = excluded.checked_by,
        sample = excluded.sample, keys_checked = excluded.keys_checked, keys_wrong = excluded.keys_wrong, keys_repaired = excluded.keys_repaired
    -- A sample that finds nothing may have missed what is known to be wrong.
    WHERE excluded.keys_wrong > 0 OR excluded.sample >= 100 OR c.keys_wrong = 0 OR c.generation <> excluded.generation;
END;
COMMENT ON FUNCTION vend_internal.note_check(text, numeric, bigint, bigint, bigint) IS
    'Notes what a verification found; a sample without a difference takes back none that was found before.';
