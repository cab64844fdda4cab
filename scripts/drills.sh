#!/usr/bin/env bash
# The reliability drills in full length, each figure beside its target: drills.sh [FILE ...]. `make test` runs their short
# form. They take some two hours, one of them the contention for locks; VEND_MINUTES=5 and the like make them shorter.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export VEND_KILLS="${VEND_KILLS:-200}" VEND_ENDS="${VEND_ENDS:-100}" VEND_DROPS="${VEND_DROPS:-100}"
export VEND_REFRESHES="${VEND_REFRESHES:-10000}" VEND_MINUTES="${VEND_MINUTES:-60}" VEND_ALONE="${VEND_ALONE:-1}"
export VEND_WEEKS="${VEND_WEEKS:-1}"
files=("$@")
if [ $# -eq 0 ]; then
    files=(004_jobs.t 005_jobs_crash.t 006_jobs_databases.t 010_jobs_trouble.t 011_jobs_contention.t 012_jobs_upgrade.t 013_jobs_clock.t)
fi

# A disk of a few megabytes, which only root can make. Without one the test says that it did not fill a tablespace.
if [ -z "${VEND_TABLESPACE:-}" ] && [ "$(id -u)" -eq 0 ]; then
    small="$(mktemp -d)"
    if mount -t tmpfs -o "size=16m,mode=700,uid=$(id -u postgres)" tmpfs "$small"; then
        export VEND_TABLESPACE="$small"
        trap 'umount "$small" && rmdir "$small"' EXIT
    else
        rmdir "$small"
    fi
fi
"$REPO/scripts/tap.sh" "${files[@]}"
