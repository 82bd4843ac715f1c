//! The reference workload, seen through the server's counters and through each format of its logs: the same statements, as often.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use pgtailor::model::workload::Workload;
use pgtailor::{CancellationToken, Costs, Database, ObservedWorkload, WorkloadOptions, observe};
use pgtailor_blueprint::blueprint::WORKLOAD_FILE;
use pgtailor_blueprint::{Blueprint, builtin};
use pgtailor_postgres::bench::{DriveOptions, Filling, drive, load, mean_costs};
use pgtailor_postgres::session::ReadOnlySession;
use pgtailor_testkit::server::Server;

/// The built-in blueprint with every statement equally likely, so that each is executed.
fn evened() -> Blueprint {
    let mut texts = builtin::find("dreflowpro").expect("it is built in").texts();
    let workload = texts.get_mut(WORKLOAD_FILE).expect("it has a workload");
    let even = |line: &str| if line.starts_with("weight = ") { "weight = 1".to_owned() } else { line.to_owned() };
    *workload = workload.lines().map(even).collect::<Vec<_>>().join("\n");
    Blueprint::from_texts(&texts).expect("weights may be anything")
}

/// A server that counts statements and logs each of them in every format.
fn server() -> Server {
    Server::with_settings(&[
        ("shared_preload_libraries", "pg_stat_statements"),
        ("logging_collector", "on"),
        ("log_destination", "stderr,csvlog,jsonlog"),
        ("log_filename", "server.log"),
        ("log_rotation_size", "0"),
        ("log_min_duration_statement", "0"),
        ("log_line_prefix", "%m [%p] %q%u@%d/%a "),
    ])
}

/// The log of the format whose file ends so.
fn log(server: &Server, ending: &str) -> PathBuf {
    server.lab.folder().join("data/log").join(format!("server.{ending}"))
}

async fn observed(database: &Database, source: &str, resume: Option<&Path>) -> ObservedWorkload {
    let options = WorkloadOptions {
        sources: vec![source.to_owned()],
        resume: resume.map(Path::to_path_buf),
        costs: Costs::Planned,
        ..WorkloadOptions::default()
    };
    observe(database, &options).await.expect("it can be read")
}

async fn seen(database: &Database, source: &str, resume: Option<&Path>) -> Workload {
    observed(database, source, resume).await.workload
}

/// Mean planner costs with parameters that the application would send, by fingerprint: of the statements with one fingerprint, the mean.
async fn truths(database: &Database, blueprint: &Blueprint, filling: Filling) -> BTreeMap<String, f64> {
    let mut session = ReadOnlySession::connect(database).await.expect("a session");
    let costs = mean_costs(&mut session, blueprint, filling, 40, 99).await.expect("planned");
    let mut sums: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for (statement, cost) in blueprint.workload.statements().iter().zip(costs) {
        let sum = sums.entry(pgtailor_sql::fingerprint(&statement.sql).expect("valid SQL")).or_default();
        sum.0 += cost.expect("every statement of the blueprint is planned");
        sum.1 += 1.0;
    }
    sums.into_iter().map(|(fingerprint, (sum, count))| (fingerprint, sum / count)).collect()
}

/// The share of time of the statements whose mean cost is within a factor of two of the truth.
fn well_bound(seen: &ObservedWorkload, truths: &BTreeMap<String, f64>) -> f64 {
    let (mut within, mut whole) = (0.0, 0.0);
    for query in &seen.workload.queries {
        let cost = seen.bound.costs.get(&query.fingerprint).unwrap_or_else(|| panic!("{} has no cost", query.text));
        let Some(truth) = truths.get(&query.fingerprint) else { continue };
        whole += query.total_time.0;
        if (cost / truth).max(truth / cost) <= 2.0 {
            within += query.total_time.0;
        }
    }
    within / whole
}

/// Calls by fingerprint.
fn calls(workload: &Workload) -> BTreeMap<&str, u64> {
    workload.queries.iter().map(|query| (query.fingerprint.as_str(), query.calls)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_and_every_log_format_see_the_same_statements_as_often() {
    let server = server();
    let database = Database::from_url(&server.lab.url("postgres")).expect("the lab's URL is right");
    let blueprint = evened();
    let filling = Filling { scale: 0.01, seed: 1, now: Timestamp::now() };
    load(&database, &blueprint, filling, |_| ()).await.expect("loaded");
    server.sql("postgres", "CREATE EXTENSION pg_stat_statements");

    let folder = tempfile::tempdir().expect("a folder");
    let positions = folder.path().join("positions.json");
    let formats = ["log", "csv", "json"];
    for format in formats {
        let path = log(&server, format);
        let before = seen(&database, path.to_str().expect("UTF-8"), Some(&positions)).await;
        assert!(before.sources[0].calls > 0, "the loading was logged: {:?}", before.sources);
    }
    server.sql("postgres", "SELECT pg_stat_statements_reset()");
    let options = DriveOptions {
        clients: 4,
        duration: Duration::from_secs(5),
        warmup: Duration::from_millis(200),
        seed: 7,
        salt: 1,
        statement_limit: Duration::from_secs(20),
    };
    drive(&database, &blueprint, filling, options, |_| (), &CancellationToken::new()).await.expect("driven");

    let truths = truths(&database, &blueprint, filling).await;
    let counted = observed(&database, "pg_stat_statements", None).await;
    let share = well_bound(&counted, &truths);
    assert!(share >= 0.9, "counters: {share:.3} of the time is of statements that cost as much as with true values");
    let counted = counted.workload;
    assert_eq!(counted.coverage.share(), Some(1.0));
    let expected = calls(&counted);
    assert!(expected.len() >= 75, "nearly all of the 82 statements ran: {}", expected.len());
    for format in formats {
        let path = log(&server, format);
        let logged = observed(&database, path.to_str().expect("UTF-8"), Some(&positions)).await;
        let share = well_bound(&logged, &truths);

        assert!(share >= 0.9, "{format}: {share:.3} of the time is of statements that cost as much as with true values");
        let logged = logged.workload;
        let found = calls(&logged);
        let missing: Vec<&str> = counted
            .queries
            .iter()
            .filter(|query| !found.contains_key(query.fingerprint.as_str()))
            .map(|query| query.text.as_str())
            .collect();
        assert_eq!(missing, Vec::<&str>::new(), "{format}");
        let strange: Vec<&str> = logged
            .queries
            .iter()
            .filter(|query| !expected.contains_key(query.fingerprint.as_str()))
            .map(|query| query.text.as_str())
            .collect();
        assert_eq!(strange, Vec::<&str>::new(), "{format}");
        for (fingerprint, calls) in &found {
            let difference = calls.abs_diff(expected[fingerprint]);
            assert!(difference * 100 <= expected[fingerprint], "{format}: {calls} calls, counted {}", expected[fingerprint]);
        }
        let bound = logged.queries.iter().filter(|query| !query.parameters.is_empty() && !query.bindings.is_empty());
        let with_parameters = logged.queries.iter().filter(|query| !query.parameters.is_empty());
        assert_eq!(bound.count(), with_parameters.count(), "{format}: every statement was seen with its values");
    }
}
