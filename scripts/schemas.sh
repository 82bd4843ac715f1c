#!/usr/bin/env bash
# Checks schemas that others wrote: what their authors would say to each finding is the test.
#
#   scripts/schemas.sh              airflow, oscar, pulp and wagtail
#   scripts/schemas.sh NAME...      only these
#
# Each is a public Python package, installed with pip into a temporary folder, which is removed in the end. Its own migrations make the
# schema in a lab, which ends with this script; every table is filled with rows that satisfy its keys (scripts/schemas/fill.sql), and used as
# pages of such an application do (scripts/schemas/use_*.py). Prints the tables, the indexes, the seconds of `pgtailor check`, beside its
# limit, and the findings. The rows are made, so are the counters: a finding says something of the schema and of the check, and nothing of
# how the application is used. Needs Python 3.10 or newer, and psql. Ends with 1 when a check took too long or a schema could not be loaded.
set -euo pipefail
cd "$(dirname "$0")/.."

ALL='airflow oscar pulp wagtail'
ROWS=${ROWS:-20000}
USE_SECONDS=${USE_SECONDS:-60}
LIMIT_SECONDS=5

say() { printf 'schemas: %s\n' "$*" >&2; }
die() { say "$1"; exit 1; }

# The packages that hold the schema $1, and what they need to connect.
packages() {
    case $1 in
        airflow) echo apache-airflow psycopg2-binary asyncpg ;;
        oscar) echo django-oscar psycopg2-binary ;;
        pulp) echo pulpcore ;;
        wagtail) echo wagtail psycopg2-binary ;;
        *) die "no schema is called '$1'; there are $ALL" ;;
    esac
}

# Runs $2... in the environment of the schema $1, whose database is at $DATABASE_URL.
within() {
    local name=$1
    shift
    env PATH="$work/$name/bin:$PATH" PYTHONPATH="$PWD/scripts/schemas" DJANGO_SETTINGS_MODULE="$(settings "$name")" \
        PULP_SETTINGS="$PWD/scripts/schemas/pulp_settings.py" PULP_KEY_FILE="$work/pulp.key" AIRFLOW_HOME="$work/airflow-home" \
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN="${DATABASE_URL/#postgres:/postgresql+psycopg2:}" "$@"
}

settings() {
    case $1 in
        pulp) echo pulpcore.app.settings ;;
        *) echo "$1_settings" ;;
    esac
}

migrate() {
    case $1 in
        airflow) within "$1" airflow db migrate ;;
        *) within "$1" python -m django migrate --skip-checks --verbosity 0 ;;
    esac
}

use() {
    case $1 in
        airflow) within "$1" python scripts/schemas/use_tables.py "$USE_SECONDS" ;;
        *) within "$1" python scripts/schemas/use_models.py "$USE_SECONDS" ;;
    esac
}

# How many relations of the kind $1 there are.
count() { psql -XAtq -d "$DATABASE_URL" -c "SELECT count(*) FROM pg_class WHERE relkind = '$1' AND relnamespace = 'public'::regnamespace"; }

# Loads, fills, uses and checks the schema $1.
run() {
    local name=$1 log=$work/$1.log started ended seconds
    say "installing $name"
    python3 -m venv "$work/$name"
    # shellcheck disable=SC2046
    "$work/$name/bin/pip" install --quiet --disable-pip-version-check $(packages "$name") >"$log" 2>&1 || return 1
    psql -XAtq -d "$url" -c "CREATE DATABASE $name"
    export DATABASE_URL=${url%/postgres}/$name
    psql -XAtq -d "$DATABASE_URL" -c 'CREATE EXTENSION pg_stat_statements'
    say "migrating, filling and using $name"
    migrate "$name" >>"$log" 2>&1 || return 1
    psql -Xq -v rows="$ROWS" -d "$DATABASE_URL" -f scripts/schemas/fill.sql >>"$log" 2>&1 || return 1
    use "$name" >>"$log" 2>&1 || return 1
    started=$EPOCHREALTIME
    "$program" check --quiet --database "$DATABASE_URL" >"$work/$name.txt" || [ $? -eq 1 ] || return 1
    ended=$EPOCHREALTIME
    seconds=$(awk -v from="$started" -v to="$ended" 'BEGIN { printf "%.2f", to - from }')
    printf '%s: %s tables, %s indexes, checked in %s s (limit %s s)\n\n' "$name" "$(count r)" "$(count i)" "$seconds" "$LIMIT_SECONDS"
    cat "$work/$name.txt"
    awk -v seconds="$seconds" -v limit="$LIMIT_SECONDS" 'BEGIN { exit seconds > limit }' || failed=1
}

# shellcheck disable=SC2086
[ $# -gt 0 ] || set -- $ALL
for name in "$@"; do packages "$name" >/dev/null; done
command -v python3 >/dev/null || die 'python3 is missing, with its module venv'
command -v psql >/dev/null || die 'psql is missing; scripts/setup.sh installs it'
cargo build --release --locked --quiet -p pgtailor-cli
cargo build --locked --quiet -p pgtailor-lab --example hold
target=${CARGO_TARGET_DIR:-target}
program=$target/release/pgtailor

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
head -c 32 /dev/urandom | base64 | tr '+/' '-_' >"$work/pulp.key"
# The lab ends when its standard input does.
coproc LAB { "$target/debug/examples/hold" with shared_preload_libraries=pg_stat_statements; }
read -r url <&"${LAB[0]}"
failed=0
for name in "$@"; do
    if ! run "$name"; then
        say "$name could not be loaded; the end of its log:"
        tail -n 20 "$work/$name.log" >&2
        failed=1
    fi
done
exit "$failed"
