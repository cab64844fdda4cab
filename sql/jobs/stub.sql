-- Stands in for what comes with src/core/schedule.rs; the integrator deletes this file.
CREATE FUNCTION vend_internal.next_due(schedule text, timezone text, after timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    step float8;
BEGIN
    IF vend_internal.known_timezone(timezone) IS NULL THEN
        RAISE EXCEPTION 'time zone "%" is not known', timezone USING ERRCODE = '22023', HINT = 'Use a name of pg_timezone_names.';
    END IF;
    IF schedule !~ '^every [1-9][0-9]* (second|minute|hour)s?$' THEN
        RAISE EXCEPTION 'unknown schedule "%"', schedule USING ERRCODE = '22023', HINT = 'Use every 5 minutes.';
    END IF;
    step := extract(epoch FROM substr(schedule, 7)::interval);
    RETURN to_timestamp((floor(extract(epoch FROM after)::float8 / step) + 1) * step);
END $$;
CREATE FUNCTION vend_internal.failure_class(sqlstate text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
RETURN CASE
    WHEN sqlstate LIKE '40%' OR sqlstate = '55P03' THEN 'retry'
    WHEN sqlstate LIKE '53%' OR sqlstate = '57014' THEN 'resource'
    WHEN sqlstate = '57P01' THEN 'interrupted'
    WHEN sqlstate IN ('42501', '42P01', '42704', '42883', '42703', '3F000') THEN 'pause'
    ELSE 'error' END;
CREATE FUNCTION vend_internal.retry_delay(sqlstate text, failures int, seed bigint) RETURNS interval
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
RETURN CASE vend_internal.failure_class(sqlstate)
    WHEN 'retry' THEN interval '1 second' * (1 + (seed % 100) / 100.0)
    WHEN 'interrupted' THEN interval '0'
    WHEN 'resource' THEN least(interval '1 minute' * 2 ^ least(failures, 10), interval '15 minutes')
    WHEN 'error' THEN least(interval '5 minutes' * 2 ^ least(failures, 10), interval '1 hour') END;
