CREATE TYPE vend.timeline;
CREATE FUNCTION vend_internal.timeline_in(cstring) RETURNS vend.timeline
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'timeline_in_wrapper';
CREATE FUNCTION vend_internal.timeline_out(vend.timeline) RETURNS cstring
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'timeline_out_wrapper';
CREATE FUNCTION vend_internal.timeline_recv(internal) RETURNS vend.timeline
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'timeline_recv_wrapper';
CREATE FUNCTION vend_internal.timeline_send(vend.timeline) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'timeline_send_wrapper';
CREATE TYPE vend.timeline (
    INPUT = vend_internal.timeline_in, OUTPUT = vend_internal.timeline_out,
    RECEIVE = vend_internal.timeline_recv, SEND = vend_internal.timeline_send, STORAGE = extended);
ALTER TYPE vend.timeline OWNER TO vend_owner;
COMMENT ON TYPE vend.timeline IS
    'Who pays how much when: a summary of paid intervals that every subscription number is read from. Made by the aggregate '
    'vend.timeline, merged by vend.rollup; equal content has equal bytes. XX001: bytes that are no timeline. 22P02: such text.';
-- Equal timelines have equal bytes: comparing, grouping and hashing are those of bytea.
CREATE CAST (vend.timeline AS bytea) WITHOUT FUNCTION AS IMPLICIT;

