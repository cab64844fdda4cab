-- An alert is raised once when a rule finds its subject and cleared once when it does not any more.
CREATE TABLE vend_internal.alerts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule text NOT NULL,
    subject text NOT NULL,
    raised_at timestamptz NOT NULL DEFAULT now(),
    cleared_at timestamptz,
    -- As it was when the alert was raised.
    details jsonb NOT NULL
);
COMMENT ON TABLE vend_internal.alerts IS 'What was found, and for how long.';
CREATE UNIQUE INDEX alerts_open ON vend_internal.alerts (rule, subject) WHERE cleared_at IS NULL;
SELECT pg_catalog.pg_extension_config_dump('vend_internal.alerts', '');
SELECT pg_catalog.pg_extension_config_dump('vend_internal.alerts_id_seq', '');

CREATE VIEW vend.alerts WITH (security_barrier = true) AS
SELECT a.id, a.rule, a.subject, a.raised_at, a.cleared_at, a.details
FROM vend_internal.alerts a
WHERE (SELECT s.is_visible FROM vend_internal.platform_scope s);
COMMENT ON VIEW vend.alerts IS
    'What the rules of vend.alert_rules have found, for super admins: open while cleared_at is NULL. details: as it was when the alert was raised. '
    'NOTIFY vend_alerts gives the id of each alert that is raised or cleared.';

CREATE FUNCTION vend_internal.settle_alerts(rule text, found jsonb) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH cleared AS (
        UPDATE vend_internal.alerts a SET cleared_at = now()
        WHERE a.rule = $1 AND a.cleared_at IS NULL AND NOT $2 ? a.subject
        RETURNING a.id
    ),
    raised AS (
        INSERT INTO vend_internal.alerts (rule, subject, details)
        SELECT $1, f.key, f.value
        FROM jsonb_each($2) f
        WHERE NOT EXISTS (SELECT FROM vend_internal.alerts a WHERE a.rule = $1 AND a.subject = f.key AND a.cleared_at IS NULL)
        ORDER BY f.key
        -- Who checks at the same time raises it just once, too.
        ON CONFLICT (rule, subject) WHERE cleared_at IS NULL DO NOTHING
        RETURNING id
    )
    -- The id and nothing else: whoever listens need not be one who may read the alerts.
    SELECT count(pg_notify('vend_alerts', n.id::text))
    FROM (SELECT c.id FROM cleared c UNION ALL SELECT r.id FROM raised r ORDER BY id) AS n;
END;
COMMENT ON FUNCTION vend_internal.settle_alerts(text, jsonb) IS
    'Makes the open alerts of a rule those of an object of details by subject, and announces each that is raised or cleared.';

CREATE FUNCTION vend_internal.check_alerts(options jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rule record;
    found_now jsonb;
    failed jsonb := '{}';
BEGIN
    FOR rule IN SELECT r.rule AS name, r.threshold FROM vend.alert_rules r WHERE r.is_enabled AND r.rule <> 'rule_failed' ORDER BY r.rule LOOP
        BEGIN
            EXECUTE format('SELECT coalesce(jsonb_object_agg(f.subject, f.details), ''{}'') FROM vend_internal.%I($1) AS f', 'find_' || rule.name)
            INTO found_now USING rule.threshold;
            PERFORM vend_internal.settle_alerts(rule.name, found_now);
        EXCEPTION WHEN OTHERS THEN
            -- What passes is tried again as a whole; what does not must not hide what the other rules find.
            IF vend_internal.failure_class(sqlstate) NOT IN ('error', 'pause') THEN
                RAISE;
            END IF;
            failed := failed || jsonb_build_object(rule.name, jsonb_build_object('error', concat_ws(': ', sqlstate, vend_internal.without_values(sqlstate, sqlerrm))));
        END;
    END LOOP;
    PERFORM vend_internal.settle_alerts(r.rule, CASE WHEN r.is_enabled THEN failed ELSE '{}' END)
    FROM vend.alert_rules r
    WHERE r.rule = 'rule_failed' OR NOT r.is_enabled;
    DELETE FROM vend_internal.alerts a
    WHERE a.cleared_at < now() - coalesce((options ->> 'keep')::interval, interval '90 days');
END $$;
COMMENT ON FUNCTION vend_internal.check_alerts(jsonb) IS
    'The task check_alerts: raises what the rules find, clears what they do not find any more or are switched off for, and '
    'forgets alerts that were cleared longer ago than keep, 90 days.';

INSERT INTO vend_internal.job_tasks (task, routine, options) VALUES ('check_alerts', 'check_alerts', '{keep}');
