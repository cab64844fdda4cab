#!/usr/bin/env bash
# Checks that the crate compiles for PostgreSQL releases that are not installed: majors.sh [MAJOR ...], or 15 to 18. The
# declarations come from the bindings that pgrx ships for its documentation, so nothing is linked or run. With CARGO=clippy it
# is clippy that checks.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
load_postgres
majors=("$@")
if [ $# -eq 0 ]; then majors=(15 16 17 18); fi

# Another source of pgrx-pg-sys would change Cargo.lock, hence a copy.
work="$REPO/target/majors"
shipped="$(cd "$REPO" && cargo metadata --format-version 1 --locked --features pg15 |
    grep -oE '"[^"]*/pgrx-pg-sys-[0-9.]+/Cargo.toml"' | head -n 1 | tr -d '"')"
rm -rf "$work/crate" "$work/pg-sys"
mkdir -p "$work/crate"
cp -r "$(dirname "$shipped")" "$work/pg-sys"
cp -r "$REPO"/{src,sql,Cargo.toml,Cargo.lock,"$EXTENSION.control"} "$work/crate"
cat >"$work/pg-sys/bindgen.rs" <<'END'
fn main() {
    let out = std::env::var("OUT_DIR").unwrap();
    for entry in std::fs::read_dir("src/include").unwrap() {
        let file = entry.unwrap();
        std::fs::copy(file.path(), std::path::Path::new(&out).join(file.file_name())).unwrap();
    }
}
END
# Nothing else is needed to build it.
sed -i '/^\[build-dependencies/,/^$/d' "$work/pg-sys/Cargo.toml"

cd "$work/crate"
failed=()
for major in "${majors[@]}"; do
    say "majors: cargo ${CARGO:-check} for PostgreSQL $major"
    cargo "${CARGO:-check}" --quiet --config "patch.crates-io.pgrx-pg-sys.path=\"$work/pg-sys\"" --target-dir "$work/target" \
        --no-default-features --features "pg$major" || failed+=("$major")
done
[ "${#failed[@]}" -eq 0 ] || die "does not compile for ${failed[*]}"