CREATE FUNCTION vend_internal.timeline_accum(internal, uuid, timestamptz, timestamptz, numeric) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'timeline_accum_uuid_wrapper';
CREATE FUNCTION vend_internal.timeline_accum(internal, bigint, timestamptz, timestamptz, numeric) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'timeline_accum_bigint_wrapper';
CREATE FUNCTION vend_internal.timeline_accum(internal, text, timestamptz, timestamptz, numeric) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'timeline_accum_text_wrapper';
CREATE FUNCTION vend_internal.timeline_combine(internal, internal) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'timeline_combine_wrapper';
CREATE FUNCTION vend_internal.timeline_serial(internal) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'timeline_serial_wrapper';
CREATE FUNCTION vend_internal.timeline_deserial(bytea, internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'timeline_deserial_wrapper';
CREATE FUNCTION vend_internal.timeline_final(internal) RETURNS vend.timeline
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'timeline_final_wrapper';
CREATE FUNCTION vend_internal.timeline_rollup_accum(internal, vend.timeline) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'timeline_rollup_accum_wrapper';

-- SSPACE is what a group of some hundred rows takes. Told less, the planner would keep many groups in one hash table, whose size
-- PostgreSQL cannot see: it does not count Rust's memory.
CREATE AGGREGATE vend.timeline(customer uuid, valid_from timestamptz, valid_to timestamptz, monthly_amount numeric) (
    SFUNC = vend_internal.timeline_accum, STYPE = internal, SSPACE = 8192,
    COMBINEFUNC = vend_internal.timeline_combine, SERIALFUNC = vend_internal.timeline_serial,
    DESERIALFUNC = vend_internal.timeline_deserial, FINALFUNC = vend_internal.timeline_final, PARALLEL = SAFE);
CREATE AGGREGATE vend.timeline(customer bigint, valid_from timestamptz, valid_to timestamptz, monthly_amount numeric) (
    SFUNC = vend_internal.timeline_accum, STYPE = internal, SSPACE = 8192,
    COMBINEFUNC = vend_internal.timeline_combine, SERIALFUNC = vend_internal.timeline_serial,
    DESERIALFUNC = vend_internal.timeline_deserial, FINALFUNC = vend_internal.timeline_final, PARALLEL = SAFE);
CREATE AGGREGATE vend.timeline(customer text, valid_from timestamptz, valid_to timestamptz, monthly_amount numeric) (
    SFUNC = vend_internal.timeline_accum, STYPE = internal, SSPACE = 8192,
    COMBINEFUNC = vend_internal.timeline_combine, SERIALFUNC = vend_internal.timeline_serial,
    DESERIALFUNC = vend_internal.timeline_deserial, FINALFUNC = vend_internal.timeline_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE vend.timeline(uuid, timestamptz, timestamptz, numeric) IS
    'Summarises paid intervals [valid_from, valid_to) with an amount of money per month. A NULL valid_to has no end; another '
    'NULL, an amount of 0 or less, or an end that is not after the start skips the row. 22003: amount out of range. 54000: too large.';
COMMENT ON AGGREGATE vend.timeline(bigint, timestamptz, timestamptz, numeric) IS 'As vend.timeline(uuid, ...).';
COMMENT ON AGGREGATE vend.timeline(text, timestamptz, timestamptz, numeric) IS
    'As vend.timeline(uuid, ...); the summary holds a 128-bit hash of each customer, not the text.';
CREATE AGGREGATE vend.rollup(vend.timeline) (
    SFUNC = vend_internal.timeline_rollup_accum, STYPE = internal, SSPACE = 8192,
    COMBINEFUNC = vend_internal.timeline_combine, SERIALFUNC = vend_internal.timeline_serial,
    DESERIALFUNC = vend_internal.timeline_deserial, FINALFUNC = vend_internal.timeline_final, PARALLEL = SAFE);

CREATE FUNCTION vend.mrr_at(timeline vend.timeline, at timestamptz) RETURNS numeric
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mrr_at_wrapper';
CREATE FUNCTION vend.customers_at(timeline vend.timeline, at timestamptz) RETURNS bigint
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'customers_at_wrapper';
CREATE FUNCTION vend.net_revenue_retention(timeline vend.timeline, t0 timestamptz, t1 timestamptz) RETURNS numeric
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'net_revenue_retention_wrapper';
CREATE FUNCTION vend.gross_revenue_retention(timeline vend.timeline, t0 timestamptz, t1 timestamptz) RETURNS numeric
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'gross_revenue_retention_wrapper';
CREATE FUNCTION vend.logo_churn(timeline vend.timeline, t0 timestamptz, t1 timestamptz) RETURNS numeric
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'logo_churn_wrapper';
CREATE FUNCTION vend.quick_ratio(timeline vend.timeline, t0 timestamptz, t1 timestamptz) RETURNS numeric
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'quick_ratio_wrapper';

CREATE FUNCTION vend.mrr_movements(
    timeline vend.timeline, since date, until date, bucket text DEFAULT 'month', timezone text DEFAULT 'UTC',
    mode text DEFAULT 'period', as_of timestamptz DEFAULT now()
) RETURNS TABLE (
    period date, opening_mrr numeric, new_mrr numeric, expansion_mrr numeric, contraction_mrr numeric, churned_mrr numeric,
    reactivation_mrr numeric, closing_mrr numeric, opening_customers bigint, new_customers bigint, expanded_customers bigint,
    contracted_customers bigint, churned_customers bigint, reactivated_customers bigint, closing_customers bigint, is_complete bool)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mrr_movements_wrapper';
CREATE FUNCTION vend.cohort_retention(
    timeline vend.timeline, bucket text DEFAULT 'month', timezone text DEFAULT 'UTC', variant text DEFAULT 'closing',
    as_of timestamptz DEFAULT now()
) RETURNS TABLE (
    cohort date, period int, cohort_size bigint, retained bigint, retention_rate numeric, cohort_mrr numeric, retained_mrr numeric,
    revenue_retention_rate numeric, is_complete bool)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cohort_retention_timeline_wrapper';

COMMENT ON AGGREGATE vend.rollup(vend.timeline) IS
    'Merges timelines into that of all their intervals; NULL ones are skipped. 22023: customers of different types.';
COMMENT ON FUNCTION vend.mrr_at(vend.timeline, timestamptz) IS
    'Monthly recurring revenue at an instant: the amounts with valid_from <= at < valid_to. Money per month; 0 if there is none.';
COMMENT ON FUNCTION vend.customers_at(vend.timeline, timestamptz) IS 'Customers who pay at an instant.';
COMMENT ON FUNCTION vend.net_revenue_retention(vend.timeline, timestamptz, timestamptz) IS
    'What the customers paying just before t0 pay just before t1, in percent of what they paid; NULL if nobody did. 22023: t1 not after t0.';
COMMENT ON FUNCTION vend.gross_revenue_retention(vend.timeline, timestamptz, timestamptz) IS
    'As net_revenue_retention, with nobody counted above what they paid before t0: 0 to 100.';
COMMENT ON FUNCTION vend.logo_churn(vend.timeline, timestamptz, timestamptz) IS
    'Percent of the customers paying just before t0 who do not pay just before t1; NULL if nobody did. 22023: t1 not after t0.';
COMMENT ON FUNCTION vend.quick_ratio(vend.timeline, timestamptz, timestamptz) IS
    'MRR gained (new, reactivation, expansion) divided by MRR lost (churned, contraction) between two instants; NULL if none was lost.';
COMMENT ON FUNCTION vend.mrr_movements(vend.timeline, date, date, text, text, text, timestamptz) IS
    'MRR at the opening and closing of every bucket (day, week, month, quarter, year) that overlaps [since, until), and what moved '
    'between: mode period compares each customer''s opening and closing, mode event takes every change. Nothing at or after as_of is '
    'seen. 22023: unknown bucket, mode or time zone. 54000: over 100000 buckets.';
COMMENT ON FUNCTION vend.cohort_retention(vend.timeline, text, text, text, timestamptz) IS
    'Of the customers whose first paid instant lies in a bucket, how many pay, and how much, in each bucket since: at its closing, at '
    'any instant of it, or (continuous) without a gap to its closing. Rates in percent. 22023: unknown bucket, variant or time zone.';
