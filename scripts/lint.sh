#!/usr/bin/env bash
# Formatting and clippy, without PostgreSQL and with it; every warning is an error (Cargo.toml).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
load_postgres
cd "$REPO"
passed=0
failed=0
check() {
    say "lint: cargo $*"
    if cargo "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}
check fmt --check
check clippy --quiet --all-targets --no-default-features
check clippy --quiet --all-targets --no-default-features --features "$PG_FEATURE"
"$REPO/scripts/tally.sh" lint "$passed" "$failed"
[ "$failed" -eq 0 ]
