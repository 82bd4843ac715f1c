//! What `optimize` does with advice: an advised index goes the way of a declared one, and no advice is no reason to do nothing.

use std::io::Write as _;

use pgtailor_testkit::program::Program;
use pgtailor_testkit::server::Server;
use pgtailor_testkit::shop;
use serde_json::Value;

const PGTAILOR: &str = env!("CARGO_BIN_EXE_pgtailor");

/// Statements that read all orders, though they want few.
const STATEMENTS: &str = "SELECT total FROM orders WHERE customer_id = 17 ORDER BY created_at DESC LIMIT 5;\n\
                          SELECT count(*) FROM orders WHERE customer_id = 18;\n";

/// A server that has recorded [`STATEMENTS`], thirty times each.
fn recorded() -> (Server, String) {
    let server = Server::with_settings(&[("shared_preload_libraries", "pg_stat_statements")]);
    let url = shop::create(&server, "shop");
    server.sql("shop", "CREATE EXTENSION pg_stat_statements");
    server.sql("shop", &STATEMENTS.repeat(30));
    (server, url)
}

fn file(text: &str, suffix: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(suffix).tempfile().expect("a file");
    file.write_all(text.as_bytes()).expect("written");
    file
}

fn indexes(server: &Server) -> String {
    server.sql("shop", "SELECT indexdef FROM pg_indexes WHERE tablename = 'orders' ORDER BY 1")
}

#[test]
fn what_is_advised_is_built_recorded_and_taken_back() {
    let (server, url) = recorded();
    let pgtailor = Program::new(PGTAILOR).on(&url);
    let before = server.dump_all("shop");

    let dry = pgtailor.run(&["optimize", "--dry-run"]).expect_code(0);
    assert!(dry.out.contains("CREATE INDEX CONCURRENTLY") && dry.out.contains("customer_id"), "{}", dry.out);
    pgtailor.run(&["optimize", "--analyze-only"]);
    assert_eq!(server.dump_all("shop"), before, "a dry run and an analysis change nothing");

    let applied = pgtailor.run(&["optimize", "--yes", "--format", "json"]).expect_code(0);
    let json: Value = serde_json::from_str(&applied.out).expect("JSON");
    let advised: Vec<&str> =
        json["advice"]["recommendations"].as_array().expect("a list").iter().filter_map(|one| one["index"].as_str()).collect();
    assert!(!advised.is_empty(), "{}", applied.out);
    let made = server.sql(
        "shop",
        "SELECT change ->> 'name' FROM pgtailor.change WHERE change ->> 'change' = 'create-index' AND state = 'applied' ORDER BY 1",
    );
    let mut expected = advised.clone();
    expected.sort_unstable();
    assert_eq!(made.lines().collect::<Vec<_>>(), expected, "what is advised is in the ledger");
    assert_eq!(server.invalid_indexes("shop"), "");
    let plan = server.sql("shop", &format!("EXPLAIN {}", STATEMENTS.lines().next().expect("a statement")));
    assert!(advised.iter().any(|name| plan.contains(name)), "{plan}");

    let again = pgtailor.run(&["optimize", "--yes"]).expect_code(0);
    assert!(format!("{}{}", again.out, again.err).contains("othing to do"), "{}\n{}", again.out, again.err);

    pgtailor.run(&["undo", "--all", "--yes"]).expect_code(0);
    pgtailor.run(&["undo", "--all", "--yes", "--remove-ledger"]).expect_code(0);
    assert_eq!(server.dump_all("shop"), before, "undo takes everything back");
}

#[test]
fn without_statements_it_says_so_and_does_the_rest() {
    let server = Server::start();
    let url = shop::create(&server, "shop");
    let pgtailor = Program::new(PGTAILOR).on(&url);
    let before = server.dump_all("shop");
    let nothing = pgtailor.run(&["optimize", "--yes"]).expect_code(0);
    assert!(nothing.out.contains("no statement is known") && nothing.out.contains("--workload"), "{}", nothing.out);
    assert_eq!(server.dump_all("shop"), before, "with nothing to do nothing is written");

    let catalog = file(shop::CATALOG, ".toml");
    let path = catalog.path().to_str().expect("UTF-8");
    let declared = pgtailor.run(&["optimize", "--yes", "--advise", "--catalog", path, "--format", "json"]).expect_code(0);
    let json: Value = serde_json::from_str(&declared.out).expect("JSON");
    assert!(json["advice"]["unavailable"]["remedy"].is_string(), "{}", declared.out);
    assert!(indexes(&server).contains("idx_orders_customer_created"), "declared entries need no advice");
}

