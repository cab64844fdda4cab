#!/usr/bin/env bash
# Runs tests/isolation with PostgreSQL's own isolation tester: isolation.sh [SPEC ...], or all in the schedule's order.
# A spec names no permutations, so that every order of its steps is run. The spec "setup" makes the tables and runs first.
# With --accept, what the named specs printed last becomes what is expected of them; read the difference first.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
load_postgres
tests="$REPO/tests/isolation"
cluster="${CLUSTER:-test}"
work="$RUN_DIR/isolation/$cluster"

if [ "${1:-}" = --accept ]; then
    shift
    [ $# -gt 0 ] || die "name the specs whose results to accept"
    for spec in "$@"; do
        # A wrong row is never to be expected, whatever else the difference is.
        if grep -E 'wrong=[^0]' "$work/results/$spec.out"; then die "$spec saw wrong rows"; fi
        cp "$work/results/$spec.out" "$tests/expected/$spec.out"
        say "accepted: tests/isolation/expected/$spec.out"
    done
    exit 0
fi

"$REPO/scripts/build.sh"
mkdir -p "$RUN_DIR/isolation"
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
for file in "$tests"/specs/*.spec; do
    grep -qxF "$(basename "$file" .spec)" <<<"$scheduled" || complain "$(basename "$file") is not in the schedule"
    if grep -q '^permutation' "$file"; then complain "$(basename "$file") names permutations and so leaves some out"; fi
done
while read -r file; do
    complain "$file expects wrong rows or XX000, which are always bugs"
done < <(grep -lrE 'wrong=[^0]|XX000' "$tests/expected" || true)

if [ $# -gt 0 ]; then mapfile -t run < <(printf '%s\n' setup "$@" | awk '!seen[$0]++'); else mapfile -t run <<<"$scheduled"; fi
rm -rf "$work"
mkdir -p "$work/expected"
for spec in "${run[@]}"; do
    if [ ! -f "$tests/expected/$spec.out" ]; then
        say "no expected file for $spec: it fails"
        : >"$work/expected/$spec.out"
    else
        cp "$tests/expected/$spec.out" "$work/expected/"
    fi
done
cp -r "$tests/specs" "$work/specs"

# It finds isolationtester beside itself. A step that nothing ends is cancelled after a minute.
pg_isolation_regress="$(dirname "$("$COPY_PG_CONFIG" --pgxs)")/../test/isolation/pg_isolation_regress"
status=0
PGISOLATIONTIMEOUT=60 "$pg_isolation_regress" --bindir="$COPY_BIN" --inputdir="$work" --outputdir="$work" \
    --host="$SOCKET_DIR" --port="$(cluster_port "$cluster")" --user=postgres --dbname=isolation_regression \
    --load-extension="$EXTENSION" "${run[@]}" | tee "$work/output" || status=$?

if [ -s "$work/regression.diffs" ]; then head -n 200 "$work/regression.diffs"; fi
failed="$(sed -nE 's/^[# ]*([0-9]+) of [0-9]+ tests failed.*/\1/p' "$work/output")"
[ "$status" -eq 0 ] || [ -n "$failed" ] || die "pg_isolation_regress did not finish"
"$REPO/scripts/tally.sh" isolation $((${#run[@]} - ${failed:-0})) $((${failed:-0} + wrong))
[ "$status" -eq 0 ] && [ "$wrong" -eq 0 ]
