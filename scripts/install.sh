#!/usr/bin/env bash
# Puts the extension into the PostgreSQL that PG_CONFIG names, else into the newest one found.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
load_postgres
cd "$REPO"
build=(--pg-config "$PG_CONFIG" --no-default-features --features "$PG_FEATURE")
libraries="$("$PG_CONFIG" --pkglibdir)"
extensions="$("$PG_CONFIG" --sharedir)/extension"

say "installing $EXTENSION into $("$PG_CONFIG" --version) ($PG_CONFIG)"
if [ -w "$libraries" ] && [ -w "$extensions" ]; then
    cargo pgrx install --release "${build[@]}"
else
    package="$REPO/target/package"
    rm -rf "$package"
    cargo pgrx package --out-dir "$package" "${build[@]}"
    say "$libraries and $extensions are not ours to write: using sudo"
    # install replaces the library; writing into one that servers have loaded would crash them.
    sudo install -m 755 "$package$libraries/$EXTENSION.so" "$libraries/"
    sudo install -m 644 "$package$extensions/$EXTENSION"* "$extensions/"
fi
say "done; in a database, as a superuser: CREATE EXTENSION $EXTENSION;"
