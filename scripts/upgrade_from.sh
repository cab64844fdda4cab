#!/usr/bin/env bash
# pg_upgrade of a cluster with jobs from the PostgreSQL that is installed here to a later one: upgrade_from.sh 17|18 [VERSION]
# The earlier one, with the extension and the libraries that it alone needs, is copied to where the later one is. With
# VERSION its server is that of another Debian package: 15.20-0+deb12u1 marks every column in a way that no later major
# knows (pg_attver), so that pg_upgrade fails for any database; 15.18-0+deb12u1 does not.
# Needs what with_postgres.sh needs.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
load_postgres
to="${1:-18}"
[ -n "$(debian_of "$to")" ] || die "usage: upgrade_from.sh 17|18 [VERSION]"
[ "$PG_MAJOR" -lt "$to" ] || die "PostgreSQL $PG_MAJOR is installed here, which is not earlier than $to"
"$REPO/scripts/build.sh"
"$REPO/scripts/with_postgres.sh" "$to" make build

root="$(debian_root "$to")"
rm -rf "$root/srv/earlier"
cp -a "$COPY" "$root/srv/earlier"
if [ -n "${2:-}" ]; then
    fetched="$(mktemp -d)"
    trap 'rm -rf "$fetched"' EXIT
    # apt fetches as a user of its own.
    chmod 777 "$fetched"
    (cd "$fetched" && apt-get download -qq "postgresql-$PG_MAJOR=$2" && dpkg-deb --extract ./*.deb files)
    cp -a "$fetched/files$PG_ROOT/." "$root/srv/earlier"
fi
known="$(chroot "$root" /sbin/ldconfig -p | awk '{ print $1 }')"
# ldd complains of what is no program.
needed="$(find "$COPY" -type f \( -perm -u+x -o -name '*.so' \) -exec ldd {} + 2>/dev/null || true)"
awk '$2 == "=>" && $3 ~ /^\// { print $1, $3 }' <<<"$needed" | sort -u | while read -r name path; do
    if ! grep -qxF "$name" <<<"$known"; then cp -L "$path" "$root/usr/local/lib/$name"; fi
done
chroot "$root" /sbin/ldconfig
"$REPO/scripts/with_postgres.sh" "$to" env VEND_OLD="/srv/earlier$(dirname "${COPY_BIN#"$COPY"}")" make tap TESTS=012_jobs_upgrade.t
