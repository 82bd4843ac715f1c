#!/usr/bin/env bash
# Prints the figures that this project claims about itself, each beside the limit it must keep. Wall-clock times of this machine.
set -euo pipefail
cd "$(dirname "$0")/.."

# Prints a name, a measured value with its unit, and the limit.
figure() { printf '%-44s %10s   limit %s\n' "$1" "$2" "$3"; }

# The seconds from starting the program to a lab that answers, once. The lab ends when its standard input does.
lab_start() {
    local started=$EPOCHREALTIME ready url
    coproc LAB { "$1"; }
    local input=${LAB[1]} pid=$LAB_PID
    read -r url <&"${LAB[0]}"
    ready=$EPOCHREALTIME
    exec {input}>&-
    wait "$pid"
    [ -n "$url" ]
    awk -v from="$started" -v to="$ready" 'BEGIN { printf "%.2f\n", to - from }'
}

cargo build --release --locked --quiet -p pgtailor-lab --example hold
folder=${CARGO_TARGET_DIR:-target}/release/examples
median=$(for _ in 1 2 3 4 5; do lab_start "$folder/hold"; done | sort -n | sed -n 3p)
figure 'lab: from start to ready, median of 5' "$median s" '2 s'

# Prints its own figures: seconds and resident memory of one capture of a database with 10,000 tables.
cargo run --release --locked --quiet -p pgtailor-postgres --example capture_many

# Prints its own figures: the speed of reading server logs of each format, and resident memory.
cargo run --release --locked --quiet -p pgtailor-log --example read_log

# The seconds of understanding 100,000 distinct statements.
seconds=$(cargo run --release --locked --quiet -p pgtailor-sql --example understand_many)
figure 'sql: 100,000 statements understood' "$seconds s" '20 s'

# Prints its own figures: seconds from recorded statements to bound ones.
cargo run --release --locked --quiet -p pgtailor-postgres --example bind_many

# Prints its own figures: seconds and bytes of captures for a twin, and of raising one.
cargo run --release --locked --quiet -p pgtailor-twin --example raise_many 2000 raise
cargo run --release --locked --quiet -p pgtailor-twin --example raise_many 10000

# Prints its own figures: seconds and resident memory of the checks of 10,000 tables with 30,000 indexes and 5,000 statements.
cargo run --release --locked --quiet -p pgtailor --example check_many

# Prints its own figures: what-if answers of a twin and of HypoPG against built indexes, and how fast a twin answers.
cargo run --release --locked --quiet -p pgtailor-twin --example what_if_bench

# Prints its own figures: what advice is worth on TPC-H, really built, beside the best answers of other advisors.
cargo run --release --locked --quiet -p pgtailor --example advise_bench

# Prints its own figures: what advice is worth beside the whole declared catalog of the blueprint, measured.
cargo run --release --locked --quiet -p pgtailor --example advise_blueprint

# Prints its own figures: seconds, plannings and resident memory of advice for 2,000 statements over 300 tables.
cargo run --release --locked --quiet -p pgtailor --example advise_many
