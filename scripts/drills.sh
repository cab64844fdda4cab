#!/usr/bin/env bash
# The reliability drills in full length, each figure beside its target: drills.sh. `make test` runs their short form.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export VEND_KILLS="${VEND_KILLS:-200}" VEND_ENDS="${VEND_ENDS:-100}" VEND_DROPS="${VEND_DROPS:-100}"
"$REPO/scripts/tap.sh" 004_jobs.t 005_jobs_crash.t 006_jobs_databases.t
