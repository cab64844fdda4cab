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
RETURN ((at AT TIME ZONE 'UTC') AT TIME ZONE timezone)::date;
COMMENT ON FUNCTION vend.local_day(timestamp, text) IS
    'The date, in a time zone, of a timestamp that is in UTC; NULL if an argument is. 22023: unknown zone.';
