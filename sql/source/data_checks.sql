-- What is looked for in the rows. A condition reads the staging row as t, and the rows that it refers to as users,
-- garages, passes and subscriptions. The hint says what the numbers do with such a row.
CREATE VIEW vend_internal.source_checks AS
SELECT * FROM (VALUES
    ('users', 'role', 'warning', NULL::text,
        $$t.role IS NULL OR t.role NOT IN ('user', 'garage_admin', 'super_admin')$$,
        'role is not user, garage_admin or super_admin', 'Such a user has access to no garage.'),
    ('garages', 'capacity', 'warning', NULL, $$t.capacity IS NULL OR t.capacity <= 0$$,
        'capacity is not positive', 'Rates of such a garage are NULL. Set its capacity.'),
    ('garages', 'created_at', 'warning', NULL, $$t.created_at IS NULL$$,
        'created_at is NULL', 'Months of such a garage begin with its first payment or subscription.'),
    ('garages', 'timezone', 'warning', NULL,
        $$btrim(t.source_timezone) <> '' AND vend_internal.known_timezone(btrim(t.source_timezone)) IS NULL$$,
        'timezone is not known', 'Such a garage has the attached time zone. Use a name such as Europe/Berlin.'),
    ('passes', 'garage_id', 'warning', NULL, $$garages.id IS NULL$$,
        'garage_id names no garage', 'Reports by garage leave such a pass out.'),
    ('subscriptions', 'user_id', 'warning', NULL, $$t.user_id IS NULL$$,
        'user_id is NULL', 'Such a subscription counts as never paid.'),
    ('subscriptions', 'user_id', 'warning', NULL, $$t.user_id IS NOT NULL AND users.id IS NULL$$,
        'user_id names no user', 'Such a customer counts, without a name.'),
    ('subscriptions', 'garage_id', 'warning', NULL, $$garages.id IS NULL$$,
        'garage_id names no garage', 'Reports by garage leave such a subscription out.'),
    ('subscriptions', 'pass_id', 'warning', NULL, $$passes.id IS NULL$$,
        'pass_id names no pass', 'Reports by pass leave such a subscription out.'),
    ('subscriptions', 'status', 'warning', NULL,
        $$t.status IS NULL OR t.status NOT IN ('incomplete', 'incomplete_expired',
            'trialing', 'active', 'past_due', 'canceled', 'unpaid', 'paused')$$,
        'status is not known', 'Such a subscription counts as never paid. Map status to one of Stripe''s words.'),
    ('subscriptions', 'current_period_end', 'warning', NULL, $$t.cancel_at_period_end AND t.current_period_end IS NULL$$,
        'cancel_at_period_end is set and current_period_end is NULL', 'Such a cancellation has no effect: its date is not known.'),
    ('subscriptions', 'monthly_amount', 'warning', NULL, $$t.monthly_amount IS NULL$$,
        'monthly_amount is NULL', 'Such a subscription counts as never paid.'),
    ('subscriptions', 'monthly_amount', 'error', '22003', $$t.monthly_amount IN ('NaN', 'Infinity', '-Infinity')$$,
        'monthly_amount is not a finite number', 'It cannot be added. Correct the rows.'),
    ('subscriptions', 'created_at', 'warning', NULL, $$t.created_at IS NULL$$,
        'created_at is NULL', 'Such a subscription counts as never paid.'),
    ('subscriptions', 'updated_at', 'warning', NULL,
        $$t.updated_at IS NULL AND t.status IN ('past_due', 'unpaid', 'paused', 'canceled')$$,
        'updated_at is NULL', 'It is not known since when such a subscription is not paid, so it may count as paid.'),
    ('payments', 'garage_id', 'warning', NULL, $$garages.id IS NULL$$,
        'garage_id names no garage', 'Reports leave such a payment out.'),
    ('payments', 'subscription_id', 'warning', NULL, $$t.subscription_id IS NOT NULL AND subscriptions.id IS NULL$$,
        'subscription_id names no subscription', 'Such a payment is revenue of its garage, but of no customer.'),
    ('payments', 'status', 'warning', NULL,
        $$t.status IS NULL OR t.status NOT IN ('pending', 'succeeded', 'failed', 'refunded')$$,
        'status is not known', 'Only succeeded and refunded payments count. Map status to one of the four words.'),
    ('payments', 'currency', 'warning', NULL, $$t.currency IS NULL$$,
        'currency is NULL', 'Such payments are a group of their own in every report.'),
    ('payments', 'amount', 'warning', NULL, $$t.amount IS NULL OR t.stripe_fee IS NULL OR t.net_amount IS NULL$$,
        'amount, stripe_fee or net_amount is NULL', 'Sums leave the missing value out.'),
    ('payments', 'amount', 'error', '22003',
        $$t.amount IN ('NaN', 'Infinity', '-Infinity') OR t.stripe_fee IN ('NaN', 'Infinity', '-Infinity')
            OR t.net_amount IN ('NaN', 'Infinity', '-Infinity')$$,
        'amount, stripe_fee or net_amount is not a finite number', 'It cannot be added. Correct the rows.'),
    ('payments', 'net_amount', 'warning', NULL, $$t.net_amount <> t.amount - t.stripe_fee$$,
        'net_amount is not amount - stripe_fee', 'garage_profit takes net_amount as it stands.'),
    ('payments', 'payment_date', 'warning', NULL, $$t.payment_date IS NULL$$,
        'payment_date is NULL', 'Such a payment is on no day and in no month.'),
    ('payments', 'updated_at', 'warning', NULL, $$t.status = 'refunded' AND t.updated_at IS NULL$$,
        'updated_at is NULL', 'The day of such a refund is not known, so no day has it.'),
    ('pass_price_history', 'pass_id', 'warning', NULL, $$passes.id IS NULL$$,
        'pass_id names no pass', 'Such a price change has no effect.'),
    ('pass_price_history', 'old_price', 'warning', NULL, $$t.old_price IS NULL OR t.old_price <= 0$$,
        'old_price is not positive', 'Such a price change has no effect.'),
    ('pass_price_history', 'effective_date', 'warning', NULL, $$t.effective_date IS NULL$$,
        'effective_date is NULL', 'Such a price change has no effect.'),
    ('garage_admins', 'user_id', 'warning', NULL, $$users.id IS NULL$$,
        'user_id names no user', 'Such an assignment gives access to nobody.'),
    ('garage_admins', 'garage_id', 'warning', NULL, $$garages.id IS NULL$$,
        'garage_id names no garage', 'Such an assignment gives access to nothing.'),
    ('parked', 'garage_id', 'warning', NULL, $$garages.id IS NULL$$,
        'garage_id names no garage', 'Reports leave such a visit out.'),
    ('parked', 'user_id', 'warning', NULL, $$t.user_id IS NOT NULL AND users.id IS NULL$$,
        'user_id names no user', 'Such a visitor counts, without a name.'),
    ('parked', 'pass_id', 'warning', NULL, $$t.pass_id IS NOT NULL AND passes.id IS NULL$$,
        'pass_id names no pass', 'Such a visit counts, without a pass.'),
    ('parked', 'vehicle_plate', 'warning', NULL, $$t.vehicle_plate IS NULL AND t.user_id IS NULL$$,
        'vehicle_plate and user_id are NULL', 'Such a visit counts, but in no number of unique visitors.'),
    ('parked', 'entered_at', 'warning', NULL, $$t.entered_at IS NULL$$,
        'entered_at is NULL', 'Such a visit is ignored.'),
    ('parked', 'exited_at', 'warning', NULL, $$t.exited_at < t.entered_at$$,
        'exited_at is before entered_at', 'Such a visit is ignored, and counted as bad.'),
    ('garage_daily_occupancy', 'garage_id', 'warning', NULL, $$garages.id IS NULL$$,
        'garage_id names no garage', 'Reports leave such a day out.'),
    ('garage_daily_occupancy', 'day', 'warning', NULL, $$t.day IS NULL$$,
        'day is NULL', 'Such a row is ignored.'),
    ('garage_daily_occupancy', 'hourly_occupancy', 'warning', NULL, $$t.hourly_occupancy IS NULL$$,
        'hourly_occupancy is NULL', 'Every hour of such a day is unknown.'),
    ('garage_daily_occupancy', 'hourly_occupancy', 'warning', NULL,
        $$vend_internal.hourly_problem(t.hourly_occupancy) IS NOT NULL$$,
        'hourly_occupancy is not an hourly document',
        'Every hour of such a day is unknown. vend.flatten_hourly says what is wrong with a document.'),
    -- The hours of a day are as many as lie between two of its zone's midnights.
    ('garage_daily_occupancy', 'hourly_occupancy', 'warning', NULL,
        $$CASE WHEN garages.id IS NOT NULL AND isfinite(t.day) AND vend_internal.hourly_problem(t.hourly_occupancy) IS NULL THEN
            (SELECT max(h.hour) FROM vend.flatten_hourly(t.hourly_occupancy) h) >= extract(epoch FROM
                vend_internal.day_start(t.day + 1, garages.timezone)
                - vend_internal.day_start(t.day, garages.timezone)) / 3600 END$$,
        'hourly_occupancy has entries past the day''s last hour', 'Such entries are ignored.')
) AS c(table_name, column_name, severity, code, condition, problem, hint)
UNION ALL
SELECT s.table_name, s.column_name, f.severity, f.code, format(f.condition, s.column_name),
    format(f.problem, s.column_name), format(f.hint, s.column_name)
