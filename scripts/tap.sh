#!/usr/bin/env bash
# Runs tests/tap: tap.sh [FILE ...], or all of them. These tests start and stop servers of their own.
# They run as the postgres user, who may not be able to read the checkout: hence from a copy of the tests.
# With LAYER=attacks it is those of tests/attacks.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
load_postgres
"$REPO/scripts/build.sh"

layer="${LAYER:-tap}"
work="$RUN_DIR/$layer"
exec 8>"$work.lock"
flock 8
as_postgres rm -rf "$work/tmp_check"
rm -rf "$work"
mkdir -p "$work"
cp -r "$REPO/tests/$layer" "$work/t"
cp -r "$REPO/tests/lib" "$work/lib"
chmod -R a+rX "$work"
if [ "$(id -u)" -eq 0 ]; then chown postgres "$work"; fi
# From 16 on nobody makes these.
as_postgres mkdir -p "$work/tmp_check/log"

# prove is given file names: of a directory it would run nothing but *.t, and silently nothing at all.
files=("$@")
if [ $# -eq 0 ]; then files=("$work"/t/*.t); fi
for i in "${!files[@]}"; do files[i]="$work/t/$(basename "${files[i]}")"; done

# Only our copy of PostgreSQL has this version; a server finds upgrade scripts nowhere else.
version="$(sed -nE 's/^version = "(.*)"/\1/p' "$REPO/Cargo.toml" | head -n 1)"
for step in "$version--made_up" "made_up--$version"; do
    cp "$REPO/tests/tap/made_up.sql" "$("$COPY_PG_CONFIG" --sharedir)/extension/$EXTENSION--$step.sql"
done

perl_modules="$(dirname "$("$COPY_PG_CONFIG" --pgxs)")/../test/perl"
pg_regress="$(dirname "$("$COPY_PG_CONFIG" --pgxs)")/../test/regress/pg_regress"
# What a test may be told: VEND_SEED and the like.
told=()
for name in $(compgen -e VEND_ || true); do told+=("$name=${!name}"); done
status=0
as_postgres env "${told[@]}" PATH="$COPY_BIN:$PATH" PERL5LIB="$perl_modules:$work/lib" PG_REGRESS="$pg_regress" \
    TESTDIR="$work" TESTDATADIR="$work/tmp_check" TESTLOGDIR="$work/tmp_check/log" \
    prove --timer "${files[@]}" 8>&- 2>&1 | tee "$RUN_DIR/$layer.output" || status=$?

total="$(sed -nE 's/^Files=.*Tests=([0-9]+).*/\1/p' "$RUN_DIR/$layer.output")"
failed="$(sed -nE 's/^Failed ([0-9]+)\/[0-9]+ subtests.*/\1/p' "$RUN_DIR/$layer.output" |
    awk "{ sum += \$1 } END { print sum + 0 }")"
if [ "$status" -ne 0 ] && [ "${failed:-0}" -eq 0 ]; then failed=1; fi
passed=$((${total:-0} - ${failed:-0}))
"$REPO/scripts/tally.sh" "$layer" $((passed > 0 ? passed : 0)) "${failed:-0}"
if [ "$layer" = attacks ]; then echo "$((passed > 0 ? passed : 0)) of ${total:-0} attacks blocked"; fi
exit "$status"
