//! Ctrl-C, death and lost servers at the worst moment: what is left is understood and repaired by the next run.

use std::io::Write as _;

use pgtailor_testkit::program::{Program, Running};
use pgtailor_testkit::server::Server;
use pgtailor_testkit::session::Session;
use pgtailor_testkit::{shop, wait_until};

const PGTAILOR: &str = env!("CARGO_BIN_EXE_pgtailor");
const CATALOG: &str = "[[index]]\nname = \"idx_status\"\ntable = \"orders\"\ncolumns = [\"status\"]\n\n\
                       [[index]]\nname = \"idx_total\"\ntable = \"orders\"\ncolumns = [\"total\"]\n";

/// What another session holds while the index is built.
#[derive(Clone, Copy)]
enum Holds {
    /// A write on the table: the build waits before it begins; the index is there, neither valid nor ready.
    Writer,
    /// A snapshot: the build waits before it ends; the index is ready, so writes maintain it, but not valid.
    Snapshot,
}

struct Fixture {
    server: Server,
    pgtailor: Program,
    catalog: tempfile::NamedTempFile,
}

impl Fixture {
    fn new() -> Self {
        let server = Server::start();
        let url = shop::create(&server, "shop");
        let mut catalog = tempfile::Builder::new().suffix(".toml").tempfile().expect("a file");
        catalog.write_all(CATALOG.as_bytes()).expect("written");
        Self { pgtailor: Program::new(PGTAILOR).on(&url), server, catalog }
    }

    fn arguments(&self) -> Vec<&str> {
        vec!["optimize", "--yes", "--catalog", self.catalog.path().to_str().expect("UTF-8")]
    }

    /// Begins a build that waits for the returned session.
    fn blocked(&self, holds: Holds) -> (Running, Session) {
        let mut session = Session::open(&self.server, "shop");
        let phase = match holds {
            Holds::Writer => {
                session.sql("BEGIN; UPDATE orders SET total = total WHERE id = 5");
                "waiting for writers before build"
            }
            Holds::Snapshot => {
                session.sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM customers LIMIT 1");
                "waiting for old snapshots"
            }
        };
        let running = self.pgtailor.start(&self.arguments());
        wait_until(phase, || self.phase() == phase);
        (running, session)
    }

    fn phase(&self) -> String {
        self.server.sql("shop", "SELECT phase FROM pg_stat_progress_create_index")
    }

    fn states(&self) -> String {
        self.server.sql("shop", "SELECT state FROM pgtailor.change ORDER BY id")
    }

    /// At rest, and after one more run everything is as it should be.
    fn next_run_completes(&self) {
        self.pgtailor.run(&self.arguments()).expect_code(0);
        assert_eq!(self.server.invalid_indexes("shop"), "");
        let names = self
            .server
            .sql("shop", "SELECT relname FROM pg_class WHERE relname LIKE '%idx\\_%' OR relname LIKE '\\_pgt%' ORDER BY 1");
        assert_eq!(names, "idx_status\nidx_total", "{}", self.states());
        let open = "SELECT count(*) FROM pgtailor.change WHERE state NOT IN ('applied', 'failed', 'rolled-back')";
        assert_eq!(self.server.sql("shop", open), "0", "{}", self.states());
    }
}

#[test]
fn ctrl_c_cancels_the_build_and_cleans_up() {
    let fixture = Fixture::new();
    let (running, mut writer) = fixture.blocked(Holds::Writer);
    running.signal("INT");
    // The leftover's drop waits for the same writer; the writer ends while it does.
    wait_until("the build is cancelled", || fixture.phase().is_empty());
    writer.sql("COMMIT");
    let run = running.ended();
    assert_eq!(run.code, Some(2), "{}\n{}", run.out, run.err);
    assert_eq!(fixture.server.invalid_indexes("shop"), "", "{}\n{}", run.out, run.err);
    fixture.next_run_completes();
}

#[test]
fn ctrl_c_twice_ends_at_once_and_the_next_run_repairs() {
    let fixture = Fixture::new();
    let (running, mut snapshot) = fixture.blocked(Holds::Snapshot);
    running.signal("INT");
    running.signal("INT");
    let run = running.ended();
    assert_eq!(run.code, Some(2), "{}\n{}", run.out, run.err);
    snapshot.sql("COMMIT");
    wait_until("the server has ended the build", || {
        fixture.server.sql("shop", "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgtailor%'") == "0"
    });
    fixture.next_run_completes();
}

