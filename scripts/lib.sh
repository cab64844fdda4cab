# shellcheck shell=bash
# Sourced by every script: where the repository, PostgreSQL and our own running files are.
#
# Nothing here writes to system directories. Everything we run lives under RUN_DIR and belongs to the
# postgres user when we are root (PostgreSQL refuses to run as root), else to whoever calls.

set -euo pipefail
# What root writes, the postgres user has to read.
umask 022

REPO="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
EXTENSION=vend_analytics
PGRX_VERSION=0.18.1
RUST_MINOR=95

# rustup puts cargo here and only adds it to the PATH of new login shells.
if ! command -v cargo >/dev/null && [ -x "${HOME:-/root}/.cargo/bin/cargo" ]; then
    PATH="${HOME:-/root}/.cargo/bin:$PATH"
fi

# The caller's own connection settings (PGHOST, PGSERVICE, ...) must not reach our servers.
for name in $(compgen -e PG || true); do
    case "$name" in PG_CONFIG | PGRX_*) ;; *) unset "$name" ;; esac
done

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# Runs a command as the user that owns our clusters, with a clean environment but for PATH and PG*.
as_postgres() {
    if [ "$(id -u)" -ne 0 ]; then
        "$@"
        return
    fi
    local name kept=()
    for name in $(compgen -e PG || true); do kept+=("$name=${!name}"); done
    (cd / && exec runuser -u postgres -- env -i PATH="$PATH" LANG=C.UTF-8 "${kept[@]}" "$@")
}

pg_major() { "$1" --version | sed -E 's/^PostgreSQL ([0-9]+).*/\1/'; }

supported_pg_config() {
    local major
    [ -x "$1" ] || return 1
    major="$(pg_major "$1" 2>/dev/null)" || return 1
    [[ "$major" =~ ^1[5-8]$ ]] && [ -f "$("$1" --includedir-server)/postgres.h" ] &&
        [ -x "$("$1" --bindir)/postgres" ]
}

# PG_CONFIG decides; without it the newest supported PostgreSQL with server headers is taken.
find_pg_config() {
    local candidate
    if [ -n "${PG_CONFIG:-}" ]; then
        candidate="$(command -v "$PG_CONFIG")" || return 1
        supported_pg_config "$candidate" && echo "$candidate"
        return
    fi
    for candidate in /usr/lib/postgresql/{18,17,16,15}/bin/pg_config "$(command -v pg_config || true)"; do
        if supported_pg_config "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

# A short name for this checkout, for paths outside it.
checkout_id() { printf '%s' "$REPO" | cksum | cut -d' ' -f1; }

# A directory of our own at a guessable path: it must not be one that somebody else put there.
own_directory() {
    mkdir -p "$1"
    if [ ! -O "$1" ] || [ -L "$1" ]; then die "$1 belongs to someone else"; fi
}

# PostgreSQL runs as another user than root and has to get to its files. A clone below a closed
# directory such as /root is out of its reach, so the files move elsewhere.
choose_run_dir() {
    RUN_DIR="$REPO/target/vend"
    if id postgres >/dev/null 2>&1 && ! as_postgres test -x "$REPO"; then
        RUN_DIR="/var/tmp/$EXTENSION-$(checkout_id)"
        own_directory "$RUN_DIR"
        [ -n "${VEND_RUN_DIR_TOLD:-}" ] || say "user postgres cannot reach $REPO, so our servers live in $RUN_DIR"
        export VEND_RUN_DIR_TOLD=1
    fi
    mkdir -p "$RUN_DIR"
    # A unix socket path holds 107 bytes; the file's own name takes up to 16 of them.
    SOCKET_DIR="$RUN_DIR/socket"
    if [ "${#SOCKET_DIR}" -gt 90 ]; then SOCKET_DIR="/tmp/vend-$(checkout_id)"; fi
}

# Sets PG_CONFIG, PG_MAJOR, PG_FEATURE (pg15), RUN_DIR, SOCKET_DIR and what is known of the copy:
# COPY (its root), COPY_BIN and COPY_PG_CONFIG. The copy itself is made by pgcopy.sh.
load_postgres() {
    local found bindir
    found="$(find_pg_config)" ||
        die "no PostgreSQL 15 to 18 with server headers found${PG_CONFIG:+ (PG_CONFIG=$PG_CONFIG)}; run: make setup"
    if [ "$(id -u)" -eq 0 ] && ! id postgres >/dev/null 2>&1; then
        die "PostgreSQL does not run as root and there is no user postgres; run: useradd --system postgres"
    fi
    export PG_CONFIG="$found"
    PG_MAJOR="$(pg_major "$PG_CONFIG")"
    PG_FEATURE="pg$PG_MAJOR"
    choose_run_dir
    COPY="$RUN_DIR/$PG_FEATURE"
    bindir="$("$PG_CONFIG" --bindir)"
    PG_ROOT="$(common_directory "$bindir" "$("$PG_CONFIG" --pkglibdir)" \
        "$("$PG_CONFIG" --sharedir)" "$("$PG_CONFIG" --includedir-server)")"
    COPY_BIN="$COPY${bindir#"$PG_ROOT"}"
    COPY_PG_CONFIG="$COPY_BIN/pg_config"
    # Headers are those of the real installation, so that every cargo command shares one build of pgrx.
    export PGRX_PG_CONFIG_PATH="$PG_CONFIG" PGRX_HOME="$REPO/target/pgrx"
    mkdir -p "$PGRX_HOME"
    # cargo takes a missing config file for a changed one and would build pgrx anew each time.
    [ -e "$PGRX_HOME/config.toml" ] || echo '[configs]' >"$PGRX_HOME/config.toml"
}

# The longest directory that contains all the arguments, without a slash at its end.
common_directory() {
    local common="$1" path
    for path in "$@"; do
        while [[ "$path/" != "$common/"* ]]; do common="${common%/*}"; done
    done
    echo "$common"
}

cluster_dir() { echo "$RUN_DIR/clusters/$PG_FEATURE/$1"; }

# Every cluster has a port of its own in the one socket directory; no network port is opened.
cluster_port() { echo $((20000 + $(printf '%s' "$1" | cksum | cut -d' ' -f1) % 10000)); }

# psql of the copy as superuser of a cluster: cluster_psql NAME [psql arguments]
cluster_psql() {
    local cluster="$1"
    shift
    "$COPY_BIN/psql" -X -v ON_ERROR_STOP=1 -h "$SOCKET_DIR" -p "$(cluster_port "$cluster")" -U postgres "$@"
}

# The Debian that has a PostgreSQL which this one has not, and where with_postgres.sh makes it.
debian_of() { case "$1" in 17) echo trixie ;; 18) echo forky ;; esac; }
debian_root() { echo "$REPO/target/releases/$(debian_of "$1")"; }
