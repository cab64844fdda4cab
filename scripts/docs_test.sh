#!/usr/bin/env bash
# Runs every example of docs/*.md and README.md: docs_test.sh [--accept] [PAGE ...]. A page has a database of its own
# with the extension. A block marked ```sql is executed; a block ```text right after it is what psql must print.
# What depends on the day or the machine is marked ```sql no-run. With --accept, ```text blocks are rewritten.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
load_postgres
accept=
if [ "${1:-}" = --accept ]; then accept=--accept; shift; fi
cluster="${CLUSTER:-test}"
"$REPO/scripts/build.sh"
"$REPO/scripts/cluster.sh" start "$cluster"
cd "$REPO"
if [ $# -gt 0 ]; then pages=("$@"); else pages=(README.md docs/*.md); fi

passed=0 failed=0
for page in "${pages[@]}"; do
    cluster_psql "$cluster" -q -d postgres -c "SET client_min_messages = error" \
        -c "DROP DATABASE IF EXISTS vend_docs" -c "CREATE DATABASE vend_docs"
    cluster_psql "$cluster" -q -d vend_docs -c "CREATE EXTENSION vend_analytics"
    psql=("$COPY_BIN/psql" -X -q -h "$SOCKET_DIR" -p "$(cluster_port "$cluster")" -U postgres -d vend_docs)
    if perl "$REPO/scripts/docs_test.pl" $accept "$page" "${psql[@]}"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done
cluster_psql "$cluster" -q -d postgres -c "DROP DATABASE IF EXISTS vend_docs"
"$REPO/scripts/tally.sh" docs "$passed" "$failed"
[ "$failed" -eq 0 ]
