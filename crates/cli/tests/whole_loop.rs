//! The whole loop on a database that is no blueprint: analyze, dry run, apply, apply again, undo.

use std::io::Write as _;

use pgtailor_testkit::probe::{self, Probe};
use pgtailor_testkit::program::Program;
use pgtailor_testkit::server::Server;
use pgtailor_testkit::shop;
use serde_json::Value;

const PGTAILOR: &str = env!("CARGO_BIN_EXE_pgtailor");

fn catalog() -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().expect("a file");
    file.write_all(shop::CATALOG.as_bytes()).expect("written");
    file
}

fn names(server: &Server) -> String {
    server.sql(
        "shop",
        "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname NOT IN ('pg_catalog', 'pg_toast', 'pgtailor') AND i.indisvalid ORDER BY 1",
    )
}

#[test]
fn analyze_dry_run_apply_again_and_undo() {
    let server = Server::with_settings(probe::SETTINGS);
    let url = shop::create(&server, "shop");
    let file = catalog();
    let path = file.path().to_str().expect("UTF-8");
    let pgtailor = Program::new(PGTAILOR).on(&url);
    let before = server.dump("shop");
    let names_before = names(&server);

    let analysis = pgtailor.run(&["optimize", "--analyze-only", "--catalog", path]);
    assert_eq!(analysis.code, Some(1), "{}", analysis.err);
    let dry = pgtailor.run(&["optimize", "--dry-run", "--catalog", path]).expect_code(0);
    assert!(dry.out.contains("CREATE INDEX CONCURRENTLY idx_orders_customer_created"), "{}", dry.out);
    assert!(dry.out.contains("DROP INDEX CONCURRENTLY"), "the inverse is shown:\n{}", dry.out);
    assert_eq!(server.dump_all("shop"), before, "neither analysis nor dry run changes anything");

    // What the dry run prints as SQL is what psql can run: on a copy, it builds the same indexes.
    let script = pgtailor.run(&["optimize", "--dry-run", "--catalog", path, "--format", "sql"]).expect_code(0);
    server.sql("postgres", "CREATE DATABASE copy TEMPLATE shop");
    let mut sql = tempfile::NamedTempFile::new().expect("a file");
    sql.write_all(script.out.as_bytes()).expect("written");
    let ran = server.run_file("copy", sql.path());
    assert!(ran.status.success(), "{}\n{}", script.out, String::from_utf8_lossy(&ran.stderr));

    let probe = Probe::begin(
        &server,
        "shop",
        &["SELECT count(*) FROM orders WHERE id < 100", "UPDATE orders SET total = total WHERE id = 7"],
    );
    let applied = pgtailor.run(&["optimize", "--yes", "--catalog", path, "--format", "json"]).expect_code(0);
    assert_eq!(probe.waits(&server), Vec::<String>::new(), "the application waited");
    let json: Value = serde_json::from_str(&applied.out).expect("JSON");
    assert_eq!(json["schema_version"], 1);
    let expected = [
        "Käufe nach Größe; drop table orders; --",
        "idx_customers_lower_email",
        "idx_customers_name",
        "idx_orders_customer_created",
        "idx_orders_open",
    ];
    let new: Vec<String> =
        names(&server).lines().filter(|name| !names_before.lines().any(|old| old == *name)).map(str::to_owned).collect();
    let mut sorted = new.clone();
    sorted.sort();
    assert_eq!(sorted, expected, "exactly what is missing and not redundant");
    assert_eq!(server.invalid_indexes("shop"), "");
    assert_eq!(server.dump("shop"), server.dump("copy"), "the same as the script that the dry run printed");

    let history = pgtailor.run(&["history"]).expect_code(0);
    for name in expected.iter().filter(|name| name.is_ascii()) {
        assert!(history.out.contains(name), "{name} is missing in\n{}", history.out);
    }

    let again = pgtailor.run(&["optimize", "--yes", "--catalog", path]).expect_code(0);
    assert!(format!("{}{}", again.out, again.err).contains("othing to do"), "{}\n{}", again.out, again.err);

    pgtailor.run(&["undo", "--all", "--yes"]).expect_code(0);
    assert_eq!(server.dump("shop"), before, "undo takes everything back");
    assert_eq!(names(&server), names_before);
    let nothing = pgtailor.run(&["undo", "--all", "--yes", "--remove-ledger"]).expect_code(0);
    assert!(!nothing.err.contains("error"), "{}", nothing.err);
    assert_eq!(server.dump_all("shop"), before, "and without the ledger not a trace is left");
}

