#!/usr/bin/env bash
# Runs tests/pg_regress with PostgreSQL's own pg_regress: regress.sh [TEST ...], or all in the schedule's order.
# PostgreSQL passes over a test that has no expected file or is not in the schedule; here both are failures.
# With --accept, what the named tests printed last becomes what is expected of them; read the difference first.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
load_postgres
tests="$REPO/tests/pg_regress"
cluster="${CLUSTER:-test}"
work="$RUN_DIR/regress/$cluster"

if [ "${1:-}" = --accept ]; then
    shift
    [ $# -gt 0 ] || die "name the tests whose results to accept"
    for test in "$@"; do
        cp "$work/results/$test.out" "$tests/expected/$test.out"
        say "accepted: tests/pg_regress/expected/$test.out"
    done
    exit 0
fi

"$REPO/scripts/build.sh"
mkdir -p "$RUN_DIR/regress"
# Two runs on one cluster would drop each other's database.
exec 8>"$work.lock"
flock 8
"$REPO/scripts/cluster.sh" start "$cluster"

wrong=0
complain() {
    say "not ok: $*"
    wrong=$((wrong + 1))
}
scheduled="$(sed -nE 's/^test: *//p' "$tests/schedule" | tr ' ' '\n')"
for file in "$tests"/sql/*.sql; do
    grep -qxF "$(basename "$file" .sql)" <<<"$scheduled" || complain "$(basename "$file") is not in the schedule"
done
while read -r file; do
    complain "$file expects XX000, which is always a bug"
done < <(grep -lr XX000 "$tests/expected" || true)

if [ $# -gt 0 ]; then run=("$@"); else mapfile -t run <<<"$scheduled"; fi
rm -rf "$work"
mkdir -p "$work/expected"
for test in "${run[@]}"; do
    if [ ! -f "$tests/expected/$test.out" ]; then
        say "no expected file for $test: it fails"
        : >"$work/expected/$test.out"
    else
        # What another PostgreSQL says is in TEST_1.out.
        cp "$tests/expected/$test.out" $(compgen -G "$tests/expected/${test}_[0-9].out" || true) "$work/expected/"
    fi
done
cp -r "$tests/sql" "$work/sql"

pg_regress="$(dirname "$("$COPY_PG_CONFIG" --pgxs)")/../test/regress/pg_regress"
status=0
"$pg_regress" --bindir="$COPY_BIN" --inputdir="$work" --outputdir="$work" \
    --host="$SOCKET_DIR" --port="$(cluster_port "$cluster")" --user=postgres --dbname=regression \
    --load-extension="$EXTENSION" "${run[@]}" | tee "$work/output" || status=$?

if [ -s "$work/regression.diffs" ]; then cat "$work/regression.diffs"; fi
failed="$(sed -nE 's/^[# ]*([0-9]+) of [0-9]+ tests failed.*/\1/p' "$work/output")"
[ "$status" -eq 0 ] || [ -n "$failed" ] || die "pg_regress did not finish"
"$REPO/scripts/tally.sh" regress $((${#run[@]} - ${failed:-0})) $((${failed:-0} + wrong))
[ "$status" -eq 0 ] && [ "$wrong" -eq 0 ]
