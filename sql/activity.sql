CREATE TYPE vend.activity;
CREATE FUNCTION vend_internal.activity_in(cstring) RETURNS vend.activity
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'activity_in_wrapper';
CREATE FUNCTION vend_internal.activity_out(vend.activity) RETURNS cstring
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'activity_out_wrapper';
CREATE FUNCTION vend_internal.activity_recv(internal) RETURNS vend.activity
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'activity_recv_wrapper';
CREATE FUNCTION vend_internal.activity_send(vend.activity) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'activity_send_wrapper';
CREATE TYPE vend.activity (
    INPUT = vend_internal.activity_in, OUTPUT = vend_internal.activity_out,
    RECEIVE = vend_internal.activity_recv, SEND = vend_internal.activity_send, STORAGE = extended);
ALTER TYPE vend.activity OWNER TO vend_owner;
COMMENT ON TYPE vend.activity IS
    'Who was seen on which local days: a summary of events that retention and active entities are read from. Made by the aggregate '
    'vend.activity, merged by vend.rollup; equal content has equal bytes. XX001: bytes that are no activity. 22P02: such text.';
-- Equal activities have equal bytes: comparing, grouping and hashing are those of bytea.
CREATE CAST (vend.activity AS bytea) WITHOUT FUNCTION AS IMPLICIT;

CREATE FUNCTION vend_internal.activity_accum(internal, uuid, timestamptz, text) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'activity_accum_uuid_wrapper';
CREATE FUNCTION vend_internal.activity_accum(internal, bigint, timestamptz, text) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'activity_accum_bigint_wrapper';
CREATE FUNCTION vend_internal.activity_accum(internal, text, timestamptz, text) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'activity_accum_text_wrapper';
CREATE FUNCTION vend_internal.activity_combine(internal, internal) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'activity_combine_wrapper';
CREATE FUNCTION vend_internal.activity_serial(internal) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'activity_serial_wrapper';
CREATE FUNCTION vend_internal.activity_deserial(bytea, internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'activity_deserial_wrapper';
CREATE FUNCTION vend_internal.activity_final(internal) RETURNS vend.activity
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'activity_final_wrapper';
CREATE FUNCTION vend_internal.activity_rollup_accum(internal, vend.activity) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'activity_rollup_accum_wrapper';

-- SSPACE is what a group of some hundred rows takes. Told less, the planner would keep many groups in one hash table, whose size
-- PostgreSQL cannot see: it does not count Rust's memory.
CREATE AGGREGATE vend.activity(entity uuid, at timestamptz, timezone text) (
    SFUNC = vend_internal.activity_accum, STYPE = internal, SSPACE = 8192,
    COMBINEFUNC = vend_internal.activity_combine, SERIALFUNC = vend_internal.activity_serial,
    DESERIALFUNC = vend_internal.activity_deserial, FINALFUNC = vend_internal.activity_final, PARALLEL = SAFE);
CREATE AGGREGATE vend.activity(entity bigint, at timestamptz, timezone text) (
    SFUNC = vend_internal.activity_accum, STYPE = internal, SSPACE = 8192,
    COMBINEFUNC = vend_internal.activity_combine, SERIALFUNC = vend_internal.activity_serial,
    DESERIALFUNC = vend_internal.activity_deserial, FINALFUNC = vend_internal.activity_final, PARALLEL = SAFE);
CREATE AGGREGATE vend.activity(entity text, at timestamptz, timezone text) (
    SFUNC = vend_internal.activity_accum, STYPE = internal, SSPACE = 8192,
    COMBINEFUNC = vend_internal.activity_combine, SERIALFUNC = vend_internal.activity_serial,
    DESERIALFUNC = vend_internal.activity_deserial, FINALFUNC = vend_internal.activity_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE vend.activity(uuid, timestamptz, text) IS
    'Summarises events: the distinct local days, by the time zone of each row, on which each entity was seen. A NULL entity or '
    'instant skips the row. 22004: NULL time zone. 22008: infinite instant. 22023: unknown time zone. 54000: too large.';
COMMENT ON AGGREGATE vend.activity(bigint, timestamptz, text) IS 'As vend.activity(uuid, ...).';
COMMENT ON AGGREGATE vend.activity(text, timestamptz, text) IS
    'As vend.activity(uuid, ...); the summary holds a 128-bit hash of each entity, not the text.';
CREATE AGGREGATE vend.rollup(vend.activity) (
    SFUNC = vend_internal.activity_rollup_accum, STYPE = internal, SSPACE = 8192,
    COMBINEFUNC = vend_internal.activity_combine, SERIALFUNC = vend_internal.activity_serial,
    DESERIALFUNC = vend_internal.activity_deserial, FINALFUNC = vend_internal.activity_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE vend.rollup(vend.activity) IS
    'Merges activities into that of all their events; NULL ones are skipped. 22023: entities of different types.';

CREATE FUNCTION vend.active_entities(activity vend.activity, as_of date, days int) RETURNS bigint
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'active_entities_wrapper';
COMMENT ON FUNCTION vend.active_entities(vend.activity, date, int) IS
    'Distinct entities seen on the days local dates that end with as_of: 1 for daily, 7 for weekly, 30 for monthly active users. '
    '22008: infinite date. 22023: days below 1.';
CREATE FUNCTION vend_internal.entities_by_day(activity vend.activity) RETURNS TABLE (day date, entities bigint)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'entities_by_day_wrapper';
COMMENT ON FUNCTION vend_internal.entities_by_day(vend.activity) IS
    'Distinct entities of each local date on which any was seen: active_entities(activity, day, 1) of all of them at once.';
CREATE FUNCTION vend.cohort_retention(
    activity vend.activity, bucket text DEFAULT 'month', variant text DEFAULT 'on', as_of date DEFAULT NULL
) RETURNS TABLE (
    cohort date, period int, cohort_size bigint, retained bigint, retention_rate numeric, is_complete bool)
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cohort_retention_activity_wrapper';
COMMENT ON FUNCTION vend.cohort_retention(vend.activity, text, text, date) IS
    'Of the entities first seen in a bucket (day, week, month, quarter, year), how many are seen in each bucket since (on), or in it or '
    'later (on_or_after). Rate in percent. as_of is the last finished day, later ones are not seen; NULL: the last bucket with an event '
    'is complete. 22004: NULL bucket or variant. 22008: infinite date. 22023: unknown bucket or variant. 54000: too many cells.';
