#!/usr/bin/env bash
# Builds the program of rust/, which logs with `tracing` as Bitacora does, and prints `built PATH`.
#
# It is built once per version of its source. Every failure is one line on stderr and a
# non-zero exit (3 tools or crates not to be had).
#
# Environment: BITACORA_SERVERS (cache, default ~/.cache/bitacora-servers).
# Needs: cargo, bash, flock, sha256sum.
set -euo pipefail

SRC=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/rust
CACHE=${BITACORA_SERVERS:-$HOME/.cache/bitacora-servers}
PATH=$PATH:$HOME/.cargo/bin

die() { echo "rust: $*" >&2; exit 3; }

command -v sha256sum >/dev/null || die "needs sha256sum"
home=$CACHE/rust-$(cat "$SRC/Cargo.toml" "$SRC/Cargo.lock" "$SRC"/src/*.rs | sha256sum | cut -c1-12)
mkdir -p "$home" || die "cannot make $home"
exec 9>"$home.lock"
flock 9
if [ ! -x "$home/bitacora-logs" ]; then
    command -v cargo >/dev/null || die "needs cargo"
    if ! (cd "$SRC" && CARGO_TARGET_DIR=$home/target cargo build --release --locked) >"$home/build.log" 2>&1 </dev/null; then
        why=$(grep -m 1 '^error' "$home/build.log" | sed 's#[a-z]*://[^ )`]*#the registry#g' | cut -c1-240)
        die "cannot build: ${why:-cargo failed}"
    fi
    mv "$home/target/release/bitacora-logs" "$home/bitacora-logs"
    rm -rf "$home/target"
fi
echo "built $home/bitacora-logs"
