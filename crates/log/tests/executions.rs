//! Which entries make which executions. All logs here are of the format stderr with the default prefix; other formats have the same
//! messages, see `formats.rs`.

use pgtailor_log::{LogOptions, LogReport};

mod support;
use support::read_all;

/// A log of lines `session|text`: the text follows the prefix, and a line without a session continues the one before.
fn log(lines: &[&str]) -> String {
    lines.iter().fold(String::new(), |log, line| match line.split_once('|') {
        Some((session, text)) => format!("{log}2026-11-27 10:00:00.123 UTC [{session}] {text}\n"),
        None => format!("{log}\t{line}\n"),
    })
}

fn found(lines: &[&str]) -> (Vec<String>, LogReport) {
    let (seen, report) = read_all(log(lines).as_bytes(), &LogOptions::default());
    (seen.iter().map(support::Seen::summary).collect(), report)
}

#[track_caller]
fn check(lines: &[&str], expected: &[&str]) -> LogReport {
    let (executions, report) = found(lines);
    assert_eq!(executions, expected);
    report
}

#[test]
fn a_statement_with_its_duration_is_an_execution() {
    let report = check(&["1|LOG:  duration: 1.234 ms  statement: SELECT 'a'"], &["SELECT 'a' 1.234/- -"]);
    assert_eq!((report.entries, report.executions), (1, 1));
    assert_eq!(report.first_at.map(|at| at.to_string()).as_deref(), Some("2026-11-27T10:00:00.123Z"));
    assert!(report.notes.is_empty(), "{:?}", report.notes);
}

#[test]
fn parameters_and_lines_of_a_prepared_statement_are_kept() {
    check(
        &[
            "1|LOG:  duration: 0.010 ms  execute s1: SELECT *",
            "\tFROM t WHERE a = $1",
            "1|DETAIL:  parameters: $1 = 'it''s",
            "two lines', $2 = NULL, $3 = 'cut...'",
        ],
        &["SELECT *\n\tFROM t WHERE a = $1 [it's\ntwo lines|NULL|?] 0.01/- -"],
    );
}

#[test]
fn parsing_and_planning_count_as_planning_of_the_same_statement_in_the_same_session() {
    check(
        &[
            "1|LOG:  duration: 0.100 ms  parse <unnamed>: SELECT $1",
            "2|LOG:  duration: 9.000 ms  bind <unnamed>: SELECT $1",
            "1|LOG:  duration: 0.020 ms  bind <unnamed>: SELECT $1",
            "1|DETAIL:  parameters: $1 = '7'",
            "1|LOG:  duration: 0.003 ms  execute <unnamed>: SELECT $1",
            "1|DETAIL:  parameters: $1 = '7'",
            "2|LOG:  duration: 0.005 ms  execute <unnamed>: SELECT 2",
        ],
        &["SELECT $1 [7] 0.003/0.12 -", "SELECT 2 0.005/- -"],
    );
}

#[test]
fn a_statement_and_a_duration_apart_are_paired_by_session() {
    let report = check(
        &[
            "1|LOG:  statement: SELECT 1",
            "2|LOG:  statement: SELECT 2",
            "1|LOG:  duration: 1.000 ms",
            "2|LOG:  duration: 2.000 ms",
            "1|LOG:  duration: 0.001 ms",
            "1|LOG:  execute s1: SELECT $1",
            "1|DETAIL:  parameters: $1 = '7'",
            "1|LOG:  duration: 3.000 ms",
            "1|LOG:  statement: SELECT 4",
        ],
        &["SELECT 1 1/- -", "SELECT 2 2/- -", "SELECT $1 [7] 3/- -", "SELECT 4 -/- -"],
    );
    assert_eq!((report.durations_alone, report.without_duration), (1, 1));
}

#[test]
fn a_statement_that_fails_is_no_execution() {
    let report = check(
        &[
            "1|LOG:  statement: SELECT 1/0",
            "1|ERROR:  division by zero",
            "1|STATEMENT:  SELECT 1/0",
            "1|LOG:  statement: SELECT 2",
            "1|LOG:  duration: 2.000 ms",
            "1|ERROR:  syntax error at or near \"LOG\"",
            "1|STATEMENT:  LOG:  duration: 1.000 ms  statement: SELECT 3",
        ],
        &["SELECT 2 2/- -"],
    );
    assert_eq!(report.errors_logged, 2);
}

#[test]
fn a_plan_of_the_same_execution_adds_its_cost() {
    let plan = ["1|LOG:  duration: 0.900 ms  plan:", "Query Text: SELECT 1", "Result  (cost=0.00..0.01 rows=1 width=4)"];
    let simple = [&plan[..], &["1|LOG:  duration: 1.000 ms  statement: SELECT 1"]].concat();
    check(&simple, &["SELECT 1 1/- 0.01"]);
    let extended = [&["1|LOG:  duration: 1.000 ms  execute s: SELECT 1"], &plan[..]].concat();
    check(&extended, &["SELECT 1 1/- 0.01"]);
    let apart = [&["1|LOG:  statement: SELECT 1"], &plan[..], &["1|LOG:  duration: 1.000 ms"]].concat();
    check(&apart, &["SELECT 1 1/- 0.01"]);
    let apart_extended = [&["1|LOG:  execute s: SELECT 1", "1|LOG:  duration: 1.000 ms"], &plan[..]].concat();
    check(&apart_extended, &["SELECT 1 1/- 0.01"]);
    let alone = [&plan[..], &plan[..]].concat();
    check(&alone, &["SELECT 1 0.9/- 0.01", "SELECT 1 0.9/- 0.01"]);
    let prepared = ["1|LOG:  duration: 1.000 ms  statement: EXECUTE q", "1|DETAIL:  prepare: SELECT 1"];
    check(&[&plan[..], &prepared[..]].concat(), &["EXECUTE q 1/- 0.01"]);
    let other_session = [&plan[..], &["2|LOG:  duration: 1.000 ms  statement: SELECT 1"]].concat();
    check(&other_session, &["SELECT 1 1/- -", "SELECT 1 0.9/- 0.01"]);
}

