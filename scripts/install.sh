#!/usr/bin/env bash
# Puts the extension into the PostgreSQL that PG_CONFIG names, else into the newest one found.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
load_postgres
cd "$REPO"
sudo=()
for directory in "$("$PG_CONFIG" --pkglibdir)" "$("$PG_CONFIG" --sharedir)/extension"; do
    if [ ! -w "$directory" ]; then sudo=(--sudo); fi
done
say "installing $EXTENSION into $("$PG_CONFIG" --version) ($PG_CONFIG)${sudo:+ with sudo}"
cargo pgrx install --release "${sudo[@]}" --pg-config "$PG_CONFIG" --no-default-features --features "$PG_FEATURE"
say "done; in a database, as a superuser: CREATE EXTENSION $EXTENSION;"
