//! The same messages in all formats, compressed or not; what is no log, and what is damaged.

use std::io::{Cursor, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use pgtailor_log::{End, Format, LogError, LogOptions, SkipReason, read, read_from};

mod support;
use support::{Seen, read_all};

/// Texts with everything that some format escapes.
const TEXTS: &[&str] = &[
    "SELECT 1",
    "SELECT \"a\", 'it''s'\n\tFROM t\n\n WHERE b = E'\\n,\\\"'",
    "SELECT 'é😀', '\t'",
    "-- LOG:  duration: 9.000 ms  statement: SELECT 9\nSELECT 2",
    "SELECT 3\n2026-11-27 10:00:00.123 UTC,\"eve\",\"shop\",42\n{\"error_severity\":\"LOG\"}",
    "SELECT 4\r\n",
];

const PARAMETERS: &str = "$1 = 'a''b\n\t\"c\"\\', $2 = NULL";

fn stderr(prefix_of: impl Fn(usize) -> String) -> String {
    let entry = |number: usize, word: &str, text: &str| format!("{}{word}:  {}\n", prefix_of(number), text.replace('\n', "\n\t"));
    let mut log = String::new();
    for (number, text) in TEXTS.iter().enumerate() {
        log += &entry(number, "LOG", &format!("duration: {number}.500 ms  execute <unnamed>: {text}"));
        log += &entry(number, "DETAIL", &format!("parameters: {PARAMETERS}"));
        log += &entry(number, "ERROR", "relation does not exist");
        log += &entry(number, "STATEMENT", text);
    }
    log
}

fn default_prefix(number: usize) -> String {
    format!("2026-11-27 10:00:00.123 UTC [{number}] ")
}

fn csv() -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut log = String::new();
    for (number, text) in TEXTS.iter().enumerate() {
        let message = quoted(&format!("duration: {number}.500 ms  execute <unnamed>: {text}"));
        let front = format!(
            "2026-11-27 10:00:00.123 UTC,\"eve\",\"shop\",{number},\"[local]\",6a.{number:x},1,\"SELECT\",2026-11-27 10:00:00 UTC,3/7,0"
        );
        let detail = quoted(&format!("parameters: {PARAMETERS}"));
        let text = quoted(text);
        log.extend([
            format!("{front},LOG,00000,{message},{detail},,,,,,,,\"psql\",\"client backend\",,-7\n"),
            format!("{front},ERROR,42P01,\"relation does not exist\",,,,,,{text},8,,\"psql\",\"client backend\",,0\n"),
        ]);
    }
    log
}

fn json() -> String {
    let mut log = String::new();
    for (number, text) in TEXTS.iter().enumerate() {
        let message = format!("duration: {number}.500 ms  execute <unnamed>: {text}");
        let object = |severity: &str, message: &str, detail: &str| {
            let [message, detail] = [message, detail].map(|text| serde_json::to_string(text).expect("text"));
            format!(
                "{{\"timestamp\":\"2026-11-27 10:00:00.123 UTC\",\"user\":\"eve\",\"dbname\":\"shop\",\"pid\":{number},\
                 \"session_id\":\"6a.{number:x}\",\"error_severity\":\"{severity}\",\"message\":{message},\"detail\":{detail},\
                 \"application_name\":\"psql\",\"query_id\":-7}}\n"
            )
        };
        log += &object("LOG", &message, &format!("parameters: {PARAMETERS}"));
        log += &object("ERROR", "relation does not exist", "");
    }
    log
}

/// The number of the line with `mark`, from 1.
fn line_of(log: &str, mark: &str) -> u64 {
    let before = &log[..log.find(mark).expect("it is there")];
    1 + u64::try_from(before.matches('\n').count()).expect("small")
}

#[track_caller]
fn check(log: &[u8], format: Format) -> Vec<Seen> {
    for stated in [None, Some(format)] {
        let (mut seen, report) = read_all(log, &LogOptions { format: stated, ..LogOptions::default() });
        seen.sort_by(|a, b| a.duration.partial_cmp(&b.duration).expect("numbers"));
        let texts: Vec<&str> = seen.iter().map(|seen| seen.text.as_str()).collect();
        assert_eq!(texts, TEXTS);
        assert_eq!(seen[0].parameters, ["a'b\n\t\"c\"\\", "NULL"]);
        assert_eq!(seen[2].duration, Some(2.5));
        assert_eq!((report.format, report.errors_logged), (Some(format), 6));
        assert_eq!((report.skipped.as_slice(), report.position.offset), (&[][..], u64::try_from(log.len()).expect("small")));
    }
    read_all(log, &LogOptions::default()).0
}

#[test]
fn all_formats_give_the_same_executions() {
    check(stderr(default_prefix).as_bytes(), Format::Stderr);
    for (log, format) in [(csv(), Format::Csv), (json(), Format::Json)] {
        let seen = check(log.as_bytes(), format);
        assert_eq!(seen[0].who, ["eve", "shop", "psql"].map(|name| Some(name.to_owned())));
        assert_eq!(read_all(log.as_bytes(), &LogOptions::default()).0[1].line, line_of(&log, "6a.1"));
    }
}

