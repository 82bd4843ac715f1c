//! A log that is read in two parts gives what it gives in one, wherever the cut is.

use std::io::Cursor;

use pgtailor_log::{End, LogOptions, LogReport, Position, read_from};
use proptest::prelude::*;
use proptest::sample::Index;

mod support;
use support::{Seen, read_all};

fn growing(position: Option<Position>) -> LogOptions {
    LogOptions { end: End::Growing, from: position, ..LogOptions::default() }
}

fn read_on(log: &[u8], position: Position) -> (Vec<Seen>, LogReport) {
    let mut seen = Vec::new();
    let options = LogOptions { from: Some(position), ..LogOptions::default() };
    let report = read_from(Cursor::new(log), &options, &mut |execution| seen.push(Seen::of(execution))).expect("a log");
    (seen, report)
}

/// What can stand in a log.
#[derive(Clone, Debug)]
enum Piece {
    /// A statement with its duration.
    Simple(u8, String),
    /// One with parameters, parsed and planned before.
    Extended(u8, String),
    /// A statement, and its duration apart, with an entry of another session between.
    Apart(u8, String),
    /// A plan, and the duration of the same statement.
    Planned(u8, String),
    /// A failed statement.
    Failed(u8, String),
    /// Something of another program.
    Strange,
}

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let text = proptest::string::string_regex("SELECT [a-z'\"\\\\\t\n,{}:é]{0,12}").expect("a pattern");
    let piece = (0..6_u8, 1..4_u8, text).prop_map(|(kind, session, text)| match kind {
        0 => Piece::Simple(session, text),
        1 => Piece::Extended(session, text),
        2 => Piece::Apart(session, text),
        3 => Piece::Planned(session, text),
        4 => Piece::Failed(session, text),
        _ => Piece::Strange,
    });
    proptest::collection::vec(piece, 0..8)
}

#[derive(Clone, Copy, Debug)]
enum Format {
    Stderr,
    Csv,
    Json,
}

fn write_log(pieces: &[Piece], format: Format) -> String {
    let mut log = String::new();
    let mut time = 0;
    let mut entry = |session: u8, severity: &str, message: &str, detail: &str| {
        time += 1;
        let at = format!("2026-11-27 10:{:02}:{:02}.000 UTC", time / 60 % 60, time % 60);
        let written = match format {
            Format::Stderr => {
                let line = |word: &str, text: &str| format!("{at} [{session}] {word}:  {}\n", text.replace('\n', "\n\t"));
                line(severity, message) + &if detail.is_empty() { String::new() } else { line("DETAIL", detail) }
            }
            Format::Csv => {
                let quoted =
                    |text: &str| if text.is_empty() { String::new() } else { format!("\"{}\"", text.replace('"', "\"\"")) };
                let (message, detail) = (quoted(message), quoted(detail));
                format!(
                    "{at},\"eve\",\"shop\",{session},\"[local]\",6a.{session},1,\"SELECT\",{at},3/7,0,{severity},00000,{message},{detail},,,,,,,,\"x\",\"\",,0\n"
                )
            }
            Format::Json => {
                let [message, detail] = [message, detail].map(|text| serde_json::to_string(text).expect("text"));
                format!(
                    "{{\"timestamp\":\"{at}\",\"session_id\":\"6a.{session}\",\"error_severity\":\"{severity}\",\"message\":{message},\"detail\":{detail}}}\n"
                )
            }
        };
        log += &written;
    };
    // The reader waits for durations apart once it has seen one, see `Position`.
    entry(9, "LOG", "statement: SELECT 0", "");
    entry(9, "LOG", "duration: 0.001 ms", "");
    let first = |text: &str| format!("{text}\nResult  (cost=0.00..0.01 rows=1 width=4)");
    for piece in pieces {
        match piece {
            Piece::Simple(session, text) => entry(*session, "LOG", &format!("duration: 1.500 ms  statement: {text}"), ""),
            Piece::Extended(session, text) => {
                let parameters = format!("parameters: $1 = '{}', $2 = NULL", text.replace('\'', "''"));
                entry(*session, "LOG", &format!("duration: 0.020 ms  parse <unnamed>: {text}"), "");
                entry(*session, "LOG", &format!("duration: 0.030 ms  bind <unnamed>: {text}"), &parameters);
                entry(*session, "LOG", &format!("duration: 2.500 ms  execute <unnamed>: {text}"), &parameters);
            }
            Piece::Apart(session, text) => {
                entry(*session, "LOG", &format!("statement: {text}"), "");
                entry(8, "LOG", "duration: 1.000 ms  statement: SELECT 8", "");
                entry(*session, "LOG", "duration: 3.500 ms", "");
            }
            Piece::Planned(session, text) => {
                entry(*session, "LOG", &format!("duration: 4.400 ms  plan:\nQuery Text: {}", first(text)), "");
                entry(*session, "LOG", &format!("duration: 4.500 ms  statement: {text}"), "");
            }
            Piece::Failed(session, text) => {
                entry(*session, "LOG", &format!("statement: {text}"), "");
                entry(*session, "ERROR", "division by zero", "");
            }
            Piece::Strange => {
                if matches!(format, Format::Stderr) {
                    entry(7, "LOG", "checkpoint starting: time", "");
                }
            }
        }
    }
    log
}

