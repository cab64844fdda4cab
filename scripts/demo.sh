#!/usr/bin/env bash
# From whatever state the machine is in to both dashboards: sets up, builds, starts the demo's own server,
# fills it once and prints. What is there already is used again.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
"$REPO/scripts/setup.sh"
load_postgres
PROFILE=release "$REPO/scripts/build.sh"
"$REPO/scripts/cluster.sh" start demo

demo() { cluster_psql demo -q -d demo "$@"; }
# Written last: holds the build that the database was made with, and is absent while it is being made.
ready="$(cluster_dir demo)/ready"

reason_to_create() {
    if [ ! -f "$ready" ]; then
        echo "creating the demo platform"
    elif [ "$(cat "$ready")" != "$(cat "$COPY/built-from")" ]; then
        echo "the extension changed since the demo platform was made: creating it again"
    elif [ "$(demo -At -c "SELECT max(created_at) < timezone('UTC', now()) - interval '1 day' FROM vend_demo.payments")" != f ]; then
        echo "the demo platform ends more than a day ago: creating it again"
    fi
}

reason="$(reason_to_create)"
if [ -n "$reason" ]; then
    say "$reason"
    rm -f "$ready"
    cluster_psql demo -q -d postgres -c "SET client_min_messages = warning" \
        -c "DROP DATABASE IF EXISTS demo WITH (FORCE)" -c "CREATE DATABASE demo"
    demo -c "CREATE EXTENSION vend_analytics"
    demo -At -o /dev/null -c "SELECT vend.create_demo()"
    demo -c "ANALYZE"
    demo -At -o /dev/null -c "SELECT * FROM vend.attach('vend_demo', schedule => true)" -c "SELECT * FROM vend.refresh()" -c "ANALYZE"
    cp "$COPY/built-from" "$ready"
fi
# The application's login; it belongs to the server, and its rights come with each database.
demo -c "DO \$\$ BEGIN CREATE ROLE demo_app LOGIN IN ROLE vend_api; EXCEPTION WHEN duplicate_object THEN NULL; END \$\$"

coloured=off
if [ -t 1 ]; then coloured=on; fi
for page in garage_admin leadership freshness sign_in; do demo -v coloured="$coloured" -f "$REPO/demo/$page.sql"; done

cat <<END

The demo server keeps running. To look around:

    $COPY_BIN/psql -h $SOCKET_DIR -p $(cluster_port demo) -U postgres demo

and there, for example:

    SELECT * FROM vend_reports.mv_daily_revenue WHERE is_today;
    SELECT * FROM vend_reports.mv_current_occupancy ORDER BY occupancy_rate DESC;
    SELECT * FROM vend.check_source('vend_demo');
    SELECT * FROM vend.jobs; SELECT * FROM vend.freshness; SELECT * FROM vend.security_audit();
    \\dv vend_reports.*

make demo-stop stops the server and keeps its data; make clean removes it.
END
