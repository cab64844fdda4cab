#!/usr/bin/env bash
# Every test layer, one after the other. A layer that fails does not keep the next ones from running.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
if [ -z "${VEND_TALLY:-}" ]; then
    VEND_TALLY="$(mktemp)"
    export VEND_TALLY
    trap 'rm -f "$VEND_TALLY"' EXIT
fi
"$REPO/scripts/setup.sh"

broken=()
for layer in lint core_test regress isolation tap attacks docs_test examples_test; do
    say "== $layer"
    "$REPO/scripts/$layer.sh" || broken+=("$layer")
done

say "== all layers"
cat "$VEND_TALLY"
# The tests of that layer print much else.
if [[ " ${broken[*]} " == *" tap "* ]]; then
    choose_run_dir
    grep -h -A 4 "Failed test '" "$RUN_DIR/tap.output" | cut -c 1-160 | head -n 20
fi
"$REPO/scripts/tally.sh" --sum
[ "${#broken[@]}" -eq 0 ] || die "failed: ${broken[*]}"
