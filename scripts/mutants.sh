#!/bin/sh
# Puts known faults into the executor, one after the other, and shows that the fault suite fails on each: it catches its author.
#
#   scripts/mutants.sh            every fault
#   scripts/mutants.sh FAULT...   only these
#
# tests/faults/mutants.patch adds the faults, each switched on by PGTAILOR_MUTANT; it is applied to a copy of the committed files in
# target/mutants, so that nothing here is touched, and built there once. Prints a line for each fault with the test that noticed it, and
# ends with 1 when one went unnoticed, or when the tests fail with no fault switched on.
set -eu

cd "$(dirname "$0")/.."

# The fault and the test that must notice it, a line each.
MUTANTS='lock-timeout waiting::f06
statement-timeout waiting::f08
blocking-lock waiting::f15
lock-elsewhere waiting::f16
orphans interruption::f23
plain-drop waiting::f13
drop-by-name idempotency::f36_a_drop
leftover-stays interruption::f18
error-is-the-truth interruption::f19
reply-is-the-truth waiting::f01
no-reconcile interruption::f24
ends-blockers waiting::f02
shows-detail harm::f48
tablespace pooler::f47
foreign-ledger replica::f98'

say() { printf 'mutants: %s\n' "$*"; }

copy=${MUTANTS_COPY:-target/mutants}
target=${CARGO_TARGET_DIR:-$PWD/target/mutants-build}
rm -rf "$copy"
mkdir -p "$copy"
git archive HEAD | tar -x -C "$copy"
# Outside of the repository's own history, or git would look for the files of the patch above the copy.
(cd "$copy" && git init --quiet && git apply --recount "$OLDPWD/tests/faults/mutants.patch")
suite() { (cd "$copy" && CARGO_TARGET_DIR="$target" cargo test --quiet --locked -p pgtailor-cli --test faults -- "$@"); }

log=$target/mutants.log
failed=0
suite --list >/dev/null 2>&1 || { say 'the faults do not compile: see' "cd $copy && cargo test -p pgtailor-cli --test faults"; exit 1; }
while read -r mutant test; do
    case " $* " in '  ' | *" $mutant "*) ;; *) continue ;; esac
    if ! PGTAILOR_MUTANT='' suite "$test" >"$log" 2>&1; then
        say "$mutant: $test fails without the fault, too; see $log"
        failed=1
        continue
    fi
    if PGTAILOR_MUTANT=$mutant suite "$test" >"$log" 2>&1; then
        say "$mutant: went unnoticed by $test"
        failed=1
    else
        say "$mutant: noticed by $test: $(grep -m 1 -A 1 'panicked at' "$log" | tail -n 1 | cut -c 1-100)"
    fi
done <<LIST
$MUTANTS
LIST
exit "$failed"
