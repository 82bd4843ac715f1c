#!/bin/sh
# Installs what building, testing and the demo need, and nothing that is there already.
#
#   scripts/setup.sh         Rust (checked only), C compiler, libclang, PostgreSQL server with contrib, HypoPG, pg_qualstats,
#                            PgBouncer
#   scripts/setup.sh lint    also rustfmt, clippy and cargo-deny
#   scripts/setup.sh exact   only what HiGHS is compiled with: CMake, a C++ compiler, libclang
#
# Safe to repeat: with nothing missing it only looks, in well under a second. On Debian and Ubuntu it installs as root or with a
# password-free sudo; anywhere else it prints the command to run and ends with 1. It starts no server and leaves no cluster behind.
set -eu

cd "$(dirname "$0")/.."
CARGO_DENY_VERSION=0.20.2

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$1"; shift; for line in "$@"; do printf '\n    %s\n' "$line" >&2; done; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
any_file() { for file in "$@"; do [ -e "$file" ] && return 0; done; return 1; }

# True when version $1 is at least version $2; both are major.minor.
at_least() { [ "${1%%.*}" -gt "${2%%.*}" ] || { [ "${1%%.*}" -eq "${2%%.*}" ] && [ "${1#*.}" -ge "${2#*.}" ]; }; }

# Rust is the user's own choice of toolchain, so it is checked and never installed.
check_rust() {
    needed=$(sed -n 's/^rust-version = "\([0-9]*\.[0-9]*\).*/\1/p' Cargo.toml)
    install="curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y && . \"\$HOME/.cargo/env\""
    if ! have cargo || ! have rustc; then
        die "Rust $needed or newer is missing; install it from https://rustup.rs, then try again:" "$install"
    fi
    found=$(rustc --version | sed 's/^rustc \([0-9]*\.[0-9]*\).*/\1/')
    if ! at_least "$found" "$needed"; then
        if have rustup; then install='rustup update stable'; fi
        die "Rust $found is too old, $needed or newer is needed; run this, then try again:" "$install"
    fi
}

# libclang and the compiler's own headers, with which pg_query's build script reads C headers. The pattern leaves out
# libclang-cpp, which is another library; the runtime package alone lacks the headers.
have_libclang() {
    [ -n "${LIBCLANG_PATH:-}" ] && return 0
    any_file /usr/lib/llvm*/lib/libclang.so /usr/lib/llvm*/lib/libclang-[0-9]*.so /usr/lib*/libclang.so /usr/local/lib/libclang.so || return 1
    any_file /usr/lib/llvm*/lib/clang/*/include/stddef.h /usr/lib*/clang/*/include/stddef.h /usr/local/lib/clang/*/include/stddef.h
}

