//! The library as an application would use it, on a live server.

use pgtailor::model::outcome::StepResult;
use pgtailor::{Database, Mode, Optimizer, Options};
use pgtailor_testkit::server::Server;
use pgtailor_testkit::{shop, wait_until};

const BY_CUSTOMER: &str = "SELECT total FROM orders WHERE customer_id = 17 ORDER BY created_at DESC LIMIT 5";

fn database(url: &str) -> Database {
    Database::from_url(url).expect("a lab's address is well formed")
}

/// Reads `orders` whole, often; returns when the server's counters show it.
fn scan_often(server: &Server) {
    server.sql("shop", &vec![BY_CUSTOMER; 30].join(";"));
    wait_until("the scans are counted", || {
        server.sql("shop", "SELECT seq_scan >= 30 FROM pg_stat_user_tables WHERE relname = 'orders'") == "t"
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_index_names_the_statements_and_columns_that_cause_it() {
    let server = Server::with_settings(&[("shared_preload_libraries", "pg_stat_statements")]);
    let url = shop::create(&server, "shop");
    server.sql("shop", "CREATE EXTENSION pg_stat_statements");
    scan_often(&server);
    let mut optimizer = Optimizer::connect(&database(&url)).await.expect("it answers");
    let missing = optimizer.missing_indexes().await.expect("it answers");
    let orders = missing.iter().find(|finding| finding.table.name == "orders").expect("orders is read whole");
    let cause = orders.statements.first().expect("the statement is named");
    assert_eq!(cause.columns, ["customer_id", "created_at"]);
    assert!(cause.statement.contains("customer_id = $1") && !cause.statement.contains("17"), "{}", cause.statement);
    assert_eq!(cause.calls, 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_recorded_statements_it_says_that_the_column_cannot_be_told() {
    let server = Server::start();
    let url = shop::create(&server, "shop");
    scan_often(&server);
    let mut optimizer = Optimizer::connect(&database(&url)).await.expect("it answers");
    let missing = optimizer.missing_indexes().await.expect("it answers");
    let orders = missing.iter().find(|finding| finding.table.name == "orders").expect("orders is read whole");
    assert!(orders.statements.is_empty());
    let text = format!("{} {}", orders.problem, orders.advice);
    assert!(text.contains("cannot tell") || text.contains("cannot be told"), "{text}");
    assert!(text.contains("pg_stat_statements"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn table_performance_has_real_numbers() {
    let server = Server::start();
    let url = shop::create(&server, "shop");
    scan_often(&server);
    let mut optimizer = Optimizer::connect(&database(&url)).await.expect("it answers");
    let orders = optimizer.table_performance("orders").await.expect("it answers").expect("the table is there");
    assert!(orders.sequential_scans.is_some_and(|scans| scans >= 30), "{orders:?}");
    assert!(orders.sequential_rows.is_some_and(|rows| rows.0 >= 30 * 60_000), "{orders:?}");
    assert!(orders.sequential_share.is_some_and(|share| (0.5..=1.0).contains(&share)), "a fraction: {orders:?}");
    assert_eq!(optimizer.table_performance("nowhere").await.expect("it answers"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn declared_indexes_are_created_once() {
    let server = Server::start();
    let url = shop::create(&server, "shop");
    let mut optimizer = Optimizer::connect(&database(&url)).await.expect("it answers");
    let columns = ["customer_id", "status"];
    optimizer.catalog_mut().declare("idx_custom_query", "orders", columns, "custom").expect("the name is free");
    assert!(optimizer.catalog_mut().declare("idx_custom_query", "orders", ["id"], "again").is_err());
    let first = optimizer.optimize().await.expect("it is carried out");
    assert_eq!(first.applied(), 1, "{:?}", first.outcomes);
    assert!(matches!(first.outcomes[0].result, StepResult::Applied { .. }));
    let second = optimizer.optimize().await.expect("nothing is to be done");
    assert!(second.outcomes.is_empty(), "{:?}", second.outcomes);
    assert_eq!(server.sql("shop", "SELECT indisvalid FROM pg_index WHERE indexrelid = 'idx_custom_query'::regclass"), "t");
}

#[tokio::test(flavor = "multi_thread")]
async fn analysis_alone_writes_nothing_not_even_a_ledger() {
    let server = Server::start();
    let url = shop::create(&server, "shop");
    let before = server.dump_all("shop");
    let options = Options { mode: Mode::AnalyzeOnly, ..Options::default() };
    let report = pgtailor::optimize(&database(&url), &options).await.expect("it answers");
    assert!(report.outcomes.is_empty());
    pgtailor::optimize(&database(&url), &Options::default()).await.expect("nothing is declared");
    assert_eq!(server.dump_all("shop"), before);
}
