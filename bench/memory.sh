#!/usr/bin/env bash
# The memory of a summary per customer or user: the most of five runs. Target: 120 bytes. Keeps it in bench/results/memory.md.
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"
load_postgres
PROFILE=release "$REPO/scripts/build.sh"
"$REPO/scripts/cluster.sh" start bench
trap '"$REPO/scripts/cluster.sh" stop bench' EXIT
cluster_psql bench -q -d postgres -c "SET client_min_messages = warning" -c "DROP DATABASE IF EXISTS bench" -c "CREATE DATABASE bench"
cluster_psql bench -q -d bench -c "CREATE EXTENSION $EXTENSION" -f "$REPO/bench/lib/compare.sql" -f "$REPO/bench/lib/paid.sql" -f "$REPO/bench/lib/events.sql"
{
    echo "# memory"
    echo
    echo "\`bench/memory.sh\`, $(date -u +%Y-%m-%d), commit $(git -C "$REPO" rev-parse --short HEAD), $(sed -nE 's/^model name\s*: //p' /proc/cpuinfo | head -n 1)"
    echo
    echo "Anonymous resident memory of one process while it aggregates, the result included; the most of five runs. Target: 120 bytes."
    echo
    echo "summary | distinct | at most | per"
    echo "---|---|---|---"
    python3 "$REPO/bench/memory.py" "$COPY_BIN/psql" -X -q -At -h "$SOCKET_DIR" -p "$(cluster_port bench)" -U postgres -d bench
} | tee "$REPO/bench/results/memory.md"
