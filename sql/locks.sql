-- Who waits for a lock has others queue behind him, and holds what he has locked before: readers and writers of the sources must not
-- stand still as long as one of them, or an analyst with an open transaction, keeps us waiting.
CREATE FUNCTION vend_internal.execute_promptly(statement text, used text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
BEGIN
    EXECUTE statement;
EXCEPTION WHEN lock_not_available THEN
    RAISE EXCEPTION 'a transaction is using %', used USING ERRCODE = '55P03', DETAIL = left(split_part(statement, E'\n', 1), 120),
        HINT = 'Nothing was changed. Try again when it has ended.';
END $$;
COMMENT ON FUNCTION vend_internal.execute_promptly(text, text) IS
    'Executes a statement that waits two seconds for a lock at most; then 55P03, and what is in use.';

CREATE FUNCTION vend_internal.lock_relation(relation regclass, mode text) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT vend_internal.execute_promptly(format('LOCK TABLE %s IN %s MODE', $1, $2), $1::text);
END;
COMMENT ON FUNCTION vend_internal.lock_relation(regclass, text) IS
    'Locks a table until the end of the transaction; 55P03 if it cannot within two seconds.';
