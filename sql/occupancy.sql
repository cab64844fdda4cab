CREATE TYPE vend.occupancy;
CREATE FUNCTION vend_internal.occupancy_in(cstring) RETURNS vend.occupancy
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'occupancy_in_wrapper';
CREATE FUNCTION vend_internal.occupancy_out(vend.occupancy) RETURNS cstring
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'occupancy_out_wrapper';
CREATE FUNCTION vend_internal.occupancy_recv(internal) RETURNS vend.occupancy
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'occupancy_recv_wrapper';
CREATE FUNCTION vend_internal.occupancy_send(vend.occupancy) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'occupancy_send_wrapper';
CREATE TYPE vend.occupancy (
    INPUT = vend_internal.occupancy_in, OUTPUT = vend_internal.occupancy_out,
    RECEIVE = vend_internal.occupancy_recv, SEND = vend_internal.occupancy_send, STORAGE = extended);
ALTER TYPE vend.occupancy OWNER TO vend_owner;
COMMENT ON TYPE vend.occupancy IS
    'Totals of each hour and how many hours had which count: a summary of hourly documents that every rate is read from. Made by the aggregate '
    'vend.occupancy, merged by vend.rollup; equal content has equal bytes. XX001: bytes that are no occupancy. 22P02: such text.';
-- Equal occupancies have equal bytes: comparing, grouping and hashing are those of bytea.
CREATE CAST (vend.occupancy AS bytea) WITHOUT FUNCTION AS IMPLICIT;

CREATE FUNCTION vend_internal.occupancy_accum(internal, jsonb, int) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'occupancy_accum_wrapper';
CREATE FUNCTION vend_internal.occupancy_combine(internal, internal) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'occupancy_combine_wrapper';
CREATE FUNCTION vend_internal.occupancy_serial(internal) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'occupancy_serial_wrapper';
CREATE FUNCTION vend_internal.occupancy_deserial(bytea, internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'occupancy_deserial_wrapper';
CREATE FUNCTION vend_internal.occupancy_final(internal) RETURNS vend.occupancy
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'occupancy_final_wrapper';
CREATE FUNCTION vend_internal.occupancy_rollup_accum(internal, vend.occupancy) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'occupancy_rollup_accum_wrapper';

-- SSPACE is what a group of some hundred rows takes. Told less, the planner would keep many groups in one hash table, whose size
-- PostgreSQL cannot see: it does not count Rust's memory.
CREATE AGGREGATE vend.occupancy(hourly jsonb, capacity int) (
    SFUNC = vend_internal.occupancy_accum, STYPE = internal, SSPACE = 8192,
    COMBINEFUNC = vend_internal.occupancy_combine, SERIALFUNC = vend_internal.occupancy_serial,
    DESERIALFUNC = vend_internal.occupancy_deserial, FINALFUNC = vend_internal.occupancy_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE vend.occupancy(jsonb, int) IS
    'Summarises hourly documents (as flatten_hourly reads them), each with its day''s capacity; without flattening. A NULL document '
    'skips the row; a capacity that is NULL or not positive is not known. 22023: malformed document. 22003: count out of range. '
    '54000: too large.';
CREATE AGGREGATE vend.rollup(vend.occupancy) (
    SFUNC = vend_internal.occupancy_rollup_accum, STYPE = internal, SSPACE = 8192,
    COMBINEFUNC = vend_internal.occupancy_combine, SERIALFUNC = vend_internal.occupancy_serial,
    DESERIALFUNC = vend_internal.occupancy_deserial, FINALFUNC = vend_internal.occupancy_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE vend.rollup(vend.occupancy) IS 'Merges occupancies into that of all their documents; NULL ones are skipped.';

CREATE FUNCTION vend.avg_rate(occupancy vend.occupancy) RETURNS numeric
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'avg_rate_wrapper';
COMMENT ON FUNCTION vend.avg_rate(vend.occupancy) IS
    'Occupancy in percent of capacity, pooled: the sum of counts by the sum of capacities, over known hours with known capacity; NULL without any.';
CREATE FUNCTION vend.peak_rate(occupancy vend.occupancy) RETURNS numeric
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'peak_rate_wrapper';
COMMENT ON FUNCTION vend.peak_rate(vend.occupancy) IS
    'The highest rate of an hour of a day, in percent of capacity; NULL without any known.';
CREATE FUNCTION vend.min_rate(occupancy vend.occupancy) RETURNS numeric
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'min_rate_wrapper';
COMMENT ON FUNCTION vend.min_rate(vend.occupancy) IS
    'The lowest rate of an hour of a day, in percent of capacity; NULL without any known.';
CREATE FUNCTION vend.busiest_hour(occupancy vend.occupancy) RETURNS int
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'busiest_hour_wrapper';
COMMENT ON FUNCTION vend.busiest_hour(vend.occupancy) IS
    'The hour since local midnight with the highest pooled rate, or without any capacity the highest mean count; the earliest of equals, NULL without any.';
CREATE FUNCTION vend.peak_hours(occupancy vend.occupancy, threshold numeric DEFAULT 80) RETURNS bigint
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'peak_hours_wrapper';
COMMENT ON FUNCTION vend.peak_hours(vend.occupancy, numeric) IS
    'How many hours have a rate at or over a threshold in percent; hours without capacity do not count. 22003: threshold not finite.';
CREATE FUNCTION vend.hourly_profile(occupancy vend.occupancy) RETURNS TABLE (hour int, days bigint, avg_count numeric, avg_rate numeric, max_rate numeric)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'hourly_profile_wrapper';
COMMENT ON FUNCTION vend.hourly_profile(vend.occupancy) IS
    'For each hour since local midnight that is known: on how many days, their mean count, the pooled and the highest rate in percent (NULL without capacity).';

CREATE FUNCTION vend_internal.hourly_occupancy_accum(internal, timestamptz, timestamptz, date, text) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'hourly_occupancy_accum_wrapper';
CREATE FUNCTION vend_internal.hourly_occupancy_combine(internal, internal) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'hourly_occupancy_combine_wrapper';
CREATE FUNCTION vend_internal.hourly_occupancy_serial(internal) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'hourly_occupancy_serial_wrapper';
CREATE FUNCTION vend_internal.hourly_occupancy_deserial(bytea, internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'hourly_occupancy_deserial_wrapper';
CREATE FUNCTION vend_internal.hourly_occupancy_final(internal) RETURNS jsonb
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'hourly_occupancy_final_wrapper';
CREATE AGGREGATE vend.hourly_occupancy(entered_at timestamptz, exited_at timestamptz, day date, timezone text) (
    SFUNC = vend_internal.hourly_occupancy_accum, STYPE = internal, SSPACE = 512,
    COMBINEFUNC = vend_internal.hourly_occupancy_combine, SERIALFUNC = vend_internal.hourly_occupancy_serial,
    DESERIALFUNC = vend_internal.hourly_occupancy_deserial, FINALFUNC = vend_internal.hourly_occupancy_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE vend.hourly_occupancy(timestamptz, timestamptz, date, text) IS
    'Visits to the 23, 24 or 25 hourly values of one local day: visitors present on average in each elapsed hour, to six decimals. '
    'A NULL exit lasts to the day''s end, an exit before the entry is no visit, a NULL entry skips the row; no rows give NULL. '
    '22004: NULL day or time zone. 22008: infinite day. 22023: unknown time zone, or several days in one group.';
