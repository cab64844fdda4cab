#!/usr/bin/env bash
# Counts over all test layers. `tally.sh LAYER PASSED FAILED` notes what one layer counted, in the file that
# VEND_TALLY names if there is one; `tally.sh --sum` prints the sum of what that file holds.
set -euo pipefail
if [ "$1" = --sum ]; then
    awk -F '[ ,:]+' '{ passed += $2; failed += $4 } END { printf "%d passed, %d failed\n", passed, failed }' "$VEND_TALLY"
    exit 0
fi
line="$1: $2 passed, $3 failed"
echo "$line"
if [ -n "${VEND_TALLY:-}" ]; then echo "$line" >>"$VEND_TALLY"; fi
