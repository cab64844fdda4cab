#!/usr/bin/env bash
# Installs what building and testing need on Debian (12 or newer) and skips what is there: PostgreSQL with
# its server headers, a C compiler, clang for bindgen, Perl and PgBouncer for the server tests, cargo-pgrx.
# Rust itself is left to its owner.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

packages=()
need() { # need PACKAGE COMMAND...: the package is missing when the command fails
    local package="$1"
    shift
    "$@" >/dev/null 2>&1 || packages+=("$package")
}

have_libclang() { [ -n "${LIBCLANG_PATH:-}" ] || compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' || ldconfig -p | grep -q libclang; }

# Not everybody's PATH has what is for administrators.
have_pgbouncer() { PATH="$PATH:/usr/sbin" command -v pgbouncer; }

postgresql_package_version() {
    local major
    # An installed server that only lacks its headers is preferred to a second server.
    for major in 18 17 16 15; do
        if [ -x "/usr/lib/postgresql/$major/bin/postgres" ]; then echo "$major"; return; fi
    done
    for major in 18 17 16 15; do
        if apt-cache show "postgresql-$major" >/dev/null 2>&1; then echo "$major"; return; fi
    done
    return 1
}

need gcc command -v gcc
need libc6-dev test -e /usr/include/stdio.h
need make command -v make
need perl command -v prove
need sudo command -v sudo
need pkg-config command -v pkg-config
need libssl-dev pkg-config --exists openssl
need clang command -v clang
need libclang-dev have_libclang
need openssl command -v openssl
need libipc-run-perl perl -MIPC::Run -e 1
need pgbouncer have_pgbouncer
find_pg_config >/dev/null || packages+=(postgresql)

install_packages() {
    local as_root=() switch policy failed=
    command -v apt-get >/dev/null ||
        die "this is no Debian; install yourself what these Debian packages hold: ${packages[*]}"
    if [ "$(id -u)" -ne 0 ]; then
        if sudo -n true 2>/dev/null; then
            as_root=(sudo)
        else
            # The name of the newest server is only known to apt, whose lists we may not update here.
            name_postgresql_packages
            say "no permission to install packages. As root, run:"
            say "    apt-get install ${packages[*]}"
            exit 1
        fi
    fi
    say "updating the package lists"
    "${as_root[@]}" apt-get update -qq
    name_postgresql_packages
    say "installing: ${packages[*]}"

    # Debian starts a server as soon as one is installed, and at every boot. Nobody asked for that here.
    switch=/etc/postgresql-common/createcluster.d/vend_analytics.conf
    "${as_root[@]}" mkdir -p "$(dirname "$switch")"
    echo "create_main_cluster = false" | "${as_root[@]}" tee "$switch" >/dev/null
    policy=/usr/sbin/policy-rc.d
    if [ -e "$policy" ]; then
        policy=
    else
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
        "${as_root[@]}" chmod 755 "$policy"
    fi
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        "${packages[@]}" >/dev/null || failed=1
    "${as_root[@]}" rm -f "$switch" $policy
    [ -z "$failed" ] || die "apt-get could not install them"
    if [[ " ${packages[*]} " == *" pgbouncer "* ]] && command -v systemctl >/dev/null; then
        "${as_root[@]}" systemctl --quiet disable pgbouncer || true
    fi
}

name_postgresql_packages() {
    local i major
    for i in "${!packages[@]}"; do
        [ "${packages[i]}" = postgresql ] || continue
        if [ -n "${PG_CONFIG:-}" ]; then
            major="$(pg_major "$PG_CONFIG")" || die "PG_CONFIG=$PG_CONFIG does not run"
            [[ "$major" =~ ^1[5-8]$ ]] || die "PG_CONFIG=$PG_CONFIG is PostgreSQL $major; 15 to 18 are supported"
        else
            major="$(postgresql_package_version)" || die "apt knows no PostgreSQL 15 to 18"
        fi
        packages[i]="postgresql-$major"
        packages+=("postgresql-server-dev-$major")
    done
}

if [ "${#packages[@]}" -gt 0 ]; then
    install_packages
    [ -z "${PG_CONFIG:-}" ] || find_pg_config >/dev/null ||
        die "PG_CONFIG=$PG_CONFIG still has no server or no server headers"
fi

rust_minor="$(rustc --version 2>/dev/null | sed -nE 's/^rustc 1\.([0-9]+).*/\1/p')"
if [ "${rust_minor:-0}" -lt "$RUST_MINOR" ] || ! command -v cargo >/dev/null; then
    say "Rust 1.$RUST_MINOR or newer is needed; found: $(rustc --version 2>/dev/null || echo none)."
    say "With rustup: rustup update stable. Without it, see https://rustup.rs:"
    say "    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y"
    exit 1
fi

found="$(cargo pgrx --version 2>/dev/null | sed 's/^cargo-pgrx //' || true)"
if [ "$found" != "$PGRX_VERSION" ]; then
    say "installing cargo-pgrx $PGRX_VERSION${found:+ in place of $found}; this takes a minute or two"
    # Not optimised it works as fast for us and is built in a third of the time (1.5 minutes on two cores).
    cargo install --locked --debug cargo-pgrx --version "$PGRX_VERSION"
fi
