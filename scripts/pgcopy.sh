#!/usr/bin/env bash
# Makes our own copy of the installed PostgreSQL, so that building and testing never writes to system
# directories. PostgreSQL finds its files relative to its programs, so a copy with the same layout works.
# Does nothing when the copy is there and the installed version is the same.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
load_postgres

bindir="$("$PG_CONFIG" --bindir)"
version="$("$PG_CONFIG" --version) $bindir $(stat -c '%s %Y' "$bindir/postgres")"
if [ "$(cat "$COPY/copied-from" 2>/dev/null)" = "$version" ]; then exit 0; fi

say "copying $("$PG_CONFIG" --version) to $COPY"
if [ -d "$COPY" ]; then "$REPO/scripts/cluster.sh" stop --all; fi
rm -rf "$COPY" "$COPY.new"

copy_tree() {
    local target="$COPY.new${1#"$PG_ROOT"}"
    mkdir -p "$(dirname "$target")"
    cp -a "$1" "$target"
}

# Some installations share their bin directory with everything else, so only PostgreSQL's programs are taken.
mkdir -p "$COPY.new${bindir#"$PG_ROOT"}"
for program in "$bindir"/{postgres,postmaster,initdb,psql,pg_*,pgbench,createdb,dropdb,createuser,dropuser,vacuumdb,reindexdb,clusterdb}; do
    if [ -e "$program" ]; then cp -a "$program" "$COPY.new${bindir#"$PG_ROOT"}/"; fi
done
copy_tree "$("$PG_CONFIG" --pkglibdir)"
copy_tree "$("$PG_CONFIG" --sharedir)"
copy_tree "$("$PG_CONFIG" --includedir-server)"

echo "$version" >"$COPY.new/copied-from"
mv "$COPY.new" "$COPY"
sharedir="$("$PG_CONFIG" --sharedir)"
[ "$("$COPY_PG_CONFIG" --sharedir)" = "$COPY${sharedir#"$PG_ROOT"}" ] ||
    die "the copy of PostgreSQL in $COPY does not find its own files"