#[test]
fn a_prefix_that_nobody_uses_is_found_out_or_given() {
    let strange = |number: usize| format!("<<{number} shop/eve>> 1795773600.123 ~ ");
    let log = stderr(strange);
    let given = LogOptions { log_line_prefix: Some("<<%p %d/%u>> %n ~ ".to_owned()), ..LogOptions::default() };
    let (seen, _) = read_all(log.as_bytes(), &given);
    assert_eq!(seen[0].who, [Some("eve".to_owned()), Some("shop".to_owned()), None]);
    assert_eq!(seen.len(), TEXTS.len());
    let found_out = |number: usize| format!("<<{number} db=shop eve>> 1795773600.123 ~ ");
    let (seen, report) = read_all(stderr(found_out).as_bytes(), &LogOptions::default());
    assert_eq!((seen.len(), report.log_line_prefix.as_deref()), (TEXTS.len(), Some("<<%p db=%d eve>> %n ~ ")));
}

#[test]
fn a_prefix_that_changes_in_the_middle_is_found_out_again() {
    let quiet = "2026-11-27 10:00:00.123 UTC [1] LOG:  checkpoint starting: time\n".repeat(3000);
    let log = quiet + &stderr(|number| format!("2026-11-27 10:00:00.123 UTC [{number}] eve@shop "));
    let (seen, report) = read_all(log.as_bytes(), &LogOptions::default());
    assert_eq!((seen.len(), report.skipped.len()), (TEXTS.len(), 0));
    assert_eq!(seen[0].who[1].as_deref(), Some("shop"));
}

#[test]
fn line_ends_of_windows_are_line_ends() {
    let log = "2026-11-27 10:00:00.123 UTC [1] LOG:  duration: 1.000 ms  statement: SELECT 1\r\n\t, 2\r\n\
               2026-11-27 10:00:00.123 UTC [1] LOG:  duration: 2.000 ms  execute s: SELECT $1\r\n\
               2026-11-27 10:00:00.123 UTC [1] DETAIL:  parameters: $1 = '7'\r\n";
    let (seen, _) = read_all(log.as_bytes(), &LogOptions::default());
    assert_eq!((seen[0].text.as_str(), seen[1].text.as_str()), ("SELECT 1\n, 2", "SELECT $1"));
    assert_eq!(seen[1].parameters, ["7"]);
    for log in [csv(), json()] {
        let log = log.replace('\r', "").replace("\r\n", "\n").replace('\n', "\r\n");
        assert_eq!(read_all(log.as_bytes(), &LogOptions::default()).0.len(), TEXTS.len());
    }
}

