#!/usr/bin/env bash
# Builds the extension and installs it into our copy of PostgreSQL. PROFILE=release (default) or dev.
# Skips everything when neither the sources nor the profile changed.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
load_postgres
profile="${PROFILE:-release}"
case "$profile" in
release) flags=(--release) ;;
dev) flags=() ;;
*) die "PROFILE is release or dev, not $profile" ;;
esac

# Two builds at once would install into the copy at once.
exec 9>"$RUN_DIR/build.lock"
flock 9
"$REPO/scripts/pgcopy.sh"

cd "$REPO"
sources="$(find Cargo.toml Cargo.lock "$EXTENSION.control" src sql -type f -printf '%p %s %T@\n' | sort | cksum)"
built="$profile $sources"
if [ "$(cat "$COPY/built-from" 2>/dev/null)" = "$built" ]; then exit 0; fi

say "building $EXTENSION for PostgreSQL $PG_MAJOR ($profile)"
rm -f "$COPY/built-from"
cargo pgrx install "${flags[@]}" --pg-config "$COPY_PG_CONFIG" --no-default-features --features "$PG_FEATURE"
echo "$built" >"$COPY/built-from"
