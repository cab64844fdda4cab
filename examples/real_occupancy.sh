#!/usr/bin/env bash
# Real readings of car parks in, occupancy out: examples/real_occupancy.sh CSV
#
# The file has no header and four columns: car park code, capacity, occupancy, local time (Europe/London). Such a
# file is data set 482 of the UCI Machine Learning Repository: 30 car parks in Birmingham in late 2016.
# It is loaded into the operational tables of a database of its own on a private server; running again starts afresh.
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"
[ $# -eq 1 ] || die "usage: examples/real_occupancy.sh CSV (code, capacity, occupancy, local time; no header)"
[ -r "$1" ] || die "cannot read $1"
load_postgres
"$REPO/scripts/build.sh"
"$REPO/scripts/cluster.sh" start examples

psql() { cluster_psql examples -q "$@"; }
steps="$REPO/examples/real_occupancy"

psql -d postgres -c "SET client_min_messages = warning" \
    -c "DROP DATABASE IF EXISTS real_occupancy WITH (FORCE)" -c "CREATE DATABASE real_occupancy"
psql -d real_occupancy -f "$REPO/sql/operational_schema.sql" -f "$steps/readings.sql"
psql -d real_occupancy -c "COPY reading.line (code, capacity, occupancy, at) FROM STDIN WITH (FORMAT csv)" <"$1"
psql -d real_occupancy -f "$steps/load.sql" -f "$steps/report.sql"

echo "To look further: $COPY_BIN/psql -h $SOCKET_DIR -p $(cluster_port examples) -U postgres real_occupancy"
echo "scripts/cluster.sh stop examples stops the server."
