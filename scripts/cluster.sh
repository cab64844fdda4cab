#!/usr/bin/env bash
# Private PostgreSQL servers of this checkout: cluster.sh start|stop|status|env NAME, or stop --all.
# They listen on a socket of their own only, and the socket's directory is closed to other users: that
# is what makes trust authentication safe here. `eval "$(scripts/cluster.sh env NAME)"` points psql at one.
# PRELOAD= starts one without the library.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
choose_run_dir
# The server would inherit, and for ever hold, a lock that the calling script has open.
exec 8>&- 9>&-
usage="usage: cluster.sh start|stop|status|env NAME, or cluster.sh stop --all"
[ $# -eq 2 ] || die "$usage"
action="$1"
cluster="$2"

postmaster_pid() {
    local data="$1/data" pid
    pid="$(head -n 1 "$data/postmaster.pid" 2>/dev/null)" || return 1
    # A number left from before a crash may by now belong to another program.
    [ "$(readlink "/proc/$pid/cwd")" = "$data" ] && echo "$pid"
}

answers() { "$COPY_BIN/pg_isready" -q -h "$SOCKET_DIR" -p "$(cluster_port "$1")"; }

own_by_postgres() {
    mkdir -p "$1"
    if [ "$(id -u)" -eq 0 ]; then chown postgres "$1"; fi
    chmod 700 "$1"
}

create() {
    local dir="$1" durable=on buffers=128MB
    say "creating cluster $cluster in $dir"
    # Test data is made anew on every run, so nothing is lost when the machine stops.
    case "$cluster" in demo | bench) ;; *) durable=off ;; esac
    # Tables that a server of any size would hold in memory are to be measured there.
    if [ "$cluster" = bench ]; then buffers=4GB; fi
    mkdir -p "$(dirname "$dir")"
    own_by_postgres "$dir"
    as_postgres rm -rf "$dir/data.new"
    as_postgres "$COPY_BIN/initdb" --no-sync -D "$dir/data.new" -U postgres -A trust \
        --encoding=UTF8 --locale=C.UTF-8 >"$RUN_DIR/initdb.log" 2>&1 || {
        cat "$RUN_DIR/initdb.log" >&2
        die "initdb failed"
    }
    as_postgres tee -a "$dir/data.new/postgresql.conf" >/dev/null <<CONF
timezone = 'UTC'
log_timezone = 'UTC'
max_wal_size = '4GB'
fsync = $durable
shared_buffers = $buffers
CONF
    # Renamed last, so that a data directory is complete or absent.
    as_postgres mv "$dir/data.new" "$dir/data"
}

start() {
    local dir
    dir="$(cluster_dir "$cluster")"
    if postmaster_pid "$dir" >/dev/null && answers "$cluster"; then
        # A running server keeps the library that it preloaded.
        [ "$("$COPY_PG_CONFIG" --pkglibdir)/$EXTENSION.so" -nt "$dir/data/postmaster.pid" ] || return 0
        stop "$dir"
    fi
    [ -d "$dir/data" ] || create "$dir"
    if [[ "$SOCKET_DIR" == /tmp/* ]] && [ -e "$SOCKET_DIR" ]; then
        [ "$(stat -c %U "$SOCKET_DIR")" = "$(as_postgres id -un)" ] || die "$SOCKET_DIR belongs to someone else"
    fi
    own_by_postgres "$SOCKET_DIR"
    as_postgres "$COPY_BIN/pg_ctl" -D "$dir/data" -l "$dir/log" -w -s start \
        -o "-k $SOCKET_DIR -p $(cluster_port "$cluster") -c listen_addresses= -c shared_preload_libraries=${PRELOAD-$EXTENSION}" || {
        tail -n 20 "$dir/log" >&2
        die "cluster $cluster did not start; its log is $dir/log"
    }
}

stop() {
    local dir="$1" pid
    pid="$(postmaster_pid "$dir")" || return 0
    say "stopping cluster $(basename "$dir") (process $pid)"
    # SIGINT is PostgreSQL's fast shutdown.
    kill -INT "$pid"
    for _ in $(seq 600); do
        [ -d "/proc/$pid" ] || return 0
        sleep 0.1
    done
    die "process $pid does not stop"
}

# Needs no PostgreSQL to be found: it may be gone, or another one chosen, since the servers were started.
if [ "$action $cluster" = "stop --all" ]; then
    for dir in "$RUN_DIR/clusters"/*/*/; do stop "${dir%/}"; done
    exit 0
fi

load_postgres

case "$action" in
start) start ;;
stop) stop "$(cluster_dir "$cluster")" ;;
status)
    if pid="$(postmaster_pid "$(cluster_dir "$cluster")")"; then
        echo "cluster $cluster runs (process $pid)"
    else
        echo "cluster $cluster does not run"
        exit 1
    fi
    ;;
env)
    printf 'export PGHOST=%q PGPORT=%q PGUSER=postgres PATH=%q:"$PATH"\n' \
        "$SOCKET_DIR" "$(cluster_port "$cluster")" "$COPY_BIN"
    ;;
*) die "$usage" ;;
esac
