-- The ledger is a function of two things: what was seen of each subscription, and the policy past_due_grace. Versions are
-- only ever added; the intervals are kept equal to what vend_internal.paid_intervals makes of them.
CREATE TABLE vend_internal.subscription_versions (
    subscription_id uuid NOT NULL,
    version bigint GENERATED ALWAYS AS IDENTITY,
    effective_at timestamptz NOT NULL,
    -- Whether the write was seen. If not, the row was found at attach or inserted, and stands for its past too; earlier
    -- prices of its pass are then versions of their own.
    seen boolean NOT NULL,
    deleted boolean NOT NULL DEFAULT false,
    -- When a row that was found came to its status, as far as it says.
    changed_at timestamptz,
    created_at timestamptz,
    status text,
    cancel_at_period_end boolean,
    current_period_end timestamptz,
    canceled_at timestamptz,
    monthly_amount numeric,
    user_id uuid,
    garage_id uuid,
    pass_id uuid,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subscription_id, version)
);
COMMENT ON TABLE vend_internal.subscription_versions IS 'Every write to a subscription that concerns the ledger; append-only.';
CREATE INDEX ON vend_internal.subscription_versions (subscription_id) WHERE deleted;

-- What SP-GiST can keep in order: bytes, of which the first are a hash, as identifiers that come in order would make a list of its tree.
CREATE TYPE vend_internal.paid_range AS RANGE (subtype = bytea, multirange_type_name = vend_internal.paid_ranges);
COMMENT ON TYPE vend_internal.paid_range IS 'A time of a subscription, which overlaps no time of another.';

CREATE FUNCTION vend_internal.time_of(subscription_id uuid, at timestamptz) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN int4send(uuid_hash(subscription_id)) || uuid_send(subscription_id)
    -- With the sign turned, bytes are in the order of the instants.
    || set_byte(timestamptz_send(at), 0, get_byte(timestamptz_send(at), 0) # 128);
COMMENT ON FUNCTION vend_internal.time_of(uuid, timestamptz) IS 'An instant of a subscription, in the order of subscriptions and instants.';

CREATE TABLE vend_internal.ledger (
    subscription_id uuid NOT NULL,
    valid_from timestamptz NOT NULL,
    -- infinity: no end is known.
    valid_to timestamptz NOT NULL,
    user_id uuid NOT NULL,
    garage_id uuid,
    pass_id uuid,
    monthly_amount numeric NOT NULL CHECK (monthly_amount > 0 AND monthly_amount < 'infinity'),
    churn_reason text,
    -- Enough to tell what a payment was for.
    PRIMARY KEY (subscription_id, valid_from) INCLUDE (garage_id, valid_to, pass_id),
    CHECK (valid_from < valid_to),
    -- GiST would need btree_gist for this, or takes minutes for 100,000 rows.
    CONSTRAINT no_overlap EXCLUDE USING spgist (vend_internal.paid_range(
        vend_internal.time_of(subscription_id, valid_from), vend_internal.time_of(subscription_id, valid_to)) WITH &&)
);
CREATE INDEX ON vend_internal.ledger (garage_id, pass_id);
COMMENT ON TABLE vend_internal.ledger IS 'Paid intervals; vend_marts.fact_subscription_periods adds currency and origin.';

SELECT pg_catalog.pg_extension_config_dump('vend_internal.subscription_versions', '');
SELECT pg_catalog.pg_extension_config_dump('vend_internal.subscription_versions_version_seq', '');
SELECT pg_catalog.pg_extension_config_dump('vend_internal.ledger', '');

CREATE VIEW vend_internal.last_versions AS
SELECT DISTINCT ON (subscription_id) v.*,
    -- No later version takes effect before. A row that was found may look ahead, which binds nobody.
    CASE WHEN v.seen THEN v.effective_at ELSE least(v.effective_at, now()) END AS not_before
FROM vend_internal.subscription_versions v
ORDER BY subscription_id, version DESC;
COMMENT ON VIEW vend_internal.last_versions IS 'Each subscription as it was seen last.';

COMMENT ON FUNCTION vend_internal.paid_intervals(timestamptz[], boolean[], timestamptz[], timestamptz[], text[], timestamptz[],
    timestamptz[], text[], bigint) IS 'The paid intervals of one subscription from its versions, in their order (METRICS.md, 2).';
CREATE VIEW vend_internal.computed_ledger AS
SELECT v.subscription_id, i.valid_from, i.valid_to, v.user_id[i.number] AS user_id, v.garage_id[i.number] AS garage_id,
    v.pass_id[i.number] AS pass_id, v.monthly_amount[i.number] AS monthly_amount, i.churn_reason
FROM (
    SELECT subscription_id,
        array_agg(effective_at) AS effective_at,
        array_agg(seen) AS seen,
        array_agg(changed_at) AS changed_at,
        array_agg(created_at) AS created_at,
        array_agg(CASE WHEN deleted THEN 'deleted' ELSE nullif(status, 'deleted') END) AS status,
        array_agg(CASE WHEN cancel_at_period_end THEN current_period_end END) AS scheduled_end,
        array_agg(canceled_at) AS canceled_at,
        array_agg(user_id) AS user_id,
        array_agg(garage_id) AS garage_id,
        array_agg(pass_id) AS pass_id,
        array_agg(monthly_amount) AS monthly_amount,
        array_agg(CASE WHEN user_id IS NOT NULL AND monthly_amount > 0 AND monthly_amount < 'infinity'
            THEN format('%s %s %s %s', user_id, garage_id, pass_id, trim_scale(monthly_amount)) END) AS terms
    -- Sorted once here: within the aggregates it would be sorted once for each.
    FROM (SELECT * FROM vend_internal.subscription_versions ORDER BY subscription_id, version) AS sorted
    GROUP BY subscription_id
) AS v
CROSS JOIN LATERAL vend_internal.paid_intervals(v.effective_at, v.seen, v.changed_at, v.created_at, v.status,
    v.scheduled_end, v.canceled_at, v.terms,
    (SELECT (extract(epoch FROM vend_internal.policy('past_due_grace')) * 1000000)::bigint)) AS i;
COMMENT ON VIEW vend_internal.computed_ledger IS 'The ledger as the versions and the policy have it.';

-- The columns of a subscription that the ledger reads.
CREATE TYPE vend_internal.subscription_row AS (
    id uuid, created_at timestamptz, updated_at timestamptz, status text, cancel_at_period_end boolean,
    current_period_end timestamptz, canceled_at timestamptz, monthly_amount numeric, user_id uuid, garage_id uuid, pass_id uuid,
    stripe_price_id text, renewal_attempted_at timestamptz);
ALTER TYPE vend_internal.subscription_row OWNER TO vend_owner;
