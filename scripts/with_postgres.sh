#!/usr/bin/env bash
# Runs a command of this checkout where another PostgreSQL is installed: with_postgres.sh 17 make regress PROFILE=dev
#
# 17 and 18 are those of Debian 13 and 14, each a Debian of its own under target/ with a copy of the checkout; what the
# command needs, make setup installs there. No Debian has had 16: it comes from PyPI, without XML (three attacks
# need it to bite), and runs in this Debian.
# Needs root, and for 17 and 18 debootstrap. The first time takes about fifteen minutes, building included.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[ $# -ge 2 ] || die "usage: with_postgres.sh 16|17|18 COMMAND [ARGUMENT ...]"
[ "$(id -u)" -eq 0 ] || die "only root may make a root directory of its own and run PostgreSQL as somebody else in it"
major="$1"
shift

# A copy of what git knows of, as it lies here; its own target/ stays from the last time.
copy_checkout() {
    mkdir -p "$1"
    find "$1" -mindepth 1 -maxdepth 1 ! -name target -exec rm -rf {} +
    (cd "$REPO" && git ls-files -z --cached --others --exclude-standard |
        tar --create --null --files-from=- --ignore-failed-read 2>/dev/null) | tar --extract --no-same-owner --directory "$1"
}

run_with_wheel() {
    local home="$REPO/target/releases/16" wheel=pgserver==0.1.4
    if [ ! -x "$home/pgserver/pginstall/bin/postgres" ]; then
        say "fetching PostgreSQL 16 ($wheel)"
        mkdir -p "$home"
        python3 -m pip download --quiet --no-deps --only-binary :all: --dest "$home" "$wheel"
        (cd "$home" && python3 -m zipfile -e pgserver-*.whl . && rm pgserver-*.whl)
        # A zip file does not say who may run what.
        find "$home/pgserver/pginstall" \( -path '*/bin/*' -o -path '*/test/*' \) -type f -exec chmod 755 {} +
        # It lacks the Perl modules for server tests, which serve other releases than their own.
        load_postgres
        cp -r "$(dirname "$("$PG_CONFIG" --pgxs)")/../test/perl" "$home/pgserver/pginstall/lib/postgresql/pgxs/src/test/"
    fi
    copy_checkout "$home/checkout"
    cd "$home/checkout"
    # Its programs look for libpq three folders above themselves; our copy of them does, too.
    mkdir -p target
    ln -sfn "$home/pgserver.libs" target/pgserver.libs
    PG_CONFIG="$home/pgserver/pginstall/bin/pg_config" "$@"
}

run_in_debian() {
    local suite root mirror
    suite="$(debian_of "$major")" root="$(debian_root "$major")"
    if [ ! -e "$root/made" ]; then
        command -v debootstrap >/dev/null || die "debootstrap is missing; run: apt-get install debootstrap"
        mirror="$(grep -rhosE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d | head -n 1 || true)"
        [ -n "$mirror" ] || die "apt has no mirror of Debian to take $suite from"
        say "making a Debian $suite in $root"
        rm -rf "$root"
        mkdir -p "$root"
        # All suites are made alike, and an older debootstrap does not know the newer names.
        debootstrap --variant=minbase --include=ca-certificates,make,procps,git "$suite" "$root" "$mirror" \
            /usr/share/debootstrap/scripts/sid >"$root.log" || die "debootstrap failed, see $root.log"
        # The list of a suite that is not released runs out after a week, and a mirror may be older.
        echo 'Acquire::Check-Valid-Until "false";' >"$root/etc/apt/apt.conf.d/any-age"
        touch "$root/made"
    fi
    # Whom this machine's administrator trusts: a proxy of the house may stand before every registry.
    find /usr/local/share/ca-certificates -name '*.crt' -exec cp -t "$root/usr/local/share/ca-certificates" {} + 2>/dev/null || true
    chroot "$root" update-ca-certificates >/dev/null
    copy_checkout "$root/srv/checkout"
    # The mounts are in a namespace of their own and end with the command, however it ends.
    CARGO_HOME="${CARGO_HOME:-$HOME/.cargo}" RUSTUP_HOME="${RUSTUP_HOME:-$HOME/.rustup}" \
        unshare --mount --pid --fork --kill-child bash -euc '
            root="$1"
            shift
            for place in /dev "$CARGO_HOME" "$RUSTUP_HOME"; do
                mkdir -p "$root$place"
                mount --rbind "$place" "$root$place"
            done
            mount -t proc proc "$root/proc"
            mount -t tmpfs tmpfs "$root/tmp"
            exec chroot "$root" env -i HOME="$HOME" CARGO_HOME="$CARGO_HOME" RUSTUP_HOME="$RUSTUP_HOME" LANG=C.UTF-8 \
                PATH="$CARGO_HOME/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
                bash -euc "cd /srv/checkout; make setup; \"\$@\" || exit" command "$@"
        ' mounts "$root" "$@"
}

case "$major" in
16) run_with_wheel "$@" ;;
17 | 18) run_in_debian "$@" ;;
*) die "there is none with PostgreSQL $major; 15 is what make test runs on with Debian 12" ;;
esac
