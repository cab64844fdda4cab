-- What a trigger on the subscriptions does with a write, and attach with what it finds.

-- Only rows that differ are written, so that whoever watches the ledger sees what changed and nothing else. What must go
-- goes first: two intervals never overlap, not even for a moment.
CREATE FUNCTION vend_internal.correct_ledger(subscription uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted vend_internal.ledger;
BEGIN
    FOR wanted IN
        SELECT subscription, valid_from, c.valid_to, c.user_id, c.garage_id, c.pass_id, c.monthly_amount, c.churn_reason
        FROM (SELECT * FROM vend_internal.computed_ledger WHERE subscription_id = subscription) AS c
        FULL JOIN (SELECT * FROM vend_internal.ledger WHERE subscription_id = subscription) AS l USING (valid_from)
        WHERE c.* IS DISTINCT FROM l.*
        ORDER BY c.valid_to NULLS FIRST
    LOOP
        IF wanted.valid_to IS NULL THEN
            DELETE FROM vend_internal.ledger l WHERE l.subscription_id = subscription AND l.valid_from = wanted.valid_from;
        ELSE
            INSERT INTO vend_internal.ledger AS stored
            VALUES (wanted.*)
            ON CONFLICT (subscription_id, valid_from) DO UPDATE SET valid_to = excluded.valid_to, user_id = excluded.user_id,
                garage_id = excluded.garage_id, pass_id = excluded.pass_id, monthly_amount = excluded.monthly_amount,
                churn_reason = excluded.churn_reason;
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION vend_internal.correct_ledger(uuid) IS 'Brings the intervals of one subscription up to date with its versions.';

-- Without nested loops, for the ledger is empty when it is built first, and would be read anew for every row. Where one is
-- needed all the same it now seems to cost a fortune, which must not start the compiler.
CREATE FUNCTION vend_internal.rebuild_ledger() RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_nestloop = off SET jit = off AS $$
DECLARE
    removed bigint;
    written bigint;
BEGIN
    -- A writer who is under way would go on from the intervals of before.
    LOCK TABLE vend_internal.subscription_versions IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM vend_internal.ledger l
    WHERE NOT EXISTS (SELECT FROM vend_internal.computed_ledger c
        WHERE c.subscription_id = l.subscription_id AND c.valid_from = l.valid_from);
    GET DIAGNOSTICS removed = ROW_COUNT;
    INSERT INTO vend_internal.ledger AS stored
    SELECT c.*
    FROM vend_internal.computed_ledger c
    LEFT JOIN vend_internal.ledger l USING (subscription_id, valid_from)
    WHERE c.* IS DISTINCT FROM l.*
    -- An interval that ends earlier than it did makes room for the next one.
    ORDER BY c.subscription_id, c.valid_to
    ON CONFLICT (subscription_id, valid_from) DO UPDATE SET valid_to = excluded.valid_to, user_id = excluded.user_id,
        garage_id = excluded.garage_id, pass_id = excluded.pass_id, monthly_amount = excluded.monthly_amount,
        churn_reason = excluded.churn_reason;
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN removed + written;
END $$;
COMMENT ON FUNCTION vend_internal.rebuild_ledger() IS
    'Computes every interval from the versions and writes those that differ; returns how many did. Writers wait meanwhile.';

CREATE FUNCTION vend_internal.unseen_change(status text, renewal_attempted_at timestamptz, updated_at timestamptz)
RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN status IN ('past_due', 'unpaid') THEN coalesce(renewal_attempted_at, updated_at) ELSE updated_at END;
COMMENT ON FUNCTION vend_internal.unseen_change(text, timestamptz, timestamptz) IS
    'The instant of a change of status that nobody saw (METRICS.md, 2).';

-- A row stands for its past, except for what the price history of its pass says of earlier amounts.
CREATE FUNCTION vend_internal.record_found(subscription uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    WITH RECURSIVE found_rows AS (
        SELECT s.*
        FROM vend_staging.stg_subscriptions s
        WHERE s.id IS NOT NULL AND (subscription IS NULL OR s.id = subscription)
            AND NOT EXISTS (SELECT FROM vend_internal.last_versions l WHERE l.subscription_id = s.id AND NOT l.deleted)
    ),
    price_changes AS (
        SELECT h.pass_id, h.new_stripe_price_id, h.old_stripe_price_id, h.old_price, h.effective_date,
            lead(h.effective_date) OVER (
                PARTITION BY h.pass_id, h.new_stripe_price_id ORDER BY h.effective_date, h.id) AS repeated_at
        FROM vend_staging.stg_pass_price_history h
        WHERE h.old_price > 0 AND h.old_price < 'infinity' AND isfinite(h.effective_date)
    ),
    -- Backwards in time: each step is the price before the one before it, paid until the renewal that raised it.
    prices AS (
        SELECT s.id, 0 AS step, s.stripe_price_id AS price_id, s.monthly_amount AS amount,
            'infinity'::timestamptz AS effective_date, NULL::timestamptz AS paid_until
        FROM found_rows s
        UNION ALL
        SELECT s.id, later.step + 1, c.old_stripe_price_id, c.old_price, c.effective_date,
            coalesce(renewal.at, c.effective_date)
        FROM prices later
        JOIN found_rows s ON s.id = later.id
        -- Of several changes to one price the latest before the step already taken.
        JOIN price_changes c ON c.pass_id = s.pass_id AND c.new_stripe_price_id = later.price_id
            AND c.effective_date < later.effective_date
            AND (c.repeated_at IS NULL OR c.repeated_at >= later.effective_date)
            AND c.effective_date > s.created_at
        CROSS JOIN LATERAL (
            SELECT CASE WHEN isfinite(s.current_period_start) THEN s.current_period_start AT TIME ZONE 'UTC' END AS period,
                c.effective_date AT TIME ZONE 'UTC' AS effective
        ) AS utc
        CROSS JOIN LATERAL (
            -- Months back from the period's start to the month of the change.
            SELECT ((extract(year FROM utc.period) - extract(year FROM utc.effective)) * 12
                + extract(month FROM utc.period) - extract(month FROM utc.effective))::int AS months
        ) AS back
        CROSS JOIN LATERAL (
            SELECT min((utc.period - make_interval(months => n)) AT TIME ZONE 'UTC') AS at
            FROM generate_series(greatest(back.months - 1, 0), back.months) AS n
            WHERE utc.period - make_interval(months => n) >= utc.effective
        ) AS renewal
        WHERE s.monthly_amount > 0 AND s.monthly_amount < 'infinity'
    )
    INSERT INTO vend_internal.subscription_versions (subscription_id, effective_at, seen, changed_at, created_at, status,
        cancel_at_period_end, current_period_end, canceled_at, monthly_amount, user_id, garage_id, pass_id)
    SELECT s.id, coalesce(lead(p.paid_until) OVER (PARTITION BY p.id ORDER BY p.step), s.created_at, '-infinity'), false,
        vend_internal.unseen_change(s.status, s.renewal_attempted_at, s.updated_at), s.created_at, s.status,
        s.cancel_at_period_end, s.current_period_end, s.canceled_at, p.amount, s.user_id, s.garage_id, s.pass_id
    FROM prices p
    JOIN found_rows s ON s.id = p.id
    ORDER BY p.id, p.step DESC;
END $$;
COMMENT ON FUNCTION vend_internal.record_found(uuid) IS
    'Versions for a subscription that is there and has none; NULL: for all of them.';

CREATE FUNCTION vend_internal.record_deleted(subscriptions uuid[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO vend_internal.subscription_versions (subscription_id, effective_at, seen, deleted, created_at, status,
        cancel_at_period_end, current_period_end, canceled_at, monthly_amount, user_id, garage_id, pass_id)
    SELECT l.subscription_id, greatest(now(), l.not_before), true, true, l.created_at, l.status,
        l.cancel_at_period_end, l.current_period_end, l.canceled_at, l.monthly_amount, l.user_id, l.garage_id, l.pass_id
    FROM vend_internal.last_versions l
    WHERE l.subscription_id = ANY (subscriptions) AND NOT l.deleted;
END $$;
COMMENT ON FUNCTION vend_internal.record_deleted(uuid[]) IS 'The versions of subscriptions whose rows are gone.';

-- was is NULL for an insert, is_now for a delete.
CREATE FUNCTION vend_internal.observe_write(was vend_internal.subscription_row, is_now vend_internal.subscription_row)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF was.id IS DISTINCT FROM is_now.id THEN
        IF was.id IS NOT NULL THEN
            PERFORM vend_internal.record_deleted(ARRAY[was.id]);
            PERFORM vend_internal.correct_ledger(was.id);
        END IF;
    ELSIF (was.created_at, was.status, was.cancel_at_period_end, was.current_period_end, was.canceled_at, was.monthly_amount,
            was.user_id, was.garage_id, was.pass_id)
        IS NOT DISTINCT FROM (is_now.created_at, is_now.status, is_now.cancel_at_period_end, is_now.current_period_end,
            is_now.canceled_at, is_now.monthly_amount, is_now.user_id, is_now.garage_id, is_now.pass_id)
    THEN
        RETURN;
    END IF;
    IF is_now.id IS NULL THEN
        RETURN;
    END IF;

    INSERT INTO vend_internal.subscription_versions (subscription_id, effective_at, seen, created_at, status,
        cancel_at_period_end, current_period_end, canceled_at, monthly_amount, user_id, garage_id, pass_id)
    SELECT is_now.id,
        CASE WHEN is_now.updated_at IS DISTINCT FROM was.updated_at
                AND is_now.updated_at BETWEEN l.not_before AND clock_timestamp()
            THEN is_now.updated_at ELSE greatest(now(), l.not_before) END,
        true, is_now.created_at, is_now.status, is_now.cancel_at_period_end, is_now.current_period_end, is_now.canceled_at,
        is_now.monthly_amount, is_now.user_id, is_now.garage_id, is_now.pass_id
    FROM vend_internal.last_versions l
    WHERE l.subscription_id = is_now.id AND NOT l.deleted;
    IF NOT FOUND THEN
        -- The whole price history is worth reading only where it has a say.
        IF EXISTS (
            SELECT
            FROM vend_staging.stg_pass_price_history h
            WHERE h.pass_id = is_now.pass_id AND h.new_stripe_price_id = is_now.stripe_price_id
                AND h.effective_date > is_now.created_at)
        THEN
            PERFORM vend_internal.record_found(is_now.id);
        ELSE
            INSERT INTO vend_internal.subscription_versions (subscription_id, effective_at, seen, changed_at, created_at,
                status, cancel_at_period_end, current_period_end, canceled_at, monthly_amount, user_id, garage_id, pass_id)
            VALUES (is_now.id, coalesce(is_now.created_at, '-infinity'), false,
                vend_internal.unseen_change(is_now.status, is_now.renewal_attempted_at, is_now.updated_at),
                is_now.created_at, is_now.status, is_now.cancel_at_period_end, is_now.current_period_end, is_now.canceled_at,
                is_now.monthly_amount, is_now.user_id, is_now.garage_id, is_now.pass_id);
        END IF;
    END IF;
    PERFORM vend_internal.correct_ledger(is_now.id);
END $$;
COMMENT ON FUNCTION vend_internal.observe_write(vend_internal.subscription_row, vend_internal.subscription_row) IS
    'Records a write to a subscription, if it concerns the ledger, and corrects its intervals.';

CREATE FUNCTION vend_internal.observe_truncate() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM vend_internal.record_deleted(ARRAY(SELECT l.subscription_id FROM vend_internal.last_versions l WHERE NOT l.deleted));
    PERFORM vend_internal.rebuild_ledger();
END $$;
COMMENT ON FUNCTION vend_internal.observe_truncate() IS 'Records that every subscription is gone.';

-- Runs as vend_owner, for it evaluates the administrator's expressions. The first attach finds everything; a later one what
-- no trigger saw, such as a partition that was attached: of such a write, updated_at is all that tells when it was.
CREATE FUNCTION vend_internal.catch_up_with_source() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    LOCK TABLE vend_internal.subscription_versions IN SHARE ROW EXCLUSIVE MODE;
    PERFORM vend_internal.record_deleted(ARRAY(
        SELECT l.subscription_id
        FROM vend_internal.last_versions l
        WHERE NOT l.deleted AND NOT EXISTS (SELECT FROM vend_staging.stg_subscriptions s WHERE s.id = l.subscription_id)));

    INSERT INTO vend_internal.subscription_versions (subscription_id, effective_at, seen, created_at, status,
        cancel_at_period_end, current_period_end, canceled_at, monthly_amount, user_id, garage_id, pass_id)
    SELECT s.id,
        CASE WHEN s.updated_at > l.not_before AND s.updated_at <= now() THEN s.updated_at ELSE greatest(now(), l.not_before) END,
        true, s.created_at, s.status, s.cancel_at_period_end, s.current_period_end, s.canceled_at, s.monthly_amount,
        s.user_id, s.garage_id, s.pass_id
    FROM vend_staging.stg_subscriptions s
    JOIN vend_internal.last_versions l ON l.subscription_id = s.id AND NOT l.deleted
    WHERE (s.created_at, s.status, s.cancel_at_period_end, s.current_period_end, s.canceled_at, s.monthly_amount,
            s.user_id, s.garage_id, s.pass_id)
        IS DISTINCT FROM (l.created_at, l.status, l.cancel_at_period_end, l.current_period_end, l.canceled_at, l.monthly_amount,
            l.user_id, l.garage_id, l.pass_id);

    PERFORM vend_internal.record_found(NULL);
    -- Everything may be new, and would be planned as if there were nothing.
    ANALYZE vend_internal.subscription_versions;
    PERFORM vend_internal.rebuild_ledger();
    ANALYZE vend_internal.ledger;
END $$;
COMMENT ON FUNCTION vend_internal.catch_up_with_source() IS 'Records what the source holds and the versions do not.';