#[test]
fn plans_of_statements_inside_functions_are_executions_of_their_own() {
    check(
        &[
            "1|LOG:  statement: SELECT f()",
            "1|LOG:  duration: 0.100 ms  plan:",
            "Query Text: SELECT 1",
            "Result  (cost=0.00..0.01 rows=1 width=4)",
            "1|CONTEXT:  SQL function \"f\" statement 1",
            "1|LOG:  duration: 1.000 ms",
        ],
        &["SELECT 1 0.1/- 0.01", "SELECT f() 1/- -"],
    );
}

#[test]
fn plans_in_json_are_read_and_other_formats_are_counted() {
    let report = check(
        &[
            "1|LOG:  duration: 0.100 ms  plan:",
            "{",
            "  \"Query Text\": \"SELECT 'a\\tb'\",",
            "  \"Plan\": {",
            "    \"Total Cost\": 8.17,",
            "    \"Plans\": [{ \"Total Cost\": 1.00 }]",
            "  }",
            "}",
            "1|LOG:  duration: 0.100 ms  plan:",
            "<explain xmlns=\"http://www.postgresql.org/2009/explain\">",
        ],
        &["SELECT 'a\tb' 0.1/- 8.17"],
    );
    assert_eq!(report.skipped.len(), 1);
    assert!(report.notes.iter().any(|note| note.contains("auto_explain.log_format")), "{:?}", report.notes);
}

#[test]
fn an_execute_statement_brings_what_it_executes() {
    let text = log(&["1|LOG:  duration: 0.010 ms  statement: EXECUTE q('a')", "1|DETAIL:  prepare: PREPARE q AS SELECT $1"]);
    let mut prepared = Vec::new();
    let options = LogOptions::default();
    let each = &mut |execution: &pgtailor_log::Execution<'_>| prepared.push(execution.prepared.map(str::to_owned));
    pgtailor_log::read(text.as_bytes(), &options, each).expect("a log");
    assert_eq!(prepared, [Some("PREPARE q AS SELECT $1".to_owned())]);
}

#[test]
fn further_rows_of_a_cursor_are_told_apart() {
    let report = check(
        &[
            "1|LOG:  duration: 1.000 ms  execute s/c: SELECT 1",
            "1|LOG:  duration: 0.500 ms  execute fetch from s/c: SELECT 1",
            "1|LOG:  duration: 0.500 ms  fastpath function call: \"f\" (OID 1)",
        ],
        &["SELECT 1 1/- -", "…SELECT 1 0.5/- -"],
    );
    assert_eq!((report.executions, report.fetches), (1, 1));
}

#[test]
fn only_the_database_asked_for_is_taken() {
    let line = |database: &str, text: &str| format!("2026-11-27 10:00:00.123 UTC [1] eve@{database} LOG:  {text}\n");
    let text = format!(
        "{}{}{}",
        line("shop", "duration: 1.000 ms  statement: SELECT 1"),
        line("other", "duration: 1.000 ms  statement: SELECT 2"),
        line("other", "connection authorized")
    );
    let options = LogOptions { database: Some("shop".to_owned()), ..LogOptions::default() };
    let (seen, report) = read_all(text.as_bytes(), &options);
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].who, [Some("eve".to_owned()), Some("shop".to_owned()), None]);
    assert_eq!((report.other_databases, report.executions, report.entries), (1, 1, 3));
    let (seen, report) = read_all(log(&["1|LOG:  duration: 1.000 ms  statement: SELECT 1"]).as_bytes(), &options);
    assert_eq!(seen.len(), 1);
    assert!(report.notes.iter().any(|note| note.contains("%d")), "{:?}", report.notes);
}

#[test]
fn messages_in_other_languages_are_counted_with_the_cure() {
    let report = check(
        &[
            "1|LOG:  Dauer: 1.234 ms  Anweisung: SELECT 1",
            "1|FEHLER:  Division durch Null",
            "1|LOG:  duration: 1.000 ms  statement: SELECT 2",
        ],
        &["SELECT 2 1/- -"],
    );
    assert_eq!(report.translated, 2);
    assert!(report.notes.iter().any(|note| note.contains("lc_messages = 'C'")), "{:?}", report.notes);
}

#[test]
fn without_a_session_in_the_prefix_nothing_is_paired() {
    let text = "LOG:  statement: SELECT 1\nLOG:  duration: 1.000 ms\nLOG:  duration: 2.000 ms  statement: SELECT 2\n";
    let (seen, report) = read_all(text.as_bytes(), &LogOptions::default());
    let summaries: Vec<String> = seen.iter().map(support::Seen::summary).collect();
    assert_eq!(summaries, ["SELECT 1 -/- -", "SELECT 2 2/- -"]);
    assert_eq!(report.durations_alone, 1);
}

#[test]
fn nothing_of_a_statement_is_printed_for_debugging() {
    let text = log(&["1|LOG:  duration: 1.000 ms  statement: SELECT 'eve@example.org'", "1|LOG:  statement: SELECT 'eve'"]);
    let options = LogOptions { end: pgtailor_log::End::Growing, ..LogOptions::default() };
    let each = &mut |execution: &pgtailor_log::Execution<'_>| assert!(!format!("{execution:?}").contains("eve"));
    let report = pgtailor_log::read(text.as_bytes(), &options, each).expect("a log");
    assert!(!format!("{report:?}").contains("eve"));
}