/// Sorted, and without what a cut between a plan and the duration of the same execution loses: then the plan alone tells of it, or its
/// cost is lost.
fn comparable(mut seen: Vec<Seen>) -> Vec<String> {
    for execution in &mut seen {
        execution.plan_cost = None;
        if matches!(execution.duration, Some(4.4 | 4.5)) {
            (execution.duration, execution.line) = (Some(4.5), 0);
        }
    }
    let mut all: Vec<String> = seen.iter().map(|seen| format!("{} {}", seen.line, seen.summary())).collect();
    all.sort();
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn cutting_anywhere_and_going_on_gives_the_same(
        pieces in pieces(),
        format in prop_oneof![Just(Format::Stderr), Just(Format::Csv), Just(Format::Json)],
        cuts in proptest::collection::vec(any::<Index>(), 30),
    ) {
        let log = write_log(&pieces, format);
        let whole = comparable(read_all(log.as_bytes(), &LogOptions::default()).0);
        for cut in cuts.iter().map(|cut| cut.index(log.len() + 1)) {
            // Too little may not tell what it is.
            let Some((mut seen, report)) = try_to_read(&log.as_bytes()[..cut], &growing(None)) else { continue };
            let entries = report.position.entries;
            let (rest, after) = read_on(log.as_bytes(), report.position);
            prop_assert!(!after.restarted);
            prop_assert_eq!(after.position.offset, u64::try_from(log.len()).expect("small"));
            seen.extend(rest);
            if entries >= 2 {
                prop_assert_eq!(&comparable(seen), &whole, "cut at {}", cut);
            } else {
                prop_assert_eq!(seen.len(), whole.len(), "cut at {}", cut);
            }
        }
    }
}

fn try_to_read(log: &[u8], options: &LogOptions) -> Option<(Vec<Seen>, LogReport)> {
    let mut seen = Vec::new();
    let report = pgtailor_log::read(log, options, &mut |execution| seen.push(Seen::of(execution))).ok()?;
    Some((seen, report))
}

fn simple_log(numbers: std::ops::Range<u32>) -> String {
    let line = |number| format!("2026-11-27 10:00:00.123 UTC [{number}] LOG:  duration: 1.000 ms  statement: SELECT {number}\n");
    numbers.map(line).collect()
}

#[test]
fn a_stored_position_goes_on_where_it_was() {
    let log = simple_log(0..100);
    let (first, report) = read_all(&log.as_bytes()[..2000], &growing(None));
    let stored = serde_json::to_string(&report.position).expect("no text in it");
    assert!(!stored.contains("SELECT"), "{stored}");
    let position: Position = serde_json::from_str(&stored).expect("what was stored");
    let options = LogOptions { from: Some(position.clone()), ..LogOptions::default() };
    for (second, report) in [read_on(log.as_bytes(), position), read_all(log.as_bytes(), &options)] {
        assert_eq!(first.len() + second.len(), 100);
        assert_eq!((second[0].line, report.position.lines), (u64::try_from(first.len()).expect("small") + 1, 100));
        assert_eq!((report.position.entries, report.position.executions), (100, 100));
    }
}

#[test]
fn a_log_that_was_replaced_or_cut_is_read_from_its_start_and_said() {
    let (_, report) = read_all(simple_log(0..100).as_bytes(), &growing(None));
    let other = simple_log(100..103);
    let (seen, after) = read_on(other.as_bytes(), report.position.clone());
    assert_eq!((seen.len(), after.restarted), (3, true));
    assert!(after.notes[0].contains("replaced"), "{:?}", after.notes);
    let shorter = simple_log(0..50);
    let (seen, after) = read_on(shorter.as_bytes(), report.position.clone());
    assert_eq!((seen.len(), after.restarted), (50, true));
    assert!(after.notes[0].contains("cut"), "{:?}", after.notes);
    // A stream can not be read twice: the next reading begins again.
    let options = LogOptions { from: Some(report.position), ..LogOptions::default() };
    let (seen, after) = read_all(shorter.as_bytes(), &options);
    assert_eq!((seen.len(), after.restarted, after.position.offset), (0, true, 0));
}

#[test]
fn nothing_new_is_nothing() {
    let log = simple_log(0..10);
    let (_, report) = read_all(log.as_bytes(), &LogOptions::default());
    let (seen, after) = read_on(log.as_bytes(), report.position);
    assert_eq!((seen.len(), after.restarted, after.position.offset), (0, false, u64::try_from(log.len()).expect("small")));
    assert_eq!(after.position.executions, 10);
}

#[test]
fn a_compressed_log_is_gone_on_with_too() {
    let log = simple_log(0..100);
    let compress = |text: &str| ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
    let (first, report) = read_all(&compress(&simple_log(0..40)), &growing(None));
    let (second, _) = read_on(&compress(&log), report.position);
    assert_eq!(first.len() + second.len(), 100);
}
