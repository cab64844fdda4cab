-- Who changed what others may see. A line and the change it tells of are one transaction. What was refused is in the
-- server's log: a transaction that fails takes its lines with it.
CREATE TABLE vend_internal.audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    logged_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    event text NOT NULL,
    login name NOT NULL,
    subject text NOT NULL,
    details jsonb NOT NULL
);
CREATE INDEX ON vend_internal.audit_log (logged_at);
COMMENT ON TABLE vend_internal.audit_log IS 'What vend.audit_log shows; lines older than the policy audit_retention go when the next one comes.';
SELECT pg_catalog.pg_extension_config_dump('vend_internal.audit_log', '');
SELECT pg_catalog.pg_extension_config_dump('vend_internal.audit_log_id_seq', '');

CREATE FUNCTION vend_internal.write_audit(event text, subject text, details jsonb DEFAULT '{}') RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    DELETE FROM vend_internal.audit_log l WHERE l.logged_at < now() - vend_internal.policy('audit_retention');
    INSERT INTO vend_internal.audit_log (event, login, subject, details) VALUES ($1, session_user, $2, $3);
END;
COMMENT ON FUNCTION vend_internal.write_audit(text, text, jsonb) IS 'Adds a line to the audit log, under the name of who connected.';

CREATE VIEW vend.audit_log WITH (security_barrier) AS
SELECT l.id, l.logged_at, l.event, l.login, l.subject, l.details
FROM vend_internal.audit_log l
WHERE NOT row_security_active('vend_internal.bypass'::regclass) OR (SELECT vend.current_user_role()) = 'super_admin';
COMMENT ON VIEW vend.audit_log IS
    'Changes of protection and of mapped logins, and erasures, with the login that made them; for super admins. Kept for the '
    'policy audit_retention.';
