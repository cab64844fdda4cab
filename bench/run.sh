#!/usr/bin/env bash
# Runs the benchmarks: run.sh [NAME ...], or all of bench/*.sql, against a release build on a server of their own.
# Prints each result and keeps it in bench/results/NAME.md together with all it depends on.
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"
load_postgres
PROFILE=release "$REPO/scripts/build.sh"
"$REPO/scripts/cluster.sh" start bench
trap '"$REPO/scripts/cluster.sh" stop bench' EXIT

names=("$@")
if [ $# -eq 0 ]; then for file in "$REPO"/bench/*.sql; do names+=("$(basename "$file" .sql)"); done; fi

query() { cluster_psql bench -q -At -d bench "$@"; }

commit() {
    local hash
    hash="$(git -C "$REPO" rev-parse --short HEAD 2>/dev/null)" || hash=none
    [ -z "$(git -C "$REPO" status --porcelain -- src sql Cargo.toml Cargo.lock bench/*.sql bench/lib 2>/dev/null)" ] ||
        hash="$hash and uncommitted changes"
    echo "$hash"
}

report() {
    echo "# $1"
    echo
    echo "\`make bench TESTS=$1\`, $(date -u +%Y-%m-%d), commit $(commit)"
    echo
    query -F ' | ' -c "SELECT '- ' || name || ': ' || value FROM bench.fact"
    echo "- machine: $(sed -nE 's/^model name\s*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores," \
        "$(awk '/^MemTotal/ { printf "%.1f GiB", $2 / 1048576 }' /proc/meminfo) memory"
    echo "- versions: PostgreSQL $(query -c 'SHOW server_version'), $(rustc --version)"
    echo "- settings: $(query -c "SELECT string_agg(name || ' = ' || current_setting(name), ', ')
        FROM unnest('{shared_buffers, work_mem}'::text[]) AS name"), $(sed -nE 's/^SET (.*);$/\1/p' "$REPO/bench/$1.sql" | paste -sd, | sed 's/,/, /g')"
    echo
    # Others say in their file what they check.
    if grep -q '^CALL bench.compare' "$REPO/bench/$1.sql"; then echo "All contenders gave the same rows."; fi
    echo "Warm, interleaved runs in one session, in milliseconds:"
    echo
    echo "contender | runs | median | fastest | slowest | times the fastest median"
    echo "---|---|---|---|---|---"
    query -F ' | ' -c "SELECT * FROM bench.summary"
}

# DuckDB comes from PyPI, into an environment of its own. What consumes the rows is what the benchmark itself says.
duckdb_peer() {
    local python="$REPO/target/duckdb/bin/python" contender consume settings
    if [ ! -x "$python" ]; then
        python3 -m venv "$REPO/target/duckdb" || die "python3 with venv is needed for DuckDB (Debian: python3-venv)"
        "$python" -m pip install --quiet duckdb==2.0.0
    fi
    local call="s/^CALL bench.compare\('\{(\w+), .*\}', '(.*)', [0-9]+\);"
    contender="$(sed -nE "$call/\1/p" "$REPO/bench/$1.sql")"
    consume="$(sed -nE "$call/\2/p" "$REPO/bench/$1.sql")"
    settings="$(sed -nE "s/^SET ([a-z_]+) = '?([^';]*)'?;$/-c \1=\2/p" "$REPO/bench/$1.sql" | paste -sd' ')"
    PGOPTIONS="$settings" "$python" "$REPO/bench/duckdb_peer.py" "$REPO/bench/duckdb/$1.sql" "$contender" "$consume" "$COPY_BIN/psql" -X -q -At -v ON_ERROR_STOP=1 \
        -h "$SOCKET_DIR" -p "$(cluster_port bench)" -U postgres -d bench
}

mkdir -p "$REPO/bench/results"
for name in "${names[@]}"; do
    [ -f "$REPO/bench/$name.sql" ] || die "there is no benchmark bench/$name.sql"
    say "bench: $name"
    cluster_psql bench -q -d postgres -c "SET client_min_messages = warning" \
        -c "DROP DATABASE IF EXISTS bench" -c "CREATE DATABASE bench"
    query -c "CREATE EXTENSION $EXTENSION" -f "$REPO/bench/lib/compare.sql" -f "$REPO/bench/$name.sql"
    if [ -f "$REPO/bench/duckdb/$name.sql" ]; then duckdb_peer "$name"; fi
    report "$name" >"$RUN_DIR/result.md"
    mv "$RUN_DIR/result.md" "$REPO/bench/results/$name.md"
    cat "$REPO/bench/results/$name.md"
done
if [ $# -eq 0 ]; then
    "$REPO/bench/memory.sh"
    "$REPO/bench/writers.sh"
fi
