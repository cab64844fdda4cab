-- vend_owner reads the source by grants of its own. Those it had before are not recorded, so detaching leaves them.
CREATE FUNCTION vend_internal.has_source_grant(schema_name text, table_name text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (
        SELECT
        FROM pg_namespace n
        LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = $2
        CROSS JOIN LATERAL aclexplode(CASE WHEN $2 = '' THEN n.nspacl ELSE c.relacl END) AS acl
        WHERE n.nspname = $1 AND acl.grantee = to_regrole('vend_owner')
            AND acl.privilege_type = CASE WHEN $2 = '' THEN 'USAGE' ELSE 'SELECT' END);
END;
COMMENT ON FUNCTION vend_internal.has_source_grant(text, text) IS
    'Whether vend_owner itself was granted SELECT on a table, or USAGE on a schema (table name empty).';

-- An ANALYZE or VACUUM writes to pg_class what it has found, and so do GRANT and REVOKE: it would wait for us until we commit, and we
-- for it as soon as we make a trigger.
CREATE FUNCTION vend_internal.keep_vacuum_out(schema_name text, table_name text) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT vend_internal.lock_relation(r.relation, 'SHARE UPDATE EXCLUSIVE')
    FROM (SELECT to_regclass(format('%I.%I', $1, $2)) AS relation WHERE $2 <> '') AS r
    WHERE r.relation IS NOT NULL;
END;
COMMENT ON FUNCTION vend_internal.keep_vacuum_out(text, text) IS
    'Locks a table (none: table name empty) against maintenance until the end of the transaction; 55P03.';

CREATE FUNCTION vend_internal.grant_source(schema_name text, table_name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF table_name = '' THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO vend_owner', schema_name);
    ELSE
        EXECUTE format('GRANT SELECT ON TABLE %I.%I TO vend_owner', schema_name, table_name);
    END IF;
END $$;
COMMENT ON FUNCTION vend_internal.grant_source(text, text) IS
    'Grants vend_owner SELECT on a table, or USAGE on a schema (table name empty).';

-- A schema or table that was dropped took its grants along.
CREATE FUNCTION vend_internal.revoke_source(schema_name text, table_name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM vend_internal.keep_vacuum_out(schema_name, table_name);
    IF table_name <> '' AND to_regclass(format('%I.%I', schema_name, table_name)) IS NOT NULL THEN
        EXECUTE format('REVOKE SELECT ON TABLE %I.%I FROM vend_owner', schema_name, table_name);
    ELSIF table_name = '' AND to_regnamespace(quote_ident(schema_name)) IS NOT NULL THEN
        EXECUTE format('REVOKE USAGE ON SCHEMA %I FROM vend_owner', schema_name);
    END IF;
    DELETE FROM vend_internal.source_grants g
    WHERE g.schema_name = revoke_source.schema_name AND g.table_name = revoke_source.table_name;
END $$;
COMMENT ON FUNCTION vend_internal.revoke_source(text, text) IS 'Takes back a recorded grant.';

CREATE FUNCTION vend_internal.lend_source(schema_name text, table_name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT vend_internal.has_source_grant(schema_name, table_name) THEN
        PERFORM vend_internal.keep_vacuum_out(schema_name, table_name);
        PERFORM vend_internal.grant_source(schema_name, table_name);
        INSERT INTO vend_internal.source_grants VALUES (schema_name, table_name) ON CONFLICT DO NOTHING;
    END IF;
END $$;
COMMENT ON FUNCTION vend_internal.lend_source(text, text) IS 'Grants what vend_owner does not have yet, and notes that.';

CREATE FUNCTION vend_internal.grant_sources(source_schema text, mapping jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    needed record;
BEGIN
    FOR needed IN
        SELECT DISTINCT r.schema_name, n.table_name
        FROM vend_internal.source_relations(source_schema, mapping) r
        CROSS JOIN LATERAL (VALUES (''), (r.relation_name)) AS n(table_name)
        ORDER BY r.schema_name, n.table_name
    LOOP
        PERFORM vend_internal.lend_source(needed.schema_name, needed.table_name);
    END LOOP;
    PERFORM vend_internal.revoke_source(g.schema_name, g.table_name)
    FROM vend_internal.source_grants g
    WHERE NOT EXISTS (
        SELECT FROM vend_internal.source_relations(source_schema, mapping) r
        WHERE r.schema_name = g.schema_name AND g.table_name IN ('', r.relation_name))
        -- What rollups of others' own tables were given.
        AND NOT EXISTS (
            SELECT FROM vend_internal.rollup_sources s
            JOIN pg_class c ON c.oid = s.relation
            JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE s.source LIKE '%.%' AND n.nspname = g.schema_name AND g.table_name IN ('', c.relname));
END $$;
COMMENT ON FUNCTION vend_internal.grant_sources(text, jsonb) IS
    'Gives vend_owner what a mapping needs, and takes back what an earlier one needed.';