#[test]
fn without_server_programs_it_says_so_and_does_the_rest() {
    let server = Server::start();
    let url = shop::create(&server, "shop");
    let (catalog, workload) = (file(shop::CATALOG, ".toml"), file(STATEMENTS, ".sql"));
    let empty = tempfile::tempdir().expect("a folder");
    let [catalog, workload, empty] = [catalog.path(), workload.path(), empty.path()].map(|path| path.to_str().expect("UTF-8"));
    let run = Program::new(PGTAILOR).on(&url).run(&[
        "optimize",
        "--yes",
        "--catalog",
        catalog,
        "--advise",
        "--workload",
        workload,
        "--server",
        empty,
    ]);
    let run = run.expect_code(0);
    assert!(run.out.contains("none can be given here"), "{}", run.out);
    assert!(indexes(&server).contains("idx_orders_customer_created"));
}

#[test]
fn advice_beside_a_catalog_is_about_what_the_catalog_leaves_open() {
    let server = Server::start();
    let url = shop::create(&server, "shop");
    let statements = STATEMENTS.to_owned() + "SELECT count(*) FROM orders WHERE total = 77;\n";
    let (catalog, workload) = (file(shop::CATALOG, ".toml"), file(&statements, ".sql"));
    let [catalog, workload] = [catalog.path(), workload.path()].map(|path| path.to_str().expect("UTF-8"));
    let pgtailor = Program::new(PGTAILOR).on(&url);
    let arguments = ["optimize", "--dry-run", "--format", "json", "--catalog", catalog, "--advise", "--workload", workload];
    let run = pgtailor.run(&arguments).expect_code(0);
    let json: Value = serde_json::from_str(&run.out).expect("JSON");
    let advised = json["advice"]["recommendations"].as_array().expect("a list");
    assert_eq!(advised.len(), 1, "the catalog serves the others: {}", run.out);
    assert!(advised[0]["sql"].as_str().is_some_and(|sql| sql.contains("(total)")), "{}", run.out);
    let steps = json["steps"].as_array().or_else(|| json["rollout"]["steps"].as_array()).expect("steps");
    let is_advised = |step: &&Value| step["sql"].as_str().is_some_and(|sql| sql.contains("orders_total_idx"));
    assert_eq!(steps.iter().filter(is_advised).count(), 1, "{}", run.out);
    assert!(steps.len() > 5, "declared entries stay steps");

    pgtailor.run(&["optimize", "--dry-run", "--catalog", catalog, "--workload", workload]).expect_error(&["--advise"]);
    pgtailor.run(&["optimize", "--analyze-only", "--workload", workload]).expect_error(&["--analyze-only"]);
    pgtailor.run(&["optimize", "--dry-run", "--budget", "0MB"]).expect_error(&["--budget", "--allow drop-index"]);
}

#[test]
fn an_index_is_dropped_only_when_drops_are_allowed() {
    let server = Server::start();
    let url = shop::create(&server, "shop");
    server.sql("shop", "CREATE INDEX orders_customer_id ON orders (customer_id)");
    // The update changes an indexed column, so that `orders_total`, which nobody reads by, gets an entry each time.
    let statements = "SELECT count(*) FROM orders WHERE customer_id = 18;\nUPDATE orders SET customer_id = 3 WHERE id = 4;\n";
    let workload = file(statements, ".sql");
    let workload = workload.path().to_str().expect("UTF-8");
    let pgtailor = Program::new(PGTAILOR).on(&url);
    let before = indexes(&server);
    assert!(before.contains("orders_total"), "{before}");
    pgtailor.run(&["optimize", "--yes", "--workload", workload]).expect_code(0);
    assert!(before.lines().all(|line| indexes(&server).contains(line)), "{}", indexes(&server));
    let young = pgtailor.run(&["optimize", "--yes", "--workload", workload, "--allow", "drop-index"]).expect_code(2);
    assert!(young.out.contains("--unused-for"), "counters of a minute say nothing:\n{}", young.out);
    assert!(indexes(&server).contains("orders_total"), "{}", indexes(&server));
    let allowed = ["optimize", "--yes", "--workload", workload, "--allow", "drop-index", "--unused-for", "1ms"];
    let run = pgtailor.run(&allowed).expect_code(0);
    assert!(!indexes(&server).contains("orders_total"), "{}\n{}", indexes(&server), run.out);
    pgtailor.run(&["undo", "--all", "--yes"]).expect_code(0);
    assert_eq!(indexes(&server), before, "undo builds it again");
}
