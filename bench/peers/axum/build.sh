#!/usr/bin/env bash
# Build the axum peer from the Rust crates that Debian sid packages, through the mirror this machine
# already uses: build.sh OUTPUT. Needs cargo, apt and curl; takes about a minute; installs nothing.
# Writes the versions of the crates that matter to OUTPUT.versions.
set -euo pipefail

out=$(realpath -m "${1:?usage: build.sh OUTPUT}")
here=$(cd "$(dirname "$0")" && pwd)

for tool in cargo apt-get curl dpkg; do
    command -v "$tool" >/dev/null || { echo "axum needs $tool to build" >&2; exit 1; }
done
mirror=$(apt-get indextargets --format '$(SITE)' | grep -m1 debian) ||
    { echo "axum builds from Debian's crates, and apt names no Debian mirror" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists/partial,cache/archives/partial,debs,crates} "$(dirname "$out")"
touch "$work/status"
echo "deb [trusted=yes] $mirror sid main" >"$work/sid.list"

# An apt of its own: sid's lists, an empty status file, nothing of the machine's.
sid() {
    apt-get \
        -o Dir::Etc::sourcelist="$work/sid.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::State::Lists="$work/lists" -o Dir::State::status="$work/status" \
        -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root "$@"
}
sid update -qq
sid install -y --no-install-recommends --print-uris \
    librust-axum-dev librust-tokio-dev librust-hyper-dev librust-serde-dev librust-serde-json-dev 2>/dev/null |
    awk -F"'" '/librust-/ { print $2 }' | grep '^http' |
    (cd "$work/debs" && xargs -P 8 -n 8 sh -c 'for url; do curl -sfO "$url" || exit 255; done' _)
for deb in "$work"/debs/librust-*.deb; do
    dpkg -x "$deb" "$work/crates"
done

cp -r "$here" "$work/axum"
mkdir -p "$work/axum/.cargo"
cat >"$work/axum/.cargo/config.toml" <<CONFIG
[source.crates-io]
replace-with = "debian"
[source.debian]
directory = "$work/crates/usr/share/cargo/registry"
CONFIG
cd "$work/axum"
cargo build --release --offline -q
awk -F'"' '/^name = "(axum|hyper|tokio)"$/ { name = $2 } name && /^version/ { print name, $2; name = "" }' \
    Cargo.lock >"$out.versions"
cp target/release/axum-peer "$out"
