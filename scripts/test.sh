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
for layer in lint core_test regress isolation tap docs_test examples_test; do
    say "== $layer"
    "$REPO/scripts/$layer.sh" || broken+=("$layer")
done

say "== all layers"
cat "$VEND_TALLY"
"$REPO/scripts/tally.sh" --sum
[ "${#broken[@]}" -eq 0 ] || die "failed: ${broken[*]}"
