-- What the numbers are told rather than find in the data: the platform's fee and a few limits in time.
CREATE TABLE vend_internal.policies (
    policy text PRIMARY KEY,
    -- Exact time: days and months would depend on the reader's time zone. NULL: no limit.
    value interval
);
SELECT pg_catalog.pg_extension_config_dump('vend_internal.policies', '');

-- Apart from how it is shown, which depends on the session: what is stored reads this.
CREATE VIEW vend_internal.policy_values AS
SELECT d.policy, CASE WHEN p.policy IS NULL THEN d.value ELSE p.value END AS value, p.policy IS NULL AS is_default, d.meaning
FROM (VALUES
    ('audit_retention', interval '9600 hours', 'how long lines of vend.audit_log are kept'),
    ('past_due_grace', NULL::interval, 'how long a past_due subscription still counts as paid'),
    ('stale_visit_cap', interval '72 hours', 'after how long a visit without an exit is taken for ended')
) AS d(policy, value, meaning)
LEFT JOIN vend_internal.policies p USING (policy);
COMMENT ON VIEW vend_internal.policy_values IS 'The policies as exact time; NULL: no limit.';
CREATE VIEW vend.policies AS
SELECT policy, coalesce(value::text, 'none') AS value, is_default, meaning FROM vend_internal.policy_values;
COMMENT ON VIEW vend.policies IS 'The limits that vend.set_policy sets: value as an interval of hours, or none.';

CREATE FUNCTION vend_internal.policy(policy text) RETURNS interval
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT p.value FROM vend_internal.policy_values p WHERE p.policy = $1;
END;
COMMENT ON FUNCTION vend_internal.policy(text) IS 'The value of a policy as exact time; NULL: no limit.';

CREATE FUNCTION vend.set_policy(policy text, value text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given interval;
BEGIN
    IF set_policy.policy IS NULL OR set_policy.value IS NULL THEN
        RAISE EXCEPTION 'policy and value must not be NULL'
            USING ERRCODE = '22004', HINT = 'Use the value none for no limit.';
    END IF;
    IF NOT EXISTS (SELECT FROM vend.policies p WHERE p.policy = set_policy.policy) THEN
        RAISE EXCEPTION 'unknown policy "%"', set_policy.policy USING ERRCODE = '22023',
            HINT = format('Use %s.', (SELECT string_agg(p.policy, ' or ' ORDER BY p.policy) FROM vend.policies p));
    END IF;
    IF lower(btrim(set_policy.value)) = 'default' THEN
        DELETE FROM vend_internal.policies p WHERE p.policy = set_policy.policy;
    ELSE
        IF lower(btrim(set_policy.value)) <> 'none' THEN
            BEGIN
                given := set_policy.value::interval;
            EXCEPTION WHEN invalid_datetime_format OR datetime_field_overflow OR interval_field_overflow THEN
                given := interval '-1 second';
            END;
            IF given < interval '0' OR extract(year FROM given) <> 0 OR extract(month FROM given) <> 0 THEN
                RAISE EXCEPTION 'policy "%" cannot be "%"', set_policy.policy, set_policy.value USING ERRCODE = '22023',
                    HINT = 'Give an interval of 0 or more in days, hours or minutes (a day is 24 hours), none or default.';
            END IF;
            given := make_interval(secs => extract(epoch FROM given)::float8);
        END IF;
        INSERT INTO vend_internal.policies AS p (policy, value) VALUES (set_policy.policy, given)
        ON CONFLICT ON CONSTRAINT policies_pkey DO UPDATE SET value = excluded.value;
    END IF;
    IF set_policy.policy = 'past_due_grace' THEN
        PERFORM vend_internal.rebuild_ledger();
    END IF;
END $$;
COMMENT ON FUNCTION vend.set_policy(text, text) IS
    'Sets a policy of vend.policies to an interval, to none for no limit, or to default. 22004: NULL. 22023: unknown policy, bad interval.';

CREATE TABLE vend_internal.platform_fees (
    garage_id uuid,
    valid_from timestamptz NOT NULL,
    rate numeric NOT NULL CHECK (rate BETWEEN 0 AND 100),
    UNIQUE NULLS NOT DISTINCT (garage_id, valid_from)
);
SELECT pg_catalog.pg_extension_config_dump('vend_internal.platform_fees', '');

CREATE FUNCTION vend.set_platform_fee(
    rate numeric, valid_from timestamptz DEFAULT '-infinity', garage_id uuid DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF set_platform_fee.rate IS NULL OR set_platform_fee.valid_from IS NULL THEN
        RAISE EXCEPTION 'rate and valid_from must not be NULL'
            USING ERRCODE = '22004', HINT = 'A rate of 0 charges nothing; -infinity means always.';
    END IF;
    IF set_platform_fee.rate NOT BETWEEN 0 AND 100 THEN
        RAISE EXCEPTION 'platform fee % is not a percentage', set_platform_fee.rate
            USING ERRCODE = '22023', HINT = 'Give percent of the payment, 0 to 100.';
    END IF;
    INSERT INTO vend_internal.platform_fees (garage_id, valid_from, rate)
    VALUES (set_platform_fee.garage_id, set_platform_fee.valid_from, set_platform_fee.rate)
    ON CONFLICT ON CONSTRAINT platform_fees_garage_id_valid_from_key DO UPDATE SET rate = excluded.rate;
END $$;
COMMENT ON FUNCTION vend.set_platform_fee(numeric, timestamptz, uuid) IS
    'The platform''s share of a payment in percent from an instant on, for one garage or (NULL) for all without their own. '
    'Without any it is 10. 22004: NULL. 22023: not 0 to 100.';
