-- A platform of 300 garages with `per_day` payments for each garage on each of the last `days` days, made before it is
-- attached: any subscription that had begun pays, two payments of a hundred are refunded.
CREATE PROCEDURE bench.make_platform(name text, days int, per_day numeric, months int DEFAULT 24) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM vend.create_demo(name, garages => 300, customers_per_garage => 100, months => months, seed => 1);
    SET LOCAL session_replication_role = replica;
    EXECUTE format($make$
        TRUNCATE %1$I.payments;
        INSERT INTO %1$I.payments (id, subscription_id, garage_id, amount, stripe_fee, net_amount, status, currency, payment_date, created_at, updated_at)
        SELECT md5(n::text)::uuid, s.id, g.id, amount, fee, amount - fee, CASE WHEN n %% 50 = 0 THEN 'refunded' ELSE 'succeeded' END::%1$I.payment_status,
            'usd', at, at, CASE WHEN n %% 50 = 0 THEN at + interval '3 days' ELSE at END
        FROM (SELECT *, row_number() OVER (ORDER BY id) AS number FROM %1$I.garages) AS g
        JOIN (SELECT garage_id, array_agg(id ORDER BY created_at, id) AS ids, array_agg(created_at ORDER BY created_at) AS created
            FROM %1$I.subscriptions GROUP BY garage_id) AS of_garage ON of_garage.garage_id = g.id
        CROSS JOIN generate_series(1, (%2$s * %3$s)::int) AS k
        CROSS JOIN LATERAL (SELECT 1000000000 * g.number + k AS n) AS row_number
        CROSS JOIN LATERAL (SELECT date_trunc('day', now() AT TIME ZONE 'UTC') - (k %% %2$s) * interval '1 day' + (k * 7919 %% 86400) * interval '1 second' AS at,
            (50 + n %% 100)::numeric(10, 2) AS amount, (1 + n %% 3)::numeric(10, 2) AS fee) AS values
        CROSS JOIN LATERAL (SELECT of_garage.ids[1 + k %% greatest(width_bucket(at, of_garage.created), 1)] AS id) AS s
        -- As they come in.
        ORDER BY values.at;
        ANALYZE %1$I.payments$make$, name, days, per_day);
END $$;
