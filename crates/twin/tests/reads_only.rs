//! What a capture for a twin sends to the source, as the source's own log tells it: reading only, nothing for long, and nothing stays.

#![expect(clippy::print_stdout, reason = "the figures of a test that ran are worth reading")]

mod support;

use pgtailor_model::planner::StatisticsLevel;
use pgtailor_postgres::session::Limits;
use support::{SAAS, Source, captured};

/// The log's lines begin with the role, the rest is the message.
const SETTINGS: &[(&str, &str)] = &[("log_line_prefix", "|%u|"), ("log_statement", "all"), ("log_min_duration_statement", "0")];

/// What a capture may send.
const ALLOWED: &[&str] =
    &["SELECT", "EXPLAIN", "SET", "RESET", "SHOW", "START", "BEGIN", "SAVEPOINT", "ROLLBACK", "RELEASE", "COMMIT"];

/// Everything that the catalogs hold, in one number a catalog.
const CATALOGS: &str = "
    SELECT count(*), md5(string_agg(x::text, ',' ORDER BY x::text)) FROM pg_class x UNION ALL
    SELECT count(*), md5(string_agg(x::text, ',' ORDER BY x::text)) FROM pg_proc x UNION ALL
    SELECT count(*), md5(string_agg(x::text, ',' ORDER BY x::text)) FROM pg_type x UNION ALL
    SELECT count(*), md5(string_agg(x::text, ',' ORDER BY x::text)) FROM pg_extension x UNION ALL
    SELECT count(*), md5(string_agg(x::text, ',' ORDER BY x::text)) FROM pg_namespace x UNION ALL
    SELECT count(*), md5(string_agg(x::text, ',' ORDER BY x::text)) FROM pg_statistic x UNION ALL
    SELECT count(*), md5(string_agg(x::text, ',' ORDER BY x::text)) FROM pg_db_role_setting x UNION ALL
    SELECT count(*), md5(string_agg(x::text, ',' ORDER BY x::text)) FROM pg_roles x";

/// Statements and durations, in milliseconds, in what the role's sessions made the server log.
fn logged(log: &str, role: &str) -> (Vec<String>, Vec<f64>) {
    let (mut statements, mut durations) = (Vec::new(), Vec::new());
    let marker = format!("|{role}|LOG:  ");
    for line in log.lines().filter_map(|line| line.strip_prefix(marker.as_str())) {
        if let Some(duration) = line.strip_prefix("duration: ") {
            let (number, _) = duration.split_once(" ms").expect("a unit");
            durations.push(number.parse().expect("a number"));
        } else if let Some((how, text)) = line.split_once(": ")
            && (how == "statement" || how.starts_with("execute "))
        {
            statements.push(text.to_owned());
        }
    }
    (statements, durations)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capture_only_reads_and_leaves_nothing_behind() {
    let source = Source::start(SETTINGS);
    source.run(SAAS).await;
    source.run("CREATE ROLE capturer LOGIN SUPERUSER PASSWORD 'secret'").await;
    let before = source.rows(CATALOGS).await;
    let transaction =
        |rows: Vec<Vec<Option<String>>>| rows[0][0].as_deref().and_then(|text| text.parse::<u64>().ok()).expect("a number");
    let first = transaction(source.rows("SELECT txid_current()").await);
    // With every right, so that nothing but its own will keeps it from writing.
    let snapshot = captured(&source.as_role("capturer", "secret"), StatisticsLevel::Exact).await;
    assert!(snapshot.planner.is_some_and(|planner| planner.inexact.is_empty()));
    let second = transaction(source.rows("SELECT txid_current()").await);
    assert_eq!(second, first + 1, "the capture needed no transaction number, so it wrote nothing");
    assert_eq!(source.rows(CATALOGS).await, before);

    let log = std::fs::read_to_string(source.lab.log_file()).expect("the server's log");
    let (statements, durations) = logged(&log, "capturer");
    println!("{} statements, the longest took {:?} ms", statements.len(), durations.iter().copied().fold(0.0, f64::max));
    assert!(statements.len() > 50 && durations.len() >= statements.len(), "everything is logged");
    for text in &statements {
        // Several that are sent together are one entry; none of ours has a semicolon elsewhere.
        for statement in text.split("; ") {
            let word = statement.trim_start().split([' ', ';']).next().unwrap_or_default().to_uppercase();
            assert!(ALLOWED.contains(&word.as_str()), "{text}");
            assert!(!statement.starts_with("EXPLAIN") || !statement.contains("ANALYZE"), "{text}");
        }
    }
    let limit = Limits::OBSERVER.statement.as_secs_f64() * 1000.0;
    assert!(durations.iter().all(|duration| *duration <= limit), "{durations:?}");
}
