-- A rollup is a table kept exact. Writers leave notes of the rows they changed; whoever reads or refreshes derives from
-- the notes the keys that may differ from what is stored. docs/rollups.md says why that is always right.
CREATE TABLE vend_internal.rollups (
    name text PRIMARY KEY,
    query text NOT NULL,
    key text[] NOT NULL,
    sources jsonb NOT NULL,
    tenant_column text,
    built_in boolean NOT NULL,
    -- What our own reports look for in what is stored, other than by key or tenant: a list of lists of columns.
    indexes jsonb NOT NULL DEFAULT '[]',
    refreshed_at timestamptz,
    -- Counts up with each, so that an older snapshot cannot go on where a newer one has been.
    batches bigint NOT NULL DEFAULT 0,
    -- Another one with each definition.
    generation uuid NOT NULL DEFAULT gen_random_uuid()
);
COMMENT ON TABLE vend_internal.rollups IS 'The rollups as they were defined; a refresh locks its row.';

CREATE TABLE vend_internal.rollup_sources (
    rollup text NOT NULL REFERENCES vend_internal.rollups ON DELETE CASCADE,
    position int NOT NULL,
    source text NOT NULL,
    relation regclass NOT NULL,
    -- The columns that anything here reads, as the source shows them and as the table has them: without one of those a
    -- change cannot be noted.
    columns text[] NOT NULL,
    table_columns text[] NOT NULL,
    -- The columns of a note, by name and as expressions over a changed row.
    noted text[] NOT NULL,
    noted_expressions text[] NOT NULL,
    -- What of a row the rollup reads at all, as expressions: an update of nothing else leaves no note.
    read_expressions text[] NOT NULL,
    -- The key columns that a note names, none: a change concerns every key.
    touched text[] NOT NULL,
    keys text NOT NULL,
    partitions regclass[] NOT NULL,
    -- What note_query() says, kept as every session of a writer asks; NULL: the table was altered so that it cannot be answered.
    note_query text,
    PRIMARY KEY (rollup, position)
);
COMMENT ON TABLE vend_internal.rollup_sources IS
    'The tables a rollup is computed from, and the keys (a SELECT over the relation "changed") that a changed row touches.';

-- Insert only, without a unique index: no writer waits for another.
CREATE TABLE vend_internal.stale_rollups (
    rollup text NOT NULL,
    reason text NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT now(),
    flag uuid NOT NULL DEFAULT gen_random_uuid()
);
COMMENT ON TABLE vend_internal.stale_rollups IS 'Notes that concern every key: with one, a rollup is read from its query.';

CREATE TABLE vend_internal.rollup_builds (
    rollup text PRIMARY KEY REFERENCES vend_internal.rollups ON DELETE CASCADE,
    -- What the build will take back: flags that came after its first slice ask for another build.
    flags uuid[] NOT NULL,
    -- Up to which tenant it is done; NULL: none.
    done_to text,
    -- How many tenants are next.
    slice int NOT NULL DEFAULT 1
);
COMMENT ON TABLE vend_internal.rollup_builds IS 'Builds of rollups that are under way, a few tenants at a time.';

SELECT pg_catalog.pg_extension_config_dump('vend_internal.rollups', '');
SELECT pg_catalog.pg_extension_config_dump('vend_internal.rollup_sources', '');
SELECT pg_catalog.pg_extension_config_dump('vend_internal.stale_rollups', '');

-- The sets of key columns that notes name, the smallest first: a key that one of them covers is left to it.
CREATE VIEW vend_internal.rollup_masks AS
SELECT rollup, touched AS columns,
    row_number() OVER (PARTITION BY rollup ORDER BY cardinality(touched), touched) AS number
FROM vend_internal.rollup_sources
WHERE touched <> '{}'
GROUP BY rollup, touched;
COMMENT ON VIEW vend_internal.rollup_masks IS 'The sets of key columns that the notes of a rollup name, numbered.';

CREATE FUNCTION vend_internal.part_of(rollup text, kind text, number bigint DEFAULT NULL) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT format('vend_internal.%I', concat_ws('_', kind, rollup, number));
END;
COMMENT ON FUNCTION vend_internal.part_of(text, text, bigint) IS
    'The name of an object of a rollup: its query, what is stored, its exact view and what that consists of (clean, due, is_odd), whether it is odd and then its rows, all or of one garage, its noted keys and the live rows of one; '
    'of each source: notes (lone_notes is the part of them that is not indexed; our own rollups share one for a source, named by that), keys; of each mask: dirty.';

