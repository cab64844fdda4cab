-- What vend_marts.daily_revenue reads of one garage, with vend_owner's rights. Mostly nothing is noted, and functions that are not called are not
-- planned; nor does the view depend on what a rollup is stored in, which may be made anew under it.

CREATE FUNCTION vend_internal.noted_revenue_days(garage_id uuid) RETURNS date[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN vend_internal.noted_of_daily_revenue(garage_id);
END $$;
COMMENT ON FUNCTION vend_internal.noted_revenue_days(uuid) IS 'The days of a garage whose revenue is not what is stored; NULL: any may be.';

CREATE FUNCTION vend_internal.revenue_by_day(garage_id uuid, noted date[], first_day date, last_day date) RETURNS TABLE (
    currency text, payment_date date, payment_count bigint, gross_revenue numeric, total_stripe_fees numeric, total_platform_fees numeric,
    garage_profit numeric, refunds numeric
)
LANGUAGE plpgsql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT currency, day, sum(payment_count)::bigint, sum(gross_revenue), sum(total_stripe_fees), sum(total_platform_fees), sum(garage_profit),
            sum(refunds)
        FROM vend_internal.stored_daily_revenue s
        WHERE s.garage_id = $1 AND s.day BETWEEN first_day AND last_day AND s.day <> ALL (noted)
        GROUP BY 2, 1;
    -- No day is in both, and to put rows together before they are summed would cost a quarter more.
    IF noted IS DISTINCT FROM '{}' THEN
        RETURN QUERY
            SELECT currency, day, sum(payment_count)::bigint, sum(gross_revenue), sum(total_stripe_fees), sum(total_platform_fees), sum(garage_profit),
                sum(refunds)
            FROM vend_internal.of_daily_revenue((SELECT token FROM vend_internal.bypass), $1,
                CASE WHEN noted IS NOT NULL THEN ARRAY(SELECT d FROM unnest(noted) d WHERE d BETWEEN first_day AND last_day) END)
            WHERE day BETWEEN first_day AND last_day
            GROUP BY 2, 1;
    END IF;
END $$;
COMMENT ON FUNCTION vend_internal.revenue_by_day(uuid, date[], date, date) IS
    'Money of a garage by currency on each of these days that has any; noted: the days that are not as stored, NULL for any.';

-- From one to the next by the index: a garage has thousands of rows, and one or two currencies.
CREATE FUNCTION vend_internal.stored_currencies(garage_id uuid) RETURNS SETOF text
LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN QUERY
        WITH RECURSIVE named(currency) AS (
            SELECT (SELECT min(s.currency) FROM vend_internal.stored_daily_revenue s WHERE s.garage_id = $1)
            UNION ALL
            SELECT (SELECT min(s.currency) FROM vend_internal.stored_daily_revenue s WHERE s.garage_id = $1 AND s.currency > n.currency)
            FROM named n
            WHERE n.currency IS NOT NULL
        )
        SELECT n.currency FROM named n WHERE n.currency IS NOT NULL
        UNION ALL
        SELECT NULL WHERE EXISTS (SELECT FROM vend_internal.stored_daily_revenue s WHERE s.garage_id = $1 AND s.currency IS NULL);
END $$;
COMMENT ON FUNCTION vend_internal.stored_currencies(uuid) IS 'The currencies of all that is stored of a garage, NULL among them.';

-- Where all that is stored is in currencies that are known, only days with notes can have others, which is told without a look at what is
-- stored of them.
CREATE FUNCTION vend_internal.other_currencies(garage_id uuid, known text[], noted date[], first_day date, last_day date) RETURNS SETOF text
LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    IF noted IS NULL
        OR EXISTS (SELECT FROM vend_internal.stored_currencies($1) AS s(currency) WHERE coalesce(s.currency, '') <> ALL (known))
    THEN
        RETURN QUERY SELECT c.currency FROM vend_marts.garage_currencies c WHERE c.garage_id = $1 AND coalesce(c.currency, '') <> ALL (known);
    ELSIF first_day > ANY (noted) OR last_day < ANY (noted) THEN
        RETURN QUERY
            SELECT p.currency
            FROM unnest(noted) AS d(day)
            CROSS JOIN LATERAL (
                SELECT p.currency
                FROM vend_marts.local_payments p
                WHERE p.garage_id = $1 AND vend_internal.same_day(p.payment_day, d.day) AND p.is_counted AND coalesce(p.currency, '') <> ALL (known)
                OFFSET 0
            ) AS p
            WHERE d.day NOT BETWEEN first_day AND last_day;
    END IF;
END $$;
COMMENT ON FUNCTION vend_internal.other_currencies(uuid, text[], date[], date, date) IS
    'The currencies that a garage has captured payments in, but for those known ('''' for none), which are all that it has on these days; '
    'noted: the days that are not as stored, NULL for any.';
