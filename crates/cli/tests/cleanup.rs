//! Thirty faults and more among four hundred tables that nothing is wrong with: each is found and nothing else is, each is cured or
//! accepted, and everything is taken back.
//!
//! The faults are SQL (`cleanup/planted.sql`), and so are the healthy tables. Start reading at [`FAULTS`].

use std::collections::BTreeSet;

use pgtailor_testkit::program::Program;
use pgtailor_testkit::server::Server;
use pgtailor_testkit::wait_until;
use serde_json::Value;

const PGTAILOR: &str = env!("CARGO_BIN_EXE_pgtailor");
const HEALTHY: &str = include_str!("cleanup/healthy.sql");
const PLANTED: &str = include_str!("cleanup/planted.sql");

/// The check that finds it, the object that it must name, and what is done about it. The table is called like the check.
const FAULTS: &[(&str, Option<&str>, Cure)] = &[
    ("missing-index", None, Cure::Accepted),
    ("slow-statement", None, Cure::Accepted),
    ("offset-paging", None, Cure::Accepted),
    ("function-on-column", None, Cure::Accepted),
    ("unbounded-result", None, Cure::Accepted),
    ("unindexed-foreign-key", Some("unindexed_reference"), Cure::Remedy),
    ("outdated-collation", Some("outdated_name"), Cure::Remedy),
    ("invalid-index", Some("invalid_a_ccnew"), Cure::Remedy),
    ("missing-statistics", None, Cure::Remedy),
    ("unselective-index", Some("unselective_state"), Cure::Accepted),
    ("low-cardinality-index", Some("low_cardinality_done"), Cure::Accepted),
    ("unused-index", Some("unused_note"), Cure::Remedy),
    ("duplicate-index", Some("duplicate_other"), Cure::Remedy),
    ("redundant-index", Some("redundant_narrow"), Cure::Remedy),
    ("hot-blocking-index", None, Cure::Accepted),
    ("many-indexes", None, Cure::Accepted),
    ("bloated-index", Some("bloated_key"), Cure::Remedy),
    ("dead-rows", None, Cure::Remedy),
    ("no-primary-key", None, Cure::Accepted),
    ("mismatched-foreign-key", Some("mismatched_reference"), Cure::Accepted),
    ("unvalidated-foreign-key", Some("unvalidated_reference"), Cure::Accepted),
    ("exhausted-sequence", Some("exhausted_sequence_id_seq"), Cure::Accepted),
    ("disabled-autovacuum", None, Cure::Remedy),
    ("late-autovacuum", None, Cure::Remedy),
    ("unvacuumed-inserts", None, Cure::Remedy),
    ("unfrozen-rows", None, Cure::Remedy),
    ("bloated-table", None, Cure::Accepted),
    ("crowded-pages", None, Cure::Remedy),
    ("low-statistics-target", Some("site"), Cure::Remedy),
    ("correlated-columns", None, Cure::Remedy),
    ("json-column", Some("payload"), Cure::Accepted),
    ("random-uuid-key", Some("id"), Cure::Accepted),
];

/// What is done about a fault.
#[derive(Clone, Copy, PartialEq)]
enum Cure {
    /// `optimize` has a change for it.
    Remedy,
    /// It needs a person, who decides to leave it.
    Accepted,
}

/// What `undo` must bring back and `pg_dump` does not show: validity, storage parameters and statistics targets, and the server's settings.
const BESIDE_THE_DUMP: &str = "SELECT concat_ws(' ', c.relkind, c.oid::regclass, c.reloptions::text, i.indisvalid::text, \
         (SELECT string_agg(attname || '=' || attstattarget, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.oid AND attstattarget >= 0)) \
     FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'pgtailor') \
     UNION ALL SELECT 'auto.conf ' || pg_read_file('postgresql.auto.conf') ORDER BY 1";

/// A check, a table and an object, for people who read a failure.
type Seen = (String, String, String);

fn expected() -> BTreeSet<Seen> {
    FAULTS.iter().map(|(check, object, _)| seen(check, object.unwrap_or_default())).collect()
}

fn seen(check: &str, object: &str) -> Seen {
    (check.to_owned(), format!("public.{}", check.replace('-', "_")), object.to_owned())
}

fn found(report: &Value) -> Vec<Seen> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let findings = report["findings"].as_array().expect("a list of findings");
    findings.iter().map(|finding| (text(&finding["check"]), text(&finding["table"]), text(&finding["object"]))).collect()
}

/// Runs `script`, a session for each part between `---`, each after the one before has told what it counted.
fn run(server: &Server, script: &str) {
    for session in script.split("\n---\n") {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), session).expect("a temporary file");
        let output = server.run_file("shop", file.path());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        wait_until_alone(server);
    }
}

/// A session counts for the last time when it ends, which its client does not wait for.
fn wait_until_alone(server: &Server) {
    wait_until("every session of the database has ended", || {
        server.sql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop'") == "0"
    });
}