FROM vend_internal.source_columns s
JOIN (VALUES
    ('id', 'error', '23502', 't.%I IS NULL', '%s is NULL', 'Each row needs a %s of its own.'),
    ('created_at', 'warning', NULL::text, 't.%I > now() + interval ''1 hour''', '%s is in the future',
        'If it is a local time, map it to (%s AT TIME ZONE ''Europe/Berlin'') with its zone: a timestamp is taken for UTC.'),
    ('payment_date', 'warning', NULL, 't.%I > now() + interval ''1 hour''', '%s is in the future',
        'If it is a local time, map it to (%s AT TIME ZONE ''Europe/Berlin'') with its zone: a timestamp is taken for UTC.'),
    ('entered_at', 'warning', NULL, 't.%I > now() + interval ''1 hour''', '%s is in the future',
        'If it is a local time, map it to (%s AT TIME ZONE ''Europe/Berlin'') with its zone: a timestamp is taken for UTC.'),
    ('payment_date', 'error', '22008', 'NOT isfinite(t.%I)', '%s is infinite', 'It is on no day. Correct the rows.'),
    ('entered_at', 'error', '22008', 'NOT isfinite(t.%I)', '%s is infinite', 'It is on no day. Correct the rows.'),
    ('day', 'error', '22008', 'NOT isfinite(t.%I)', '%s is infinite', 'It is on no day. Correct the rows.')
) AS f(column_name, severity, code, condition, problem, hint) ON f.column_name = s.column_name;
COMMENT ON VIEW vend_internal.source_checks IS 'What vend.check_source looks for in the rows of the source.';

