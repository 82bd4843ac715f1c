//! Loading and driving the built-in blueprint on a live server.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use pgtailor_blueprint::blueprint::WORKLOAD_FILE;
use pgtailor_blueprint::workload::Kind;
use pgtailor_blueprint::{Blueprint, builtin};
use pgtailor_lab::{Lab, LabOptions};
use pgtailor_postgres::bench::{BenchError, DriveOptions, Filling, LoadProgress, drive, load};
use pgtailor_postgres::connect::{ConnectionInput, Database};
use tokio_util::sync::CancellationToken;

fn texts() -> BTreeMap<String, String> {
    builtin::find("dreflowpro").expect("it is built in").texts()
}

/// The built-in blueprint with every statement equally likely.
fn evened() -> Blueprint {
    let mut texts = texts();
    let workload = texts.get_mut(WORKLOAD_FILE).expect("it has a workload");
    let even = |line: &str| if line.starts_with("weight = ") { "weight = 1".to_owned() } else { line.to_owned() };
    *workload = workload.lines().map(even).collect::<Vec<_>>().join("\n");
    Blueprint::from_texts(&texts).expect("weights may be anything")
}

fn lab() -> (Lab, Database) {
    let lab = Lab::start(&LabOptions::new()).expect("a PostgreSQL server is installed");
    let input = ConnectionInput {
        database: Some(lab.url("postgres")),
        environment: BTreeMap::new(),
        home: None,
        local_user: "nobody".to_owned(),
    };
    let database = Database::resolve(&input).expect("the lab's URL is right");
    (lab, database)
}

fn filling(scale: f64) -> Filling {
    Filling { scale, seed: 1, now: Timestamp::now() }
}

fn options(seconds: u64) -> DriveOptions {
    DriveOptions {
        clients: 4,
        duration: Duration::from_secs(seconds),
        warmup: Duration::from_millis(200),
        seed: 7,
        salt: 1,
        statement_limit: Duration::from_secs(20),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loads_everything_and_every_statement_runs_twenty_times() {
    let (_lab, database) = lab();
    let blueprint = evened();
    let filling = filling(0.01);
    let told = AtomicU64::new(0);
    let loaded = load(&database, &blueprint, filling, |progress| {
        if let LoadProgress::Rows { done, .. } = progress {
            told.fetch_max(done, Ordering::Relaxed);
        }
    })
    .await
    .expect("the blueprint loads");
    assert_eq!(loaded.rows.0, told.load(Ordering::Relaxed));
    assert!((29_000..31_500).contains(&loaded.rows.0), "{}", loaded.rows.0);
    assert!(loaded.database.0 > 15_000_000, "{}", loaded.database);

    let report = drive(&database, &blueprint, filling, options(12), |_| {}, &CancellationToken::new()).await.expect("it drives");
    assert_eq!(report.errors, BTreeMap::new());
    assert!(!report.cancelled && report.writes_per_second > 0.0);
    let all: u64 = report.statements.iter().map(|statement| statement.times.executions).sum();
    assert_eq!(all, report.executions);
    assert_eq!(all, report.categories.iter().map(|category| category.times.executions).sum::<u64>());
    for statement in &report.statements {
        assert!(statement.times.executions >= 20, "{}: {}", statement.name, statement.times.executions);
        assert!(statement.times.median.0 > 0.0, "{}", statement.name);
    }
    let empty: Vec<&str> =
        report.statements.iter().filter(|statement| statement.rows <= 0.0).map(|statement| statement.name.as_str()).collect();
    assert!(empty.len() <= 3, "statements that never find a row: {empty:?}");
    let writes =
        report.statements.iter().filter(|statement| statement.kind == Kind::Write && statement.name != "reschedule-pipeline");
    for statement in writes {
        assert!(statement.rows > 0.8, "{} writes {} rows", statement.name, statement.rows);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_ends_in_time_and_leaves_no_session_behind() {
    let (lab, database) = lab();
    let mut texts = texts();
    let slow =
        "[[statement]]\nname = \"slow\"\ncategory = \"other\"\nkind = \"read\"\nweight = 1\nsql = \"SELECT pg_sleep(30)\"\n";
    texts.insert(WORKLOAD_FILE.to_owned(), slow.to_owned());
    let blueprint = Blueprint::from_texts(&texts).expect("the statement is right");
    let filling = filling(0.001);
    load(&database, &blueprint, filling, |_| {}).await.expect("the blueprint loads");

    let started = Instant::now();
    let report = drive(&database, &blueprint, filling, options(1), |_| {}, &CancellationToken::new()).await.expect("it drives");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!((report.executions, report.unfinished), (0, 4));

    let limited = DriveOptions { statement_limit: Duration::from_millis(100), ..options(1) };
    let report = drive(&database, &blueprint, filling, limited, |_| {}, &CancellationToken::new()).await.expect("it drives");
    assert!(report.errors["57014"] > 4, "{:?}", report.errors);

    let cancel = CancellationToken::new();
    let tell = |progress: pgtailor_postgres::bench::DriveProgress| {
        if progress.elapsed > Duration::from_millis(300) {
            cancel.cancel();
        }
    };
    let report = drive(&database, &blueprint, filling, options(60), tell, &cancel).await.expect("it drives");
    assert!(report.cancelled && report.seconds < 10.0, "{}", report.seconds);

    let (client, connection) = tokio_postgres::connect(&lab.url("postgres"), tokio_postgres::NoTls).await.expect("a session");
    tokio::spawn(connection);
    let left = client
        .query_one("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)%' AND pid <> pg_backend_pid()", &[])
        .await
        .expect("the server answers");
    assert_eq!(left.get::<_, i64>(0), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_with_one_seed_ask_the_same_and_insert_other_keys() {
    let (_lab, database) = lab();
    let blueprint = evened();
    let filling = filling(0.002);
    load(&database, &blueprint, filling, |_| {}).await.expect("the blueprint loads");
    for salt in [1, 2] {
        let options = DriveOptions { salt, ..options(2) };
        let report = drive(&database, &blueprint, filling, options, |_| {}, &CancellationToken::new()).await.expect("it drives");
        assert_eq!(report.errors, BTreeMap::new(), "salt {salt}");
        assert!(report.executions > 100);
    }
    // The same salt again meets the keys that it has inserted.
    let again = drive(&database, &blueprint, filling, options(2), |_| {}, &CancellationToken::new()).await.expect("it drives");
    assert!(again.errors["23505"] > 0, "{:?}", again.errors);
}

#[tokio::test]
async fn a_blueprint_that_the_server_refuses_is_named() {
    let (_lab, database) = lab();
    let mut texts = texts();
    texts.insert("schema.sql".to_owned(), "CREATE TABLE organizations (id uuid NOT NULL)".to_owned());
    let blueprint = Blueprint::from_texts(&texts).expect("the schema is not read here");
    let error = load(&database, &blueprint, filling(0.001), |_| {}).await.expect_err("tables are missing");
    assert!(matches!(error, BenchError::Refused { .. }), "{error}");
    assert!(error.to_string().starts_with("cannot fill table public."), "{error}");
}
