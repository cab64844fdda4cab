-- What vend.attach() was told and made, so that it can be repeated, dumped and taken back.
CREATE TABLE vend_internal.source (
    -- One database has one source.
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    source_schema text NOT NULL,
    mapping jsonb NOT NULL,
    timezone text NOT NULL,
    -- How staging reads each column, by table.
    expressions jsonb NOT NULL,
    -- The table whose changes make the ledger.
    subscriptions regclass NOT NULL,
    -- The table that says how large a garage is.
    garages regclass NOT NULL,
    attached_at timestamptz NOT NULL
);
COMMENT ON TABLE vend_internal.source IS 'The arguments of the last vend.attach(); empty while nothing is attached.';

-- By name, not OID: names survive a dump.
CREATE TABLE vend_internal.source_grants (
    schema_name text NOT NULL,
    -- Empty: USAGE on the schema. Otherwise SELECT on its table.
    table_name text NOT NULL,
    PRIMARY KEY (schema_name, table_name)
);
COMMENT ON TABLE vend_internal.source_grants IS 'What vend_owner was granted on the source and did not have before.';

CREATE TABLE vend_internal.generated (
    position int PRIMARY KEY,
    schema_name text NOT NULL,
    object_name text NOT NULL,
    kind text NOT NULL,
    UNIQUE (schema_name, object_name)
);
COMMENT ON TABLE vend_internal.generated IS 'Every object that vend.attach() made, in the order of making.';

SELECT pg_catalog.pg_extension_config_dump('vend_internal.source', '');
SELECT pg_catalog.pg_extension_config_dump('vend_internal.source_grants', '');
SELECT pg_catalog.pg_extension_config_dump('vend_internal.generated', '');

CREATE VIEW vend_internal.generated_schemas AS
SELECT * FROM (VALUES
    ('vend_staging', 'vend_analytics: the operational tables, cleaned and typed, under fixed names.'),
    ('vend_marts', 'vend_analytics: dimensions and facts.'),
    ('vend_reports', 'vend_analytics: what a dashboard reads.')
) AS s(name, comment);
COMMENT ON VIEW vend_internal.generated_schemas IS 'The schemas that vend.attach() makes.';

-- One finding about the source; code is the SQLSTATE with which attach refuses an error.
CREATE TYPE vend_internal.source_problem AS (
    severity text, code text, table_name text, column_name text, problem text, hint text);
ALTER TYPE vend_internal.source_problem OWNER TO vend_owner;

-- DDL and queries over the source run through here, so that an administrator's expressions are never evaluated with a
-- superuser's rights.
CREATE FUNCTION vend_internal.execute_as_owner(statement text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM vend_internal.execute_promptly(statement, 'what is made anew');
END $$;
COMMENT ON FUNCTION vend_internal.execute_as_owner(text) IS 'Executes statements with the rights of vend_owner.';
