//! Every check on a live server: its fault is planted in one database, which it must find, and not in the other, which it must leave alone.
//!
//! A case is SQL; to add one, add it to the list of its group. [`every_check_has_a_case`] fails until there is one.

mod indexes;
mod queries;
mod tables;

use std::collections::BTreeSet;

use jiff::ToSpan;
use pgtailor::model::finding::Finding;
use pgtailor::{Database, capture, examine};
use pgtailor_testkit::server::Server;
use pgtailor_testkit::wait_until;

/// One check, and two databases of the same application. Each statement is a transaction; `---` ends a session, so that what was counted in
/// it is known to what follows (`ANALYZE` forgets changes that are counted before it, not those that its own session has yet to tell).
#[derive(Clone, Copy)]
pub struct Case {
    /// The check's name.
    pub check: &'static str,
    /// The table that the finding must name; nothing else may be found by this check.
    pub table: &'static str,
    /// What both databases begin with.
    pub schema: &'static str,
    /// What is wrong in one of them.
    pub planted: &'static str,
    /// What stands in its place in the other, for what is right looks like something, too.
    pub healthy: &'static str,
    /// What the application then does in both, again and again.
    pub traffic: &'static str,
    /// How often.
    pub times: usize,
    /// How many days later the database is looked at, as far as the check can tell.
    pub days_later: i64,
    /// Settings that the check is told instead of the server's, where a server takes days to get to its own.
    pub settings: &'static [(&'static str, &'static str)],
}

/// Nothing; for `..CASE`.
pub const CASE: Case =
    Case { check: "", table: "t", schema: "", planted: "", healthy: "", traffic: "", times: 1, days_later: 0, settings: &[] };

fn server() -> Server {
    Server::with_settings(&[
        ("shared_preload_libraries", "pg_stat_statements"),
        ("autovacuum", "off"),
        ("pg_stat_statements.track_utility", "off"),
    ])
}

/// What the check says of a new database that begins with `begin`.
fn found(server: &Server, case: &Case, name: &str, begin: &str) -> Vec<Finding> {
    let url = server.create_database(name);
    let traffic = format!("{};\n", case.traffic).repeat(case.times);
    let sessions = ["CREATE EXTENSION pg_stat_statements", case.schema].into_iter();
    for session in sessions.chain(begin.split("---")).chain([traffic.as_str()]) {
        let script = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(script.path(), session).expect("a temporary file");
        let output = server.run_file(name, script.path());
        assert!(output.status.success(), "{}: {}", case.check, String::from_utf8_lossy(&output.stderr));
        // A session counts for the last time when it ends, which psql does not wait for.
        wait_until("the application's session has ended", || {
            server.sql("postgres", &format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'")) == "0"
        });
    }
    let database = Database::from_url(&url).expect("a lab's address is well formed");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut snapshot = runtime.block_on(capture(&database)).expect("a snapshot");
    snapshot.captured_at = snapshot.captured_at.checked_add((case.days_later * 24).hours()).expect("a date of our time");
    for (setting, value) in case.settings {
        let known = snapshot.settings.get_mut(*setting).expect("a setting of this server");
        (*value).clone_into(&mut known.value);
    }
    examine(snapshot).outcome.findings.into_iter().filter(|finding| finding.check == case.check).collect()
}

/// Goes through `cases`, and says all that is wrong with any of them.
fn hold(cases: &[Case]) {
    let server = server();
    let mut wrong = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let planted = found(&server, case, &format!("planted_{number}"), case.planted);
        let tables: BTreeSet<&str> = planted.iter().map(|finding| finding.table.name.as_str()).collect();
        if tables != BTreeSet::from([case.table]) {
            wrong.push(format!("{}: planted in {}, found in {tables:?}", case.check, case.table));
        }
        for finding in &planted {
            let has_numbers = finding.evidence.iter().all(|evidence| evidence.quantity.value.is_finite());
            if finding.problem.is_empty() || finding.advice.is_empty() || !has_numbers {
                wrong.push(format!("{}: says too little: {finding:?}", case.check));
            }
        }
        let healthy = found(&server, case, &format!("healthy_{number}"), case.healthy);
        wrong.extend(healthy.iter().map(|finding| format!("{}: false alarm: {}", case.check, finding.problem)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn checks_of_tables_hold() {
    hold(tables::CASES);
}

#[test]
fn checks_of_indexes_hold() {
    hold(indexes::CASES);
}

#[test]
fn checks_of_queries_hold() {
    hold(queries::CASES);
}

#[test]
fn every_check_has_a_case() {
    let cases = [tables::CASES, indexes::CASES, queries::CASES].concat();
    let tested: BTreeSet<&str> = cases.iter().map(|case| case.check).collect();
    let all: BTreeSet<&str> = pgtailor::checks::ALL.iter().map(|check| check.name()).collect();
    assert_eq!(tested, all);
}
