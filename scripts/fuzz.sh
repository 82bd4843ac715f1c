#!/usr/bin/env bash
# Fuzzes the readers of what comes from outside: `scripts/fuzz.sh [SECONDS]` for each, ten minutes unless said otherwise.
# Finds go to fuzz/artifacts; one that was mended belongs into a test.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-600}
CARGO_FUZZ_VERSION=0.13.2
command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --version "$CARGO_FUZZ_VERSION" --locked --quiet
for target in shape log; do
    dictionary=fuzz/sql.dict
    [ "$target" = shape ] || dictionary=fuzz/log.dict
    mkdir -p "fuzz/corpus/$target"
    # Without a sanitizer it builds on a stable toolchain; all of our code is safe Rust, so that panics are what is looked for.
    cargo fuzz run --sanitizer none "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
        -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -max_len=16384 -dict="$dictionary"
done
