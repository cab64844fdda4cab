#!/usr/bin/env bash
# Runs tests/attacks: attacks.sh [FILE ...], or all of them. As the TAP tests, they start servers of their own.
LAYER=attacks exec "$(dirname "${BASH_SOURCE[0]}")/tap.sh" "$@"