CREATE FUNCTION vend_internal.notes_tables(rollup text) RETURNS TABLE ("position" int, name text, notes regclass, others regclass[])
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT s.position, c.relname, c.oid, ARRAY(SELECT i.inhparent::regclass FROM pg_inherits i WHERE i.inhrelid = c.oid AND i.inhparent <> own.oid ORDER BY 1)
    FROM vend_internal.rollup_sources s
    CROSS JOIN LATERAL to_regclass(vend_internal.part_of(s.rollup, 'notes', s.position)) AS own(oid)
    -- Not as an OR, for which all of pg_class would be looked through.
    CROSS JOIN LATERAL (SELECT own.oid UNION ALL SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = own.oid) AS t(oid)
    JOIN pg_class c ON c.oid = t.oid
    WHERE s.rollup = $1
    ORDER BY s.position, c.relname;
END;
COMMENT ON FUNCTION vend_internal.notes_tables(text) IS
    'The tables in which the notes of a rollup''s sources are, one or two of each, and the notes of other rollups (others) that a table is part of, too.';

CREATE FUNCTION vend_internal.nullable(rollup text, columns text[]) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT ARRAY(
        SELECT c.name
        FROM unnest(columns) WITH ORDINALITY AS c(name, n)
        WHERE c.name NOT IN (SELECT v FROM vend_internal.never_null_columns(vend_internal.part_of(rollup, 'query')::regclass) v)
        ORDER BY c.n);
END;
COMMENT ON FUNCTION vend_internal.nullable(text, text[]) IS 'Those of a rollup''s columns that may be NULL.';

-- Conditions over a list of columns: that two rows are equal in them, also where they are NULL, or that one has a NULL.
CREATE FUNCTION vend_internal.equal_in(columns text[], one text, other text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT string_agg(format('%s.%I = %s.%I', one, c, other, c), ' AND ') FROM unnest(columns) AS c;
END;
CREATE FUNCTION vend_internal.same_in(columns text[], one text, other text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT string_agg(format('%s.%I IS NOT DISTINCT FROM %s.%I', one, c, other, c), ' AND ') FROM unnest(columns) AS c;
END;
CREATE FUNCTION vend_internal.null_in(columns text[], one text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT format('(%s)', coalesce(string_agg(format('%s.%I IS NULL', one, c), ' OR '), 'false')) FROM unnest(columns) AS c;
END;
CREATE FUNCTION vend_internal.list_of(columns text[], of text DEFAULT NULL) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT string_agg(concat_ws('.', of, quote_ident(c.name)), ', ' ORDER BY c.n)
    FROM unnest(columns) WITH ORDINALITY AS c(name, n);
END;

CREATE FUNCTION vend_internal.found_by(noted text[], touched text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT ARRAY(SELECT n.name FROM unnest(noted) WITH ORDINALITY AS n(name, position) WHERE n.name = ANY (touched) ORDER BY n.position);
END;
COMMENT ON FUNCTION vend_internal.found_by(text[], text[]) IS 'The columns by which a source''s notes are indexed: the key columns among them.';

CREATE FUNCTION vend_internal.columns_of(relation regclass) RETURNS text[]
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT array_agg(a.attname ORDER BY a.attnum)
    FROM pg_attribute a
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped;
END;
COMMENT ON FUNCTION vend_internal.columns_of(regclass) IS 'The columns of a relation, in order.';

-- pg_partition_tree() locks the partitions, but not their root: who then reads the root and who truncates or alters it
-- would wait for each other.
CREATE FUNCTION vend_internal.partitions_of(relation regclass) RETURNS SETOF regclass
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH RECURSIVE tree(relid) AS (
        SELECT relation::oid
        UNION
        SELECT i.inhrelid FROM tree t JOIN pg_inherits i ON i.inhparent = t.relid AND NOT i.inhdetachpending
    )
    SELECT t.relid::regclass FROM tree t WHERE t.relid <> relation;
END;
COMMENT ON FUNCTION vend_internal.partitions_of(regclass) IS
    'The tables whose rows a table shows besides its own: partitions, and what inherits from it; none of them is locked.';