#[test]
fn compressed_logs_are_read_and_cut_ones_up_to_the_cut() {
    let log = csv().repeat(300);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let gzip = encoder.write_all(log.as_bytes()).and_then(|()| encoder.finish()).expect("memory");
    let zstd = ruzstd::encoding::compress_to_vec(log.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
    for compressed in [gzip, zstd] {
        let (seen, report) = read_all(&compressed, &LogOptions::default());
        assert_eq!((seen.len(), report.notes.len()), (300 * TEXTS.len(), 0));
        let (seen, report) = read_all(&compressed[..compressed.len() / 2], &LogOptions::default());
        assert!(seen.len() > 20 * TEXTS.len() && seen.len() < 300 * TEXTS.len(), "{}", seen.len());
        assert!(report.notes.iter().any(|note| note.contains("ends early")), "{:?}", report.notes);
    }
}

#[test]
fn a_format_that_was_said_wrongly_is_one_clear_error() {
    let logs = [(stderr(default_prefix), Format::Stderr), (csv(), Format::Csv), (json(), Format::Json)];
    for (log, format) in &logs {
        for (_, stated) in logs.iter().filter(|(_, stated)| stated != format) {
            let options = LogOptions { format: Some(*stated), ..LogOptions::default() };
            let error = read(log.as_bytes(), &options, &mut |_| {}).expect_err("another format");
            assert!(matches!(error, LogError::WrongFormat { .. }), "{error}");
            let looks_like = if *format == Format::Stderr { "another kind of text" } else { format.name() };
            assert!(error.to_string().contains(stated.name()) && error.to_string().contains(looks_like), "{error}");
        }
    }
}

#[test]
fn what_is_no_log_is_an_error_that_says_what_to_give() {
    let error = |data: &str, prefix: Option<&str>| {
        let options = LogOptions { log_line_prefix: prefix.map(str::to_owned), ..LogOptions::default() };
        read(data.as_bytes(), &options, &mut |_| {}).expect_err("no log").to_string()
    };
    assert!(error("hello\nworld\n", None).contains("--log-line-prefix"));
    assert!(error("hello\nworld\n", Some("%m ")).contains("SHOW log_line_prefix"));
    assert!(error("a\0\0\0\n\0\0\n", None).contains("binary data"));
    assert!(error(&"\0".repeat(2_000_000), None).contains("binary data"));
    assert!(error(&"x".repeat(2_000_000), None).contains("without line ends"));
    assert!(error("{\"log\":\"x\"}\n", None).contains("container"));
    let syslog = "Nov 27 10:00:00 db1 postgres[4711]: [4-1] 2026-11-27 10:00:00 UTC LOG:  x\n";
    assert!(error(syslog, None).contains("log_destination"));
}

#[test]
fn an_empty_log_is_empty() {
    for data in ["", "\n\n"] {
        let (seen, report) = read_all(data.as_bytes(), &LogOptions::default());
        assert_eq!((seen.len(), report.entries), (0, 0));
    }
    assert_eq!(read_all(b"", &LogOptions::default()).1.notes, ["the log is empty"]);
}

#[test]
fn an_entry_that_is_too_long_is_skipped_and_the_rest_goes_on() {
    let long_line = format!("SELECT '{}'", "x".repeat(3_000_000));
    let many_lines = format!("SELECT '{}'", "xxxxxxxxx\n".repeat(300_000));
    for text in [long_line, many_lines] {
        let message = format!("duration: 1.000 ms  statement: {text}");
        let stderr_log = format!(
            "{}LOG:  {}\n{}DETAIL:  x\n{}",
            default_prefix(1),
            message.replace('\n', "\n\t"),
            default_prefix(1),
            stderr(default_prefix)
        );
        let csv_first = csv().split_once("\"duration").expect("there").0.to_owned();
        let csv_log = format!("{csv_first}\"{message}\",,,,,,,,,\"psql\",\"client backend\",,0\n{}", csv());
        let json_log =
            format!("{{\"error_severity\":\"LOG\",\"message\":{}}}\n{}", serde_json::to_string(&message).expect("text"), json());
        // The formats are stated where the first entry fills all that is looked at.
        for (log, format) in [(stderr_log, Format::Stderr), (csv_log, Format::Csv), (json_log, Format::Json)] {
            let prefix = (format == Format::Stderr).then(|| "%m [%p] ".to_owned());
            let front = match format {
                Format::Stderr => format!("{}LOG:  x\n", default_prefix(1)),
                Format::Csv => csv(),
                Format::Json => json(),
            };
            let options = LogOptions { format: Some(format), log_line_prefix: prefix, ..LogOptions::default() };
            let (seen, report) = read_all((front.clone() + &log).as_bytes(), &options);
            let before = if format == Format::Stderr { 0 } else { TEXTS.len() };
            assert_eq!(seen.len(), before + TEXTS.len(), "{}", format.name());
            // Without anything before it, what was said is believed.
            assert_eq!(read_all(log.as_bytes(), &options).0.len(), TEXTS.len(), "{}", format.name());
            let skips: Vec<(SkipReason, u64)> = report.skipped.iter().map(|skip| (skip.reason, skip.count)).collect();
            assert_eq!(skips, [(SkipReason::TooLong, 1)], "{}", format.name());
            let line = line_of(&(front.clone() + "§"), "§");
            assert_eq!(report.skipped[0].first_line, line);
        }
    }
}

#[test]
fn holes_and_broken_bytes_lose_only_themselves() {
    let mut log = stderr(default_prefix).into_bytes();
    log.extend(vec![0; 5000]);
    log.extend(b"\n");
    log.extend(b"2026-11-27 10:00:00.123 UTC [1] LOG:  duration: 1.000 ms  statement: SELECT 'caf\xe9'\n");
    let (seen, report) = read_all(&log, &LogOptions::default());
    assert!(seen.iter().any(|seen| seen.text == "SELECT 'caf\u{fffd}'"));
    assert_eq!((seen.len(), report.not_utf8), (TEXTS.len() + 1, 1));
    assert_eq!(report.skipped.iter().map(|skip| (skip.reason, skip.count)).collect::<Vec<_>>(), [(SkipReason::Binary, 1)]);
}

#[test]
fn a_last_entry_that_is_not_whole_is_left_and_said() {
    let log = "2026-11-27 10:00:00.123 UTC [1] LOG:  duration: 1.000 ms  statement: SELECT 1\n\
               2026-11-27 10:00:00.123 UTC [1] LOG:  duration: 1.000 ms  statement: SELE";
    let (seen, report) = read_all(log.as_bytes(), &LogOptions::default());
    assert_eq!((seen.len(), report.skipped[0].reason, report.skipped[0].first_line), (1, SkipReason::CutOff, 2));
    let (seen, report) = read_all(log.as_bytes(), &LogOptions { end: End::Growing, ..LogOptions::default() });
    assert_eq!((seen.len(), report.skipped.len(), report.position.lines), (1, 0, 1));
}

#[test]
fn an_input_that_fails_is_an_error_with_its_place() {
    struct Failing(Cursor<Vec<u8>>);
    impl std::io::Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(std::io::ErrorKind::BrokenPipe.into()),
                length => Ok(length),
            }
        }
    }
    impl std::io::Seek for Failing {
        fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
            self.0.seek(to)
        }
    }
    let log = Cursor::new(csv().repeat(500).into_bytes());
    let error = read_from(Failing(log), &LogOptions::default(), &mut |_| {}).expect_err("it fails");
    assert!(matches!(error, LogError::Read { .. }), "{error}");
}
