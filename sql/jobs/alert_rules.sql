-- What is looked for, and from when on it is too much. What a DBA sets is kept; the rest may change with a new version.
CREATE TABLE vend_internal.alert_settings (
    rule text PRIMARY KEY,
    threshold jsonb NOT NULL DEFAULT '{}',
    is_enabled boolean NOT NULL DEFAULT true
);
COMMENT ON TABLE vend_internal.alert_settings IS 'The alert rules that are not as they come.';
SELECT pg_catalog.pg_extension_config_dump('vend_internal.alert_settings', '');

CREATE VIEW vend.alert_rules AS
SELECT d.rule, d.threshold || coalesce(s.threshold, '{}') AS threshold, coalesce(s.is_enabled, true) AS is_enabled,
    s.rule IS NULL AS is_default, d.meaning
FROM (VALUES
    ('job_failed', jsonb '{"failures": 3}', 'a job has failed that many times in a row'),
    ('job_paused', '{}', 'a job is paused: by somebody, by an error that will not pass, or because the database is a copy'),
    ('refresh_slow', '{"times": 5, "seconds": 1, "runs": 5}',
        'the last refresh of a job took (or takes) longer than "seconds" and than "times" the median of at least "runs" earlier ones'),
    ('report_stale', '{"minutes": 60}',
        'a change of a rollup''s sources waits longer for a refresh, or a materialized view''s is that long overdue'),
    ('revenue_outlier', '{"deviations": 5, "weeks": 12, "least_weeks": 6, "days": 7}',
        'the revenue of a garage on one of the last "days" complete days is further from the median of the same weekday in the "weeks" before'),
    ('rule_failed', '{}', 'another rule could not be checked'),
    ('verify_difference', '{"keys": 1}', 'a verification found so many keys of a rollup stored otherwise than computed, and no later one of every key found none')
) AS d(rule, threshold, meaning)
LEFT JOIN vend_internal.alert_settings s USING (rule);
COMMENT ON VIEW vend.alert_rules IS 'What vend.alerts is raised for; vend.set_alert_rule sets thresholds and switches rules off.';

CREATE FUNCTION vend.set_alert_rule(rule text, threshold jsonb DEFAULT NULL, is_enabled boolean DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    current vend.alert_rules;
    given record;
BEGIN
    IF rule IS NULL THEN
        RAISE EXCEPTION 'rule must not be NULL' USING ERRCODE = '22004', HINT = 'vend.alert_rules lists them.';
    END IF;
    SELECT * INTO current FROM vend.alert_rules r WHERE r.rule = set_alert_rule.rule;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'unknown alert rule "%"', rule USING ERRCODE = '22023',
            HINT = format('Use %s.', (SELECT string_agg(r.rule, ', ' ORDER BY r.rule) FROM vend.alert_rules r));
    END IF;
    IF jsonb_typeof(threshold) <> 'object' THEN
        RAISE EXCEPTION 'threshold is not an object' USING ERRCODE = '22023',
            HINT = format('Give what differs from %s.', current.threshold);
    END IF;
    FOR given IN SELECT * FROM jsonb_each(threshold) LOOP
        IF NOT current.threshold ? given.key THEN
            RAISE EXCEPTION 'alert rule "%" has no threshold "%"', rule, given.key USING ERRCODE = '22023',
                HINT = CASE current.threshold WHEN '{}' THEN 'It has none; is_enabled => false switches it off.'
                    ELSE format('Use %s.', (SELECT string_agg(k, ', ' ORDER BY k) FROM jsonb_object_keys(current.threshold) k)) END;
        END IF;
        IF jsonb_typeof(given.value) <> 'null' AND (jsonb_typeof(given.value) <> 'number'
            OR (given.value #>> '{}')::numeric <= 0 OR (given.value #>> '{}')::numeric > 1000000)
        THEN
            RAISE EXCEPTION 'threshold "%" cannot be %', given.key, given.value USING ERRCODE = '22023',
                HINT = 'Give a number above 0, at most a million, or null for the default.';
        END IF;
    END LOOP;
    INSERT INTO vend_internal.alert_settings AS s (rule, threshold, is_enabled)
    VALUES (rule, jsonb_strip_nulls(coalesce(threshold, '{}')), coalesce(is_enabled, true))
    ON CONFLICT ON CONSTRAINT alert_settings_pkey DO UPDATE SET
        threshold = jsonb_strip_nulls(s.threshold || coalesce(set_alert_rule.threshold, '{}')),
        is_enabled = coalesce(set_alert_rule.is_enabled, s.is_enabled);
    DELETE FROM vend_internal.alert_settings s WHERE s.rule = set_alert_rule.rule AND s.is_enabled AND s.threshold = '{}';
END $$;
COMMENT ON FUNCTION vend.set_alert_rule(text, jsonb, boolean) IS
    'Sets some of an alert rule''s thresholds (null: back to the default), or switches it off or on. What it would raise or clear '
    'now, the next check does. 22023: unknown rule or threshold, or no positive number; 22004: NULL.';