# The newest major version of a server in Debian's folders that has the contrib modules; nothing when there is none.
debian_server() {
    for control in /usr/share/postgresql/*/extension/pg_stat_statements.control; do
        major=${control#/usr/share/postgresql/}
        major=${major%%/*}
        if [ -x "/usr/lib/postgresql/$major/bin/postgres" ]; then echo "$major"; fi
    done | sort -n | tail -n 1
}

# Runs a command as root.
as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi; }
may_install() { [ "$(id -u)" -eq 0 ] || { have sudo && sudo -n true 2>/dev/null; }; }

# Installs the packages named, or says how. While they are configured, a drop-in file keeps PostgreSQL's from creating (and starting) a
# system cluster, and a policy keeps PgBouncer's from starting a service: neither is our business. A machine that has its own settings
# for either keeps them.
apt_install() {
    command="apt-get update && apt-get install -y $*"
    may_install || die "missing: $*; run this, then try again:" "sudo sh -c '$command'"
    say "installing $*"
    drop_in=/etc/postgresql-common/createcluster.d/pgtailor-setup.conf
    policy=/usr/sbin/policy-rc.d
    if [ -e "$policy" ]; then policy=; fi
    # shellcheck disable=SC2086  # the policy's path, or nothing
    trap 'as_root rm -f "$drop_in" $policy' EXIT
    if [ -n "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        as_root mkdir -p "${drop_in%/*}"
        echo 'create_main_cluster = false' | as_root tee "$drop_in" >/dev/null
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=120 "$@" >&2 ||
        die "apt-get could not install $*; run this to see why:" "sudo sh -c '$command'"
    # shellcheck disable=SC2086  # the policy's path, or nothing
    as_root rm -f "$drop_in" $policy
    trap - EXIT
}

# The major version that the distribution's `postgresql` package stands for.
debian_candidate() { apt-cache show --no-all-versions postgresql 2>/dev/null | sed -n 's/^Depends:.*postgresql-\([0-9][0-9]*\).*/\1/p'; }

setup_debian() {
    missing=
    have cc || missing="$missing gcc libc6-dev"
    have make || missing="$missing make"
    have_libclang || missing="$missing libclang-dev"
    major=$(debian_server)
    hypopg=
    qualstats=
    if [ -z "$major" ]; then
        missing="$missing postgresql postgresql-contrib"
    else
        [ -e "/usr/share/postgresql/$major/extension/hypopg.control" ] || hypopg=wanted
        [ -e "/usr/share/postgresql/$major/extension/pg_qualstats.control" ] || qualstats=wanted
    fi
    have psql || missing="$missing postgresql-client"
    # Only tests need it: a pooler that shares sessions must be refused, and only a real one shows whether it is.
    any_file /usr/sbin/pgbouncer /usr/local/bin/pgbouncer || have pgbouncer || missing="$missing pgbouncer"
    [ -n "$missing$hypopg$qualstats" ] || return 0

    if may_install; then as_root apt-get update -qq >&2 || say "apt-get update failed; trying with the package lists that are here"; fi
    [ -n "$major" ] || major=$(debian_candidate)
    # HypoPG only serves some tests and the fallback planner, and not every server version has a package of it.
    if [ -n "$major" ] && [ ! -e "/usr/share/postgresql/$major/extension/hypopg.control" ]; then
        if apt-cache show "postgresql-$major-hypopg" >/dev/null 2>&1; then
            missing="$missing postgresql-$major-hypopg"
        else
            say "no package postgresql-$major-hypopg here; going on without HypoPG"
        fi
    fi
    # pg_qualstats only serves the test that reads its examples.
    if [ -n "$major" ] && [ ! -e "/usr/share/postgresql/$major/extension/pg_qualstats.control" ]; then
        if apt-cache show "postgresql-$major-pg-qualstats" >/dev/null 2>&1; then
            missing="$missing postgresql-$major-pg-qualstats"
        else
            say "no package postgresql-$major-pg-qualstats here; going on without pg_qualstats"
        fi
    fi
    # shellcheck disable=SC2086  # a list of package names
    [ -z "$missing" ] || apt_install $missing
}

setup_macos() {
    have cc || die "a C compiler and libclang are missing; run this, then try again:" "xcode-select --install"
    have postgres || any_file /opt/homebrew/opt/postgresql@*/bin/postgres /usr/local/opt/postgresql@*/bin/postgres ||
        die "a PostgreSQL server is missing; run this, then try again:" "brew install postgresql@17"
}

# Elsewhere nothing is installed: the names of packages differ too much to guess.
setup_other() {
    absent=
    have cc || absent="$absent, a C compiler"
    have_libclang || absent="$absent, libclang with its headers"
    have postgres || [ -n "$(debian_server)" ] || any_file /usr/pgsql-*/bin/postgres || absent="$absent, a PostgreSQL server with its contrib modules"
    [ -z "$absent" ] || die "missing: ${absent#, }; install them with this system's package manager, then run this again"
}

setup_lint() {
    if ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
        have rustup || die "rustfmt or clippy is missing; install them with the package manager that Rust came from"
        rustup component add rustfmt clippy >&2 || die "rustup could not add rustfmt and clippy"
    fi
    if ! have cargo-deny && [ ! -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo-deny" ]; then
        say "installing cargo-deny $CARGO_DENY_VERSION with cargo; this compiles it and takes some minutes, once"
        cargo install cargo-deny --version "$CARGO_DENY_VERSION" --locked --quiet
    fi
}

# What the build script of highs-sys calls; without one of them it stops with pages of its own words.
setup_exact() {
    missing=
    absent=
    have cmake || { missing="$missing cmake"; absent="$absent, cmake"; }
    have c++ || { missing="$missing g++"; absent="$absent, a C++ compiler"; }
    have_libclang || { missing="$missing libclang-dev"; absent="$absent, libclang with its headers"; }
    [ -n "$missing" ] || return 0
    have apt-get || die "missing for the exact solution: ${absent#, }; install them with this system's package manager, then run this again"
    # shellcheck disable=SC2086  # a list of package names
    apt_install $missing
}

check_rust
if [ "${1:-}" = exact ]; then
    setup_exact
    exit 0
fi
case "$(uname -s)" in
    Darwin) setup_macos ;;
    *) if have apt-get; then setup_debian; else setup_other; fi ;;
esac
case "${1:-}" in
    '') ;;
    lint) setup_lint ;;
    *) die "unknown argument '$1'; there are only 'lint' and 'exact'" ;;
esac