/// Severity never rises down the list, nor does the time of the statements within one severity.
fn assert_worst_first(report: &Value) {
    let rank = |finding: &Value| match finding["severity"].as_str() {
        Some("critical") => 0,
        Some("warning") => 1,
        Some("notice") => 2,
        other => panic!("no severity: {other:?}"),
    };
    let time = |finding: &Value| -> f64 {
        let statements = finding["statements"].as_array().expect("a list of statements");
        statements.iter().map(|statement| statement["total_time_ms"].as_f64().expect("a time")).sum()
    };
    let findings = report["findings"].as_array().expect("a list of findings");
    for pair in findings.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        assert!(rank(before) <= rank(after), "{before}\n{after}");
        assert!(rank(before) < rank(after) || time(before) >= time(after), "{before}\n{after}");
    }
    let severities: BTreeSet<i32> = findings.iter().map(rank).collect();
    assert_eq!(severities.len(), 3, "there are findings of every severity to put in order");
    assert!(findings.iter().filter(|finding| time(finding) > 0.0).count() > 3, "and some with times");
}

#[test]
fn thirty_faults_among_four_hundred_tables_are_found_cured_and_taken_back() {
    let server = Server::with_settings(&[
        ("shared_preload_libraries", "pg_stat_statements"),
        ("pg_stat_statements.track_utility", "off"),
        ("autovacuum", "off"),
    ]);
    let url = server.create_database("shop");
    run(&server, HEALTHY);
    let healthy = server.sql("shop", "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace AND NOT relispartition");
    assert_eq!(healthy, "400");
    run(&server, PLANTED);
    let dump = server.dump("shop");
    let beside = server.sql("shop", BESIDE_THE_DUMP);
    wait_until_alone(&server);

    let folder = tempfile::tempdir().expect("a temporary folder");
    let pgtailor = Program::new(PGTAILOR).on(&url).in_folder(folder.path());
    let check = pgtailor.run(&["check", "--format", "json"]).expect_code(1);
    let report: Value = serde_json::from_str(&check.out).expect("JSON");
    let findings = found(&report);
    let as_set: BTreeSet<Seen> = findings.iter().cloned().collect();
    let missed: Vec<Seen> = expected().difference(&as_set).cloned().collect();
    let false_alarms: Vec<Seen> = as_set.difference(&expected()).cloned().collect();
    assert!(missed.is_empty() && false_alarms.is_empty(), "missed: {missed:#?}\nfalse alarms: {false_alarms:#?}");
    assert_eq!(findings.len(), FAULTS.len(), "each is told once: {findings:#?}");
    assert!(FAULTS.len() >= 30);
    assert_worst_first(&report);

    for (check, object, _) in FAULTS.iter().filter(|(.., cure)| *cure == Cure::Accepted) {
        let table = check.replace('-', "_");
        let arguments: Vec<&str> = ["accept", check, &table].into_iter().chain(*object).collect();
        pgtailor.run(&[&arguments[..], &["--reason", "planted, and nobody's"]].concat()).expect_code(0);
    }
    let left = pgtailor.run(&["check", "--format", "json"]).expect_code(1);
    let report: Value = serde_json::from_str(&left.out).expect("JSON");
    let left: BTreeSet<Seen> = found(&report).into_iter().collect();
    let remedied = FAULTS.iter().filter(|(.., cure)| *cure == Cure::Remedy);
    assert_eq!(left, remedied.map(|(check, object, _)| seen(check, object.unwrap_or_default())).collect());

    let allowed = "drop-index,reindex,vacuum,settings,statistics";
    // Whoever runs this vouches that the unused index was not built yesterday.
    let optimize = ["optimize", "--yes", "--advise=never", "--allow", allowed, "--unused-for", "31d", "--format", "json"];
    let done = pgtailor.run(&optimize).expect_code(0);
    let report: Value = serde_json::from_str(&done.out).expect("JSON");
    let steps = report["outcome"]["steps"].as_array().expect("a list of steps");
    let rebuilt = steps.iter().find(|step| step["index"] == "bloated_key").expect("it was rebuilt");
    let (before, after) = (rebuilt["size_before_bytes"].as_u64(), rebuilt["size_bytes"].as_u64());
    assert!(before > after && after.is_some(), "{rebuilt}");
    // What no change of ours does, and the advice of `outdated-collation` says: nothing is left that was built with the old version.
    server.sql("shop", "ALTER COLLATION outdated REFRESH VERSION");
    wait_until_alone(&server);

    let clean = pgtailor.run(&["check", "--format", "json"]);
    let report: Value = serde_json::from_str(&clean.out).expect("JSON");
    assert_eq!(found(&report), [], "nothing is left");
    assert_eq!(clean.code, Some(0), "{}", clean.err);
    let accepted = report["accepted"].as_array().expect("a list").len();
    assert_eq!(accepted, FAULTS.iter().filter(|(.., cure)| *cure == Cure::Accepted).count());
    let again = pgtailor.run(&optimize).expect_code(0);
    let report: Value = serde_json::from_str(&again.out).expect("JSON");
    assert_eq!(report["outcome"]["steps"].as_array().map_or(0, Vec::len), 0, "{}", again.out);

    pgtailor.run(&["undo", "--all", "--yes"]).expect_code(0);
    assert_eq!(server.dump("shop"), dump, "undo takes everything back");
    // No build gives back what a rebuild left over.
    let (leftover, rest): (Vec<&str>, Vec<&str>) = beside.lines().partition(|line| line.contains("invalid_a_ccnew"));
    assert_eq!(leftover.len(), 1);
    let now = server.sql("shop", BESIDE_THE_DUMP);
    assert_eq!(now.lines().collect::<Vec<_>>(), rest);
}