#[test]
fn one_entry_is_taken_back_by_its_number() {
    let server = Server::start();
    let url = shop::create(&server, "shop");
    let file = catalog();
    let pgtailor = Program::new(PGTAILOR).on(&url);
    pgtailor.run(&["optimize", "--yes", "--catalog", file.path().to_str().expect("UTF-8")]).expect_code(0);
    let id = server.sql("shop", "SELECT id FROM pgtailor.change WHERE change ->> 'name' = 'idx_orders_open'");
    pgtailor.run(&["undo", &id, "--yes"]).expect_code(0);
    assert!(!names(&server).contains("idx_orders_open"));
    assert!(names(&server).contains("idx_customers_name"));
    pgtailor.run(&["undo", &id, "--yes"]).expect_error(&["rolled-back", "nothing to take back"]);
    pgtailor.run(&["undo", "4711", "--yes"]).expect_error(&["no entry 4711"]);
}

#[test]
fn policy_all_creates_the_redundant_ones_too() {
    let server = Server::start();
    let url = shop::create(&server, "shop");
    let file = catalog();
    let path = file.path().to_str().expect("UTF-8");
    let pgtailor = Program::new(PGTAILOR).on(&url);
    pgtailor.run(&["optimize", "--yes", "--catalog", path, "--catalog-policy", "all"]).expect_code(0);
    for name in ["idx_orders_customer", "idx_orders_id", "idx_orders_customer_created"] {
        assert!(names(&server).lines().any(|found| found == name), "{name} is missing");
    }
    let again = pgtailor.run(&["optimize", "--yes", "--catalog", path, "--catalog-policy", "all"]).expect_code(0);
    assert!(format!("{}{}", again.out, again.err).contains("othing to do"), "{}\n{}", again.out, again.err);
}

#[test]
fn six_runs_at_once_build_each_index_once() {
    let server = Server::start();
    let url = shop::create(&server, "shop");
    let file = catalog();
    let path = file.path().to_str().expect("UTF-8");
    let pgtailor = Program::new(PGTAILOR).on(&url);
    let runs: Vec<_> = (0..6).map(|_| pgtailor.start(&["optimize", "--yes", "--catalog", path])).collect();
    for run in runs {
        let run = run.ended();
        let busy = run.code == Some(2) && run.err.contains("another pgtailor is changing this database");
        assert!(run.code == Some(0) || busy, "{}\n{}", run.out, run.err);
    }
    assert_eq!(server.invalid_indexes("shop"), "");
    let made = server.sql("shop", "SELECT count(*), count(DISTINCT change ->> 'name') FROM pgtailor.change WHERE state = 'applied' AND change ->> 'change' = 'create-index'");
    assert_eq!(made, "5|5");
}

#[test]
fn a_snapshot_can_be_checked_elsewhere() {
    let server = Server::start();
    let url = shop::create(&server, "shop");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("shop.snapshot");
    let path = path.to_str().expect("UTF-8");
    Program::new(PGTAILOR).on(&url).run(&["capture", "-o", path]).expect_code(0);
    let live = Program::new(PGTAILOR).on(&url).run(&["check", "--format", "json"]);
    let offline = Program::new(PGTAILOR).run(&["check", path, "--format", "json"]);
    assert_eq!(live.code, offline.code, "{}\n{}", live.err, offline.err);
    let findings =
        |run: &pgtailor_testkit::program::Run| serde_json::from_str::<Value>(&run.out).expect("JSON")["findings"].clone();
    assert!(findings(&offline).is_array());
    assert_eq!(findings(&live), findings(&offline));
    Program::new(PGTAILOR).run(&["check", "/dev/null"]).expect_error(&["/dev/null"]);
}
