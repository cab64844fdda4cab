#!/usr/bin/env bash
# The tests of src/core, which need no PostgreSQL.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$REPO"
mkdir -p target
status=0
cargo test --no-default-features 2>&1 | tee target/core_test.output || status=$?
count() { sed -nE "s/^test result:.* ([0-9]+) $1;.*/\1/p" target/core_test.output | awk '{ sum += $1 } END { print sum + 0 }'; }
failed="$(count failed)"
# Tests that do not compile print no result.
if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
scripts/tally.sh core "$(count passed)" "$failed"
exit "$status"
