#!/usr/bin/env bash
# What the preloaded library adds to a transaction that does not use it, in instructions, which are the same on a busy machine:
# valgrind counts those of 500 and of 2,500 look-ups by primary key in a server of one process; the difference is theirs.
# Target: 1 %. Keeps it in bench/results/idle_instructions.md.
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"
load_postgres
command -v valgrind >/dev/null || die "valgrind is missing; run: apt-get install valgrind"
PROFILE=release "$REPO/scripts/build.sh"
work="$RUN_DIR/instructions"
rm -rf "$work"
mkdir -p "$work"
if [ "$(id -u)" -eq 0 ]; then chown postgres "$work"; fi
as_postgres "$COPY_BIN/initdb" --no-sync -D "$work/data" -U postgres --locale=C.UTF-8 --encoding=UTF8 >/dev/null
look_ups() { awk -v n="$1" 'BEGIN { for (i = 1; i <= n; i++) print "SELECT filler FROM account WHERE id = " i * 7919 % 100000 + 1 ";" }'; }
server() { # server PRELOADED COMMAND...: what comes in is run
    local preloaded="$1"
    shift
    as_postgres "$@" "$COPY_BIN/postgres" --single -D "$work/data" -c shared_preload_libraries="$preloaded" -c fsync=off -c autovacuum=off postgres
}
server "" <<'END' >/dev/null
CREATE TABLE account (id int PRIMARY KEY, filler text);
INSERT INTO account SELECT i, repeat('x', 80) FROM generate_series(1, 100000) AS i;
VACUUM FREEZE ANALYZE account;
CHECKPOINT;
END
count() { look_ups "$2" | server "$1" valgrind --tool=callgrind --callgrind-out-file=/dev/null 2>&1 >/dev/null | sed -nE 's/.*Collected : ([0-9]+).*/\1/p'; }
per_look_up() { echo $((($(count "$1" 2500) - $(count "$1" 500)) / 2000)); }
# The first look at a page after it was written leaves hints there.
count "" 2500 >/dev/null
without="$(per_look_up "")" with="$(per_look_up "$EXTENSION")"
{
    echo "# idle_instructions"
    echo
    echo "\`bench/idle_instructions.sh\`, $(date -u +%Y-%m-%d), commit $(git -C "$REPO" rev-parse --short HEAD), $("$PG_CONFIG" --version), $(valgrind --version)"
    echo
    echo "A look-up by primary key, parsed and planned, as a transaction of its own, without the library and with it preloaded. Target: 1 % more."
    echo
    echo "without | with | of that"
    echo "---|---|---"
    awk "BEGIN { printf \"%d | %d | %.2f %%\n\", $without, $with, 100 * $with / $without }"
} >"$work/result.md"
mv "$work/result.md" "$REPO/bench/results/idle_instructions.md"
cat "$REPO/bench/results/idle_instructions.md"
rm -rf "$work"
