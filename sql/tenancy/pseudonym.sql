-- Two random UUIDs are 244 random bits. Not registered for dumps: a restored database has a key of its own.
CREATE TABLE vend_internal.pseudonym_key (
    key bytea NOT NULL DEFAULT decode(replace(concat(gen_random_uuid(), gen_random_uuid()), '-', ''), 'hex')
);
COMMENT ON TABLE vend_internal.pseudonym_key IS 'The key of vend.pseudonym(), for its owner alone.';
INSERT INTO vend_internal.pseudonym_key DEFAULT VALUES;

CREATE FUNCTION vend.pseudonym(value text) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT vend_internal.keyed_hash(k.key, $1) FROM vend_internal.pseudonym_key k;
END;
COMMENT ON FUNCTION vend.pseudonym(text) IS
    'A keyed hash (HMAC-SHA256, 64 hexadecimal digits) to export instead of a name, an e-mail or an id: equal for equal values within this '
    'database, different in any other, a restored copy included. NULL for NULL. Whoever may call it can try values: grant it to exports only.';
