#!/usr/bin/env bash
# Counts what can be counted of the surface that has more rights than its callers, with a source attached.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
load_postgres
"$REPO/scripts/build.sh"
cluster="${CLUSTER:-test}"
"$REPO/scripts/cluster.sh" start "$cluster"
run() { cluster_psql "$cluster" -q -At -F ': ' "$@"; }
trap 'run -d postgres -c "DROP DATABASE IF EXISTS figures"' EXIT

export PGOPTIONS="-c client_min_messages=warning"
run -d postgres -c "DROP DATABASE IF EXISTS figures" -c "CREATE DATABASE figures"
run -d figures -c "CREATE EXTENSION $EXTENSION" \
    -c "DO \$\$ BEGIN PERFORM vend.create_demo('operations', garages => 2, customers_per_garage => 2, months => 1); PERFORM vend.attach('operations'); END \$\$"
run -d figures <<'SQL'
WITH definers AS (
    SELECT p.*, EXISTS (SELECT FROM aclexplode(p.proacl) a WHERE a.grantee IN (0, to_regrole('vend_api'), to_regrole('vend_bi'))) AS is_callable
    FROM pg_proc p
    JOIN vend_internal.our_schemas n ON n.oid = p.pronamespace
    WHERE p.prosecdef
)
SELECT 'definer functions', count(*) FROM definers
UNION ALL
SELECT 'definer functions that readers may call', count(*) FROM definers WHERE is_callable
UNION ALL
SELECT 'functions with an owner or a path that is not ours, and objects of a superuser', count(*) FROM vend_internal.audit_objects
UNION ALL
SELECT 'errors that vend.security_audit() finds', count(*) FROM vend.security_audit() WHERE severity = 'error';
SQL
# Each has a SAFETY comment, or clippy fails.
echo "unsafe blocks: $(grep -rohE '\bunsafe \{' "$REPO/src" --include='*.rs' | wc -l) in $(grep -rlE '\bunsafe \{' "$REPO/src" --include='*.rs' | wc -l) files"
