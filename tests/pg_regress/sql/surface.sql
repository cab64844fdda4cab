-- What the extension shows: every public object has a comment; nothing of it belongs to a superuser; PUBLIC may execute what
-- only computes from its arguments; definer functions pin their path. A new object appears here on purpose or not at all.
SELECT p.oid::regprocedure AS without_comment FROM pg_proc p
WHERE p.pronamespace = 'vend'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL;
SELECT c.oid::regclass AS without_comment FROM pg_class c
WHERE c.relnamespace = 'vend'::regnamespace AND c.relkind IN ('r', 'v') AND obj_description(c.oid, 'pg_class') IS NULL;

CREATE TEMP VIEW members AS
SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
WHERE e.extname = 'vend_analytics' AND d.deptype = 'e';
SELECT o.type, o.identity, pg_get_userbyid(owner) AS owner FROM members m
LEFT JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
LEFT JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
LEFT JOIN pg_namespace n ON m.classid = 'pg_namespace'::regclass AND n.oid = m.objid
LEFT JOIN pg_event_trigger t ON m.classid = 'pg_event_trigger'::regclass AND t.oid = m.objid
CROSS JOIN LATERAL (SELECT coalesce(p.proowner, c.relowner, n.nspowner, t.evtowner) AS owner) AS owned
CROSS JOIN LATERAL pg_identify_object(m.classid, m.objid, 0) AS o
WHERE owner <> 'vend_owner'::regrole ORDER BY 1, 2;

SELECT p.oid::regprocedure AS for_everybody, p.provolatile AS volatility, p.proparallel AS parallel
FROM members m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
WHERE EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0)
ORDER BY p.oid::regprocedure::text;
SELECT c.oid::regclass AS readable_by_everybody FROM members m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
WHERE EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee = 0);
SELECT p.oid::regprocedure AS definer, p.proconfig FROM members m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
WHERE p.prosecdef ORDER BY p.oid::regprocedure::text;
SELECT p.oid::regprocedure AS without_pinned_path FROM members m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
JOIN pg_language l ON l.oid = p.prolang
WHERE l.lanname = 'plpgsql' AND NOT coalesce(p.proconfig::text ~ '"search_path=pg_catalog, (vend_staging, )?pg_temp"', false);

SELECT rolname, rolcanlogin, rolsuper, rolbypassrls, rolconnlimit FROM pg_roles WHERE rolname LIKE 'vend\_%' ORDER BY 1;
-- A role with no rights computes, and gets no further.
CREATE ROLE regress_nobody;
SET ROLE regress_nobody;
SELECT vend.monthly_amount(12, 'year', 1) IS NOT NULL AS computes, vend.mrr(1, '2026-01-01', NULL, now()) AS mrr, (SELECT count(*) FROM vend.flatten_hourly('[1, 2]', 5)) AS hours;
SELECT vend.attach();
\echo :LAST_ERROR_SQLSTATE
SELECT vend.set_platform_fee(0);
\echo :LAST_ERROR_SQLSTATE
SELECT vend_internal.hourly_problem('[]');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) > 0 AS policies FROM vend.policies;
RESET ROLE;
DROP ROLE regress_nobody;
DROP VIEW members;