CREATE FUNCTION vend_internal.count_problem(problem text, number bigint, unit text, example text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT concat(problem, ' in ', number, ' ', unit, CASE WHEN number <> 1 THEN 's' END, ', for example id ' || example);
END;
COMMENT ON FUNCTION vend_internal.count_problem(text, bigint, text, text) IS 'A finding with its count and one example.';

-- Runs as vend_owner, for it evaluates the administrator's expressions.
CREATE FUNCTION vend_internal.data_problems(
    views_schema text, table_name text, faulty text[], referable text[], unique_id boolean
) RETURNS SETOF vend_internal.source_problem
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rows_of text := format('%I.%I', views_schema, 'stg_' || table_name);
    references_of text;
    checks vend_internal.source_checks[];
    repeated record;
BEGIN
    -- An id that is there twice must not count a row that refers to it twice.
    SELECT coalesce(string_agg(format(' LEFT JOIN (SELECT DISTINCT ON (id) * FROM %I.%I ORDER BY id) AS %I ON %3$I.id = t.%I',
        views_schema, 'stg_' || r.refers_to, r.refers_to, r.column_name), ''), '') INTO references_of
    FROM (VALUES ('user_id', 'users'), ('garage_id', 'garages'), ('pass_id', 'passes'), ('subscription_id', 'subscriptions'))
        AS r(column_name, refers_to)
    JOIN vend_internal.source_columns s ON s.column_name = r.column_name
    WHERE s.table_name = data_problems.table_name AND r.refers_to = ANY (referable);

    SELECT array_agg(c) INTO checks
    FROM vend_internal.source_checks c
    WHERE c.table_name = data_problems.table_name AND c.column_name <> ALL (faulty)
        AND NOT EXISTS (SELECT FROM unnest(ARRAY['users', 'garages', 'passes', 'subscriptions']) AS other(name)
            WHERE other.name <> ALL (referable) AND c.condition ~ format('\m%s\.', other.name));

    -- One scan for all: the conditions make an array, and only rows with a hit are taken apart.
    RETURN QUERY EXECUTE format(
        'SELECT c.severity, c.code, c.table_name, c.column_name,
            vend_internal.count_problem(c.problem, count(*), ''row'', min(r.id::text)), c.hint
        FROM (SELECT t.id, ARRAY[%s]::boolean[] AS hits FROM %s AS t%s OFFSET 0) AS r
        CROSS JOIN LATERAL unnest(r.hits) WITH ORDINALITY AS h(hit, n)
        JOIN unnest($1) WITH ORDINALITY AS c(table_name, column_name, severity, code, condition, problem, hint, n) USING (n)
        WHERE true = ANY (r.hits) AND h.hit
        GROUP BY n, c.severity, c.code, c.table_name, c.column_name, c.problem, c.hint',
        (SELECT string_agg(format('(%s)', c.condition), ', ' ORDER BY c.n)
            FROM unnest(checks) WITH ORDINALITY AS c(table_name, column_name, severity, code, condition, problem, hint, n)),
        rows_of, references_of)
    USING checks;

    IF NOT unique_id AND 'id' <> ALL (faulty) THEN
        EXECUTE format('SELECT count(*) AS number, min(id::text) AS example
            FROM (SELECT id FROM %s WHERE id IS NOT NULL GROUP BY id HAVING count(*) > 1) AS r', rows_of) INTO repeated;
        IF repeated.number > 0 THEN
            RETURN NEXT ('error', '23505', table_name, 'id',
                vend_internal.count_problem('id is there more than once', repeated.number, 'case', repeated.example),
                'Each row needs an id of its own.')::vend_internal.source_problem;
        END IF;
    END IF;

    IF table_name = 'garage_daily_occupancy' AND 'day' <> ALL (faulty) THEN
        EXECUTE format('SELECT count(*) AS number, min(id) AS example
            FROM (SELECT min(id::text) AS id FROM %s WHERE day IS NOT NULL GROUP BY garage_id, day HAVING count(*) > 1) AS r',
            rows_of) INTO repeated;
        IF repeated.number > 0 THEN
            RETURN NEXT ('warning', NULL, table_name, 'day',
                vend_internal.count_problem('a garage has several rows for one day', repeated.number, 'case', repeated.example),
                'The row with the latest created_at holds.')::vend_internal.source_problem;
        END IF;
    END IF;
EXCEPTION WHEN OTHERS THEN
    RETURN NEXT ('error', SQLSTATE, table_name, NULL, format('its rows cannot be read: %s', SQLERRM),
        'Correct the rows, or the expressions in the mapping.')::vend_internal.source_problem;
END $$;
COMMENT ON FUNCTION vend_internal.data_problems(text, text, text[], text[], boolean) IS
    'What is wrong with the rows of one staging view. faulty: its columns without values; referable: tables with usable ids.';
