-- Who changed what others may see, and who was refused. A line and the change it tells of are one transaction. A refused
-- sign-in's transaction fails and would take its line with it, so it waits in memory: the scheduler writes it down when it
-- looks at this database, and so does whoever adds a line; until then the view shows it from there.
CREATE TABLE vend_internal.audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    logged_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    event text NOT NULL,
    login name NOT NULL,
    subject text NOT NULL,
    details jsonb NOT NULL
);
CREATE INDEX ON vend_internal.audit_log (logged_at);
-- A line grows while its hour lasts.
CREATE UNIQUE INDEX audit_log_refusals ON vend_internal.audit_log (event, login, logged_at) WHERE event IN ('sign_in_refused', 'sign_ins_lost');
COMMENT ON TABLE vend_internal.audit_log IS 'What vend.audit_log shows; lines older than the policy audit_retention go when the next one comes.';
SELECT pg_catalog.pg_extension_config_dump('vend_internal.audit_log', '');
SELECT pg_catalog.pg_extension_config_dump('vend_internal.audit_log_id_seq', '');

CREATE FUNCTION vend_internal.refusals(keep boolean)
RETURNS TABLE (logged_at timestamptz, event text, login name, subject text, details jsonb)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT r.since, 'sign_in_refused', coalesce(o.rolname, r.login::text), 'token', jsonb_build_object('count', r.count, 'until', r.until)
    FROM vend_internal.refused_sign_ins($1) r
    LEFT JOIN pg_roles o ON o.oid = r.login
    UNION ALL
    SELECT pg_postmaster_start_time(), 'sign_ins_lost', 'unknown', 'all databases', jsonb_build_object('count', l.count)
    FROM vend_internal.lost_refusals() AS l(count)
    WHERE l.count > 0;
END;
COMMENT ON FUNCTION vend_internal.refusals(boolean) IS
    'Refused sign-ins as lines of the audit log, one for each login and hour; with keep, the caller writes them down.';

-- At most a line for each login and hour, however often it is called and however many were refused.
CREATE FUNCTION vend_internal.keep_refusals() RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    DELETE FROM vend_internal.audit_log l WHERE l.logged_at < now() - vend_internal.policy('audit_retention');
    INSERT INTO vend_internal.audit_log AS l (logged_at, event, login, subject, details)
    SELECT r.logged_at, r.event, r.login, r.subject, r.details
    FROM vend_internal.refusals(true) r
    WHERE (r.logged_at < now() - vend_internal.policy('audit_retention')) IS NOT TRUE
        AND NOT EXISTS (SELECT FROM vend_internal.audit_log k
            WHERE (k.event, k.login, k.logged_at, k.details) = (r.event, r.login, r.logged_at, r.details))
    ON CONFLICT (event, login, logged_at) WHERE event IN ('sign_in_refused', 'sign_ins_lost') DO UPDATE SET details = excluded.details;
END;
COMMENT ON FUNCTION vend_internal.keep_refusals() IS 'Writes the refused sign-ins that are in memory into the audit log, and forgets its old lines.';

CREATE FUNCTION vend_internal.write_audit(event text, subject text, details jsonb DEFAULT '{}') RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT vend_internal.keep_refusals();
    INSERT INTO vend_internal.audit_log (event, login, subject, details) VALUES ($1, session_user, $2, $3);
END;
COMMENT ON FUNCTION vend_internal.write_audit(text, text, jsonb) IS 'Adds a line to the audit log, under the name of who connected.';

CREATE FUNCTION vend_internal.audit_lines(token uuid)
RETURNS TABLE (id bigint, logged_at timestamptz, event text, login name, subject text, details jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF vend_internal.bypasses(token) OR vend.current_user_role() = 'super_admin' THEN
        RETURN QUERY
        SELECT l.id, coalesce(l.logged_at, r.logged_at), coalesce(l.event, r.event), coalesce(l.login, r.login), coalesce(l.subject, r.subject),
            coalesce(r.details, l.details)
        FROM vend_internal.audit_log l
        FULL JOIN vend_internal.refusals(false) r ON r.event = l.event AND r.login = l.login AND r.logged_at = l.logged_at;
    END IF;
END $$;
COMMENT ON FUNCTION vend_internal.audit_lines(uuid) IS 'The lines of vend.audit_log, to whom they are shown.';

CREATE VIEW vend.audit_log WITH (security_invoker = true) AS
SELECT a.id, a.logged_at, a.event, a.login, a.subject, a.details
FROM vend_internal.audit_lines((SELECT b.token FROM vend_internal.bypass b)) a;
COMMENT ON VIEW vend.audit_log IS
    'Changes of protection and of mapped logins, and erasures, with the login that made them; sign-ins that were refused, a line for '
    'each login and hour (id is NULL while it is in memory only); for super admins. Kept for the policy audit_retention.';
