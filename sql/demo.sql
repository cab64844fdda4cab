-- What each of the demo's tables is filled with: one garage's rows, from the arguments $1 to $6 of the demo functions.
-- %s is the quoted target schema.
CREATE VIEW vend_internal.demo_tables AS
SELECT * FROM (VALUES
    (1, 'users',
        'SELECT id, first_name, last_name, email, phone, stripe_customer_id, role::%s.user_role, created_at, created_at
         FROM vend_internal.demo_users($1, $2, $3, $4, $5, $6)'),
    (2, 'garages',
        'SELECT id, name, address, capacity, stripe_account_id, timezone, created_at, created_at
         FROM vend_internal.demo_garages($1, $2, $3, $4, $5, $6)'),
    (3, 'passes',
        'SELECT id, garage_id, name, description, stripe_product_id, stripe_price_id, cents * 0.01, active, created_at, updated_at
         FROM vend_internal.demo_passes($1, $2, $3, $4, $5, $6)'),
    (4, 'subscriptions',
        'SELECT id, stripe_subscription_id, user_id, garage_id, pass_id, stripe_price_id, status::%s.subscription_status,
             current_period_start, current_period_end, cancel_at_period_end, canceled_at, cents * 0.01, renewal_status,
             renewal_attempted_at, next_renewal_date, created_at, updated_at
         FROM vend_internal.demo_subscriptions($1, $2, $3, $4, $5, $6)'),
    (5, 'payments',
        'SELECT id, stripe_payment_intent_id, subscription_id, garage_id, cents * 0.01, fee_cents * 0.01,
             (cents - fee_cents) * 0.01, status::%s.payment_status, currency, payment_date, payment_date, updated_at
         FROM vend_internal.demo_payments($1, $2, $3, $4, $5, $6)'),
    (6, 'pass_price_history',
        'SELECT id, pass_id, old_cents * 0.01, new_cents * 0.01, old_stripe_price_id, new_stripe_price_id,
             ''operations@demo.example'', ''yearly review'', effective_date, effective_date
         FROM vend_internal.demo_price_changes($1, $2, $3, $4, $5, $6)'),
    (7, 'garage_admins',
        'SELECT id, user_id, garage_id, assigned_by, assigned_at, ''{"reports": true, "passes": true}''::jsonb, assigned_at
         FROM vend_internal.demo_garage_admins($1, $2, $3, $4, $5, $6)'),
    (8, 'parked',
        'SELECT id, garage_id, user_id, pass_id, vehicle_plate, entered_at, exited_at, entered_at
         FROM vend_internal.demo_visits($1, $2, $3, $4, $5, $6)'),
    (9, 'garage_daily_occupancy',
        'SELECT id, garage_id, day, hourly_occupancy::jsonb, created_at
         FROM vend_internal.demo_hourly_counts($1, $2, $3, $4, $5, $6)')
) AS t(place, table_name, query);
COMMENT ON VIEW vend_internal.demo_tables IS 'The query that gives one garage''s rows of each of the demo''s tables.';

CREATE FUNCTION vend.create_demo(target_schema text DEFAULT 'vend_demo', garages int DEFAULT 24, customers_per_garage int DEFAULT 55,
    months int DEFAULT 24, seed bigint DEFAULT 42, as_of timestamptz DEFAULT now())
RETURNS TABLE (table_name text, row_count bigint)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    missing text := CASE WHEN $1 IS NULL THEN 'target_schema' WHEN $2 IS NULL THEN 'garages' WHEN $3 IS NULL THEN 'customers_per_garage'
        WHEN $4 IS NULL THEN 'months' WHEN $5 IS NULL THEN 'seed' WHEN $6 IS NULL THEN 'as_of' END;
    target text := quote_ident(target_schema);
    counts bigint[] := array_fill(0::bigint, ARRAY[9]);
    filled bigint;
    reported timestamptz := clock_timestamp();
    demo_table record;
BEGIN
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION '% is NULL', missing USING ERRCODE = '22004', HINT = 'Leave it out for its default.';
    END IF;
    IF target_schema = '' THEN
        RAISE EXCEPTION 'target_schema is empty' USING ERRCODE = '22023', HINT = 'Name a schema that does not exist yet.';
    END IF;
    PERFORM vend_internal.demo_check(seed, garages, customers_per_garage, months, as_of);
    IF EXISTS (SELECT FROM pg_namespace WHERE nspname = target_schema::name) THEN
        RAISE EXCEPTION 'schema "%" already exists', target_schema::name
            USING ERRCODE = '42P06', HINT = format('Name another one, or drop it first: DROP SCHEMA %I CASCADE;', target_schema::name);
    END IF;

    EXECUTE format('CREATE SCHEMA %s', target);
    PERFORM set_config('search_path', format('%s, pg_temp', target), true);
    EXECUTE vend_internal.operational_schema(keys => false);
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);

    FOR garage IN 0 .. garages - 1 LOOP
        FOR demo_table IN SELECT t.place, t.table_name AS name, t.query FROM vend_internal.demo_tables AS t ORDER BY t.place LOOP
            EXECUTE format('INSERT INTO %s.%I ', target, demo_table.name) || replace(demo_table.query, '%s', target)
                USING seed, garages, customers_per_garage, months, as_of, garage;
            GET DIAGNOSTICS filled = ROW_COUNT;
            counts[demo_table.place] := counts[demo_table.place] + filled;
        END LOOP;
        IF clock_timestamp() - reported >= interval '2 seconds' THEN
            reported := clock_timestamp();
            RAISE NOTICE '% of % garages: % subscriptions, % payments, % visits', garage + 1, garages, counts[4], counts[5], counts[8];
        END IF;
    END LOOP;

    IF counts[8] > 1000000 THEN
        RAISE NOTICE 'adding keys and indexes';
    END IF;
    PERFORM set_config('search_path', format('%s, pg_temp', target), true);
    EXECUTE vend_internal.operational_schema(keys => true);
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    FOR demo_table IN SELECT t.table_name AS name FROM vend_internal.demo_tables AS t LOOP
        EXECUTE format('ANALYZE %s.%I', target, demo_table.name);
    END LOOP;
    RETURN QUERY SELECT t.table_name, counts[t.place] FROM vend_internal.demo_tables AS t ORDER BY t.place;
END $$;
COMMENT ON FUNCTION vend.create_demo(text, int, int, int, bigint, timestamptz) IS
    'Makes target_schema and fills the nine operational tables in it with a made-up platform: the same arguments give the same '
    'rows. It covers the given months and the one of as_of so far; nothing is recorded after as_of. One row per table with its '
    'row count. 42P06: the schema exists; 22004, 22023: an argument is NULL or out of range, named in the error.';

COMMENT ON FUNCTION vend_internal.demo_check(bigint, int, int, int, timestamptz) IS 'True, or the error that names the argument at fault.';
COMMENT ON FUNCTION vend_internal.operational_schema(boolean) IS
    'The statements that make the operational tables in the current schema, or (keys) their keys and indexes.';