#[test]
fn a_killed_program_is_taken_over_by_the_next_run() {
    for holds in [Holds::Writer, Holds::Snapshot] {
        let fixture = Fixture::new();
        let (running, mut session) = fixture.blocked(holds);
        running.signal("KILL");
        running.ended();
        session.sql("COMMIT");
        // The orphaned builder either finishes or notices that its client is gone; until then it holds the advisory lock.
        wait_until("the builder is gone", || {
            fixture.server.sql("shop", "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgtailor%'") == "0"
        });
        fixture.next_run_completes();
    }
}

#[test]
fn a_terminated_builder_leaves_nothing() {
    let fixture = Fixture::new();
    let (running, mut writer) = fixture.blocked(Holds::Writer);
    fixture.server.sql(
        "shop",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgtailor: builder' AND state = 'active'",
    );
    wait_until("the build has ended", || fixture.phase().is_empty());
    writer.sql("COMMIT");
    let run = running.ended();
    assert_eq!(run.code, Some(2), "{}\n{}", run.out, run.err);
    assert_eq!(fixture.server.invalid_indexes("shop"), "", "{}\n{}", run.out, run.err);
    fixture.next_run_completes();
}

#[test]
fn a_server_that_crashes_is_asked_again() {
    let mut fixture = Fixture::new();
    let (running, session) = fixture.blocked(Holds::Snapshot);
    fixture.server.crash();
    drop(session);
    let run = running.ended();
    assert_eq!(run.code, Some(2), "{}\n{}", run.out, run.err);
    assert_eq!(fixture.server.invalid_indexes("shop"), "", "{}\n{}", run.out, run.err);
    fixture.next_run_completes();
}

/// A role that ends statements after a moment would leave an invalid index: the builder's own settings hold.
#[test]
fn timeouts_of_the_role_do_not_reach_the_builder() {
    let fixture = Fixture::new();
    fixture
        .server
        .sql("shop", "ALTER ROLE postgres SET statement_timeout = '300ms'; ALTER ROLE postgres SET lock_timeout = '200ms'");
    let (running, mut writer) = fixture.blocked(Holds::Writer);
    fixture.server.sql("shop", "SET statement_timeout = 0; SELECT pg_sleep(1)");
    assert_eq!(fixture.phase(), "waiting for writers before build", "it still waits");
    writer.sql("COMMIT");
    let _ = running.ended().expect_code(0);
    fixture.next_run_completes();
}

/// A leftover of somebody else is not ours to touch.
#[test]
fn a_foreign_invalid_index_stays() {
    let fixture = Fixture::new();
    let url = fixture.server.lab.url("shop");
    let mut writer = Session::open(&fixture.server, "shop");
    writer.sql("BEGIN; UPDATE orders SET total = total WHERE id = 5");
    let output = fixture.server.try_sql(&url, "SET lock_timeout = '100ms'").status.success();
    assert!(output);
    let timeout_url = format!("{url}?options=-c%20lock_timeout%3D100ms");
    let failed = fixture.server.try_sql(&timeout_url, "CREATE INDEX CONCURRENTLY somebody_elses ON orders (created_at)");
    assert!(!failed.status.success(), "the build was cut off");
    writer.sql("COMMIT");
    fixture.pgtailor.run(&fixture.arguments()).expect_code(0);
    assert_eq!(fixture.server.invalid_indexes("shop"), "somebody_elses");
}

/// Undo drops by identity: an index that took the name of ours meanwhile stays.
#[test]
fn undo_never_drops_an_index_that_only_has_the_name() {
    let fixture = Fixture::new();
    fixture.pgtailor.run(&fixture.arguments()).expect_code(0);
    fixture.server.sql("shop", "DROP INDEX idx_status; CREATE INDEX idx_status ON orders (id, status)");
    let run = fixture.pgtailor.run(&["undo", "--all", "--yes"]);
    assert!(run.code == Some(0) || run.code == Some(2), "{}\n{}", run.out, run.err);
    assert_eq!(fixture.server.sql("shop", "SELECT relname FROM pg_class WHERE relname LIKE 'idx\\_%'"), "idx_status");
}

/// `REINDEX CONCURRENTLY` gives an index another OID: it is still ours, and undo drops it rather than only saying so.
#[test]
fn undo_finds_an_index_that_was_rebuilt_meanwhile() {
    let fixture = Fixture::new();
    fixture.pgtailor.run(&fixture.arguments()).expect_code(0);
    fixture.server.sql("shop", "REINDEX INDEX CONCURRENTLY idx_status");
    fixture.pgtailor.run(&["undo", "--all", "--yes"]).expect_code(0);
    assert_eq!(
        fixture.server.sql("shop", "SELECT relname FROM pg_class WHERE relname LIKE 'idx\\_%' OR relname LIKE '\\_pgt%'"),
        ""
    );
}
