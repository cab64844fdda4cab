COMMENT ON FUNCTION vend_internal.known_timezone(text) IS
    'The name itself if it is a time zone with one meaning, else NULL.';
COMMENT ON FUNCTION vend_internal.day_start(date, text) IS
    'The first instant whose date in the zone is the given one, also where a clock change repeats or skips midnight.';

-- Plain SQL, so that the planner inlines it and an index on it can be used.
CREATE FUNCTION vend.local_day(at timestamptz, timezone text) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (at AT TIME ZONE timezone)::date;
COMMENT ON FUNCTION vend.local_day(timestamptz, text) IS
    'The date of an instant in a time zone; NULL if an argument is. 22023: unknown zone.';

CREATE FUNCTION vend.local_day(at timestamp, timezone text) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ((at AT TIME ZONE interval '0') AT TIME ZONE timezone)::date;
COMMENT ON FUNCTION vend.local_day(timestamp, text) IS
    'The date, in a time zone, of a timestamp that is in UTC; NULL if an argument is. 22023: unknown zone.';

-- What the marts of visits are made of.
CREATE FUNCTION vend_internal.list_of_length(length int) RETURNS int[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN array_fill(NULL::int, ARRAY[length]);
COMMENT ON FUNCTION vend_internal.list_of_length(int) IS
    'For unnest() WITH ORDINALITY to count to length: of generate_series() the planner would expect a thousand rows.';

CREATE FUNCTION vend_internal.days_present(entered_at timestamptz, ended_at timestamptz, timezone text) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN isfinite(ended_at) THEN 1 + greatest(0, least(366,
    vend.local_day(ended_at AT TIME ZONE 'UTC' - interval '1 microsecond', timezone) - vend.local_day(entered_at, timezone)))
    ELSE 367 END;
COMMENT ON FUNCTION vend_internal.days_present(timestamptz, timestamptz, text) IS
    'On how many local days a visit is present from its entry until just before its end; at most 367.';

CREATE FUNCTION vend_internal.noon(day date) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (day::timestamp + interval '12 hours') AT TIME ZONE 'UTC';
COMMENT ON FUNCTION vend_internal.noon(date) IS 'The noon of a day in UTC.';

-- What notes of instants are made of: of a bulk of rows few differ in their hours. Before our era minor releases of PostgreSQL
-- differ in date_bin(), and near the end of its time there is no later instant: there an instant is by itself.
CREATE FUNCTION vend_internal.hour_of(at timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN at BETWEEN timestamptz '0001-01-01 00:00+00' AND timestamptz '9999-12-31 00:00+00'
    THEN date_bin('1 hour', at, timestamptz '0001-01-01 00:00+00') ELSE at END;
COMMENT ON FUNCTION vend_internal.hour_of(timestamptz) IS
    'The start, in UTC, of the hour in which an instant of the years 1 to 9999 lies; of others the instant itself.';

-- Two days have a part in an hour where a zone's offset is not of whole hours.
CREATE FUNCTION vend_internal.days_of_hour(hour timestamptz, timezone text) RETURNS TABLE (day date)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 2
BEGIN ATOMIC
    VALUES (vend.local_day(hour, timezone)),
        (vend.local_day(CASE WHEN hour < timestamptz '9999-12-31 00:00+00'
            THEN hour AT TIME ZONE interval '0' + interval '59:59.999999' ELSE hour AT TIME ZONE interval '0' END, timezone));
END;
COMMENT ON FUNCTION vend_internal.days_of_hour(timestamptz, text) IS
    'The local dates of the first and the last microsecond of what hour_of() gives: every date that an instant in it has.';
