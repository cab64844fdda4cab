#!/usr/bin/env bash
# Stops our servers, then removes everything that was built or made by running, wherever it lies.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
choose_run_dir
"$REPO/scripts/cluster.sh" stop --all
rm -rf "$RUN_DIR" "$REPO/target"
case "$SOCKET_DIR" in /tmp/vend-*) rm -rf "$SOCKET_DIR" ;; esac
