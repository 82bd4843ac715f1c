//! What a real server logs of statements that were really sent: all three formats give what was sent, with the same numbers.

#![expect(clippy::disallowed_methods, reason = "the test reads files and waits for them; the crate does neither")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use pgtailor_lab::{Lab, LabOptions};
use pgtailor_log::{Format, LogOptions, LogReport};
use postgres::types::ToSql;
use postgres::{Client, NoTls};

mod support;
use support::{Seen, read_all};

/// Runs what was prepared before it.
const EXECUTED: &str = "EXECUTE twice(7)";

/// Sent last, so that one can wait for it.
const LAST: &str = "SELECT 'the very last'";

/// By the simple protocol.
const SIMPLE: &[&str] = &[
    "SELECT 'it''s', \"typname\" FROM pg_type WHERE typname = 'int4'",
    "SELECT 1\n\tAS tabbed,\n\n       2\n",
    "SELECT E'back\\\\slash', 'ünï😀', '$1, %s ,\"'",
    "-- LOG:  duration: 9.000 ms  statement: SELECT 9\nSELECT '\nLOG:  statement: SELECT 8\n2026-11-27 10:00:00.123 UTC [1] LOG:  x'",
    "SELECT 'x\r\ny'",
    "CREATE TABLE IF NOT EXISTS kept (id int)",
    "PREPARE twice(int) AS SELECT $1 * 2",
    "INSERT INTO kept VALUES (7)",
    EXECUTED,
    "UPDATE kept SET id = 8 WHERE id = 7",
];

/// By the extended protocol, with two parameters each.
const EXTENDED: &[&str] = &["SELECT $1::text AS a, $2::text AS b", "INSERT INTO kept\nSELECT length($1::text || $2::text)"];

const VALUES: &[(&str, Option<&str>)] = &[
    ("plain", None),
    ("it's 'quoted'''", Some("")),
    ("line\nend\r\n\tand tab\t", Some("back\\slash \\n")),
    ("ünï😀", Some("', $2 = 'x', $3 = NULL")),
    ("\"double\", {json: 1}", Some("$1 = 'x'")),
];

/// One server's log settings, and what is said to the reader.
struct Case {
    settings: &'static [(&'static str, &'static str)],
    log_line_prefix: &'static str,
    /// Whether the prefix is told to the reader.
    told: bool,
}

/// What the three files say, in the order in which it was sent.
struct Logged {
    expected: Vec<String>,
    seen: Vec<Vec<Seen>>,
    reports: Vec<LogReport>,
    stderr: String,
}

impl Case {
    fn log(&self) -> Logged {
        let mut options = LabOptions::new();
        let usual = [
            ("logging_collector", "on"),
            ("log_destination", "stderr,csvlog,jsonlog"),
            ("log_directory", "log"),
            ("log_filename", "server.log"),
            ("log_rotation_age", "0"),
            ("log_rotation_size", "0"),
            ("log_line_prefix", self.log_line_prefix),
            ("compute_query_id", "on"),
        ];
        for (name, value) in usual.iter().chain(self.settings) {
            options = options.with_setting(*name, *value);
        }
        let lab = Lab::start(&options).expect("a PostgreSQL server can be started here");
        let expected = send(&lab.url("postgres"));
        let folder = lab.folder().join("data/log");
        let files = [("server.log", Format::Stderr), ("server.csv", Format::Csv), ("server.json", Format::Json)];
        let logs = files.map(|(name, _)| wait_for(&folder.join(name)));
        let mut logged =
            Logged { expected, seen: Vec::new(), reports: Vec::new(), stderr: String::from_utf8_lossy(&logs[0]).into() };
        for (log, (_, format)) in logs.iter().zip(files) {
            let told = self.told && format == Format::Stderr;
            let options = LogOptions { log_line_prefix: told.then(|| self.log_line_prefix.to_owned()), ..LogOptions::default() };
            let (mut seen, report) = read_all(log, &options);
            assert_eq!(report.format, Some(format));
            seen.sort_by_key(|execution| execution.line);
            logged.seen.push(seen);
            logged.reports.push(report);
        }
        logged
    }

    /// Checks that each file gives what was sent, with durations if there are any in the log, and the same numbers in all of them.
    fn check(&self) -> Logged {
        let logged = self.log();
        for (seen, report) in logged.seen.iter().zip(&logged.reports) {
            // From server 16 on, auto_explain tells the values of an EXECUTE.
            let told = |seen: &Seen| if seen.text == EXECUTED { "[]".to_owned() } else { format!("{:?}", seen.parameters) };
            let texts: Vec<String> = seen.iter().map(|seen| format!("{} {}", seen.text, told(seen))).collect();
            assert_eq!(texts, logged.expected, "{:?} with {}", report.format, self.log_line_prefix);
            assert_eq!(
                (report.skipped.as_slice(), report.errors_logged, report.translated),
                (&[][..], 1, 0),
                "{:?}",
                report.format
            );
            let numbers =
                |seen: &[Seen]| -> Vec<_> { seen.iter().map(|seen| (seen.duration, seen.planning, seen.plan_cost)).collect() };
            assert_eq!(numbers(seen), numbers(&logged.seen[0]), "{:?}", report.format);
            for duration in seen.iter().filter_map(|seen| seen.duration) {
                assert!(logged.stderr.contains(&format!("duration: {duration:.3} ms")), "{duration}");
            }
        }
        logged
    }
}

/// Sends everything over two sessions in turn; what is expected in the log.
fn send(url: &str) -> Vec<String> {
    let mut sessions = [Client::connect(url, NoTls).expect("a session"), Client::connect(url, NoTls).expect("a session")];
    let mut expected = Vec::new();
    let mut turn = 0;
    let mut next = || {
        turn += 1;
        turn % 2
    };
    for text in SIMPLE {
        sessions[next()].batch_execute(text).expect("it runs");
        expected.push(format!("{text} []"));
    }
    sessions[next()].batch_execute("SELECT 1/0").expect_err("it fails");
    for text in EXTENDED {
        for (first, second) in VALUES {
            let parameters: [&(dyn ToSql + Sync); 2] = [first, second];
            sessions[next()].execute(*text, &parameters).expect("it runs");
            expected.push(format!("{text} {:?}", [first, second.unwrap_or("NULL")]));
        }
    }
    sessions[next()].batch_execute(LAST).expect("it runs");
    expected.push(format!("{LAST} []"));
    expected
}

/// The content of `file` as soon as it tells of [`LAST`] and has stopped growing.
fn wait_for(file: &Path) -> Vec<u8> {
    let began = Instant::now();
    let mut before = 0;
    loop {
        let log = fs::read(file).unwrap_or_default();
        if memchr::memmem::find(&log, LAST.as_bytes()).is_some() && log.len() == before {
            return log;
        }
        before = log.len();
        assert!(began.elapsed() < Duration::from_secs(30), "{} does not tell of the last statement", file.display());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn durations_with_their_statements() {
    let case = Case { settings: &[("log_min_duration_statement", "0")], log_line_prefix: "%m [%p] ", told: false };
    let logged = case.check();
    assert!(logged.seen[0].iter().all(|seen| seen.duration.is_some()));
    assert!(logged.seen[0].iter().filter(|seen| !seen.parameters.is_empty()).all(|seen| seen.planning.is_some()));
    assert_eq!(logged.reports[0].log_line_prefix.as_deref(), Some("%m [%p] "));
    let names = [Some("postgres"), Some("postgres")].map(|name| name.map(str::to_owned));
    assert_eq!((logged.seen[1][0].who[..2].to_vec(), logged.seen[2][0].who[..2].to_vec()), (names.to_vec(), names.to_vec()));
}

#[test]
fn statements_and_durations_apart() {
    let settings = &[("log_statement", "all"), ("log_duration", "on")];
    let logged = Case { settings, log_line_prefix: "%m [%p] %q%u@%d ", told: false }.check();
    assert!(logged.seen[0].iter().all(|seen| seen.duration.is_some()));
    assert_eq!(logged.seen[0][0].who[1].as_deref(), Some("postgres"));
}

#[test]
fn statements_without_durations() {
    let logged = Case { settings: &[("log_statement", "all")], log_line_prefix: "%t %c ", told: false }.check();
    assert!(logged.seen[0].iter().all(|seen| seen.duration.is_none()));
    assert!(logged.reports[0].notes.iter().any(|note| note.contains("log_duration")), "{:?}", logged.reports[0].notes);
}

#[test]
fn statements_that_are_announced_and_measured_with_plans_in_text() {
    let settings = &[
        ("log_statement", "all"),
        ("log_duration", "on"),
        ("log_min_duration_statement", "0"),
        ("session_preload_libraries", "auto_explain"),
        ("auto_explain.log_min_duration", "0"),
    ];
    let log_line_prefix = "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ";
    let logged = Case { settings, log_line_prefix, told: false }.check();
    assert!(logged.seen[0].iter().all(|seen| seen.duration.is_some()));
    check_costs(&logged);
}

#[test]
fn durations_with_plans_in_json() {
    let settings = &[
        ("log_min_duration_statement", "0"),
        ("session_preload_libraries", "auto_explain"),
        ("auto_explain.log_min_duration", "0"),
        ("auto_explain.log_format", "json"),
        ("auto_explain.log_verbose", "on"),
    ];
    let log_line_prefix = "%a|%u|%d|%r|%h|%b|%-8p|%P|%t|%m|%n|%i|%e|%c|%l|%s|%v|%x|%12Q|%q%%|";
    let logged = Case { settings, log_line_prefix, told: true }.check();
    check_costs(&logged);
}

#[test]
fn a_verbose_log_without_any_prefix() {
    let settings = &[("log_min_duration_statement", "0"), ("log_error_verbosity", "verbose")];
    Case { settings, log_line_prefix: "", told: false }.check();
}

#[test]
fn parameters_that_the_server_cuts_off_are_unknown() {
    let settings = &[("log_min_duration_statement", "0"), ("log_parameter_max_length", "5")];
    let logged = Case { settings, log_line_prefix: "%m [%p] ", told: true }.log();
    for seen in &logged.seen {
        let parameters: Vec<&[String]> = seen.iter().map(|seen| &seen.parameters[..]).filter(|list| !list.is_empty()).collect();
        assert_eq!(parameters[..3], [["plain", "NULL"], ["?", ""], ["?", "?"]]);
    }
}

/// Every statement that is planned has a cost; those of utility statements have none.
fn check_costs(logged: &Logged) {
    for seen in &logged.seen[0] {
        let is_utility = seen.text.starts_with("CREATE") || seen.text.starts_with("PREPARE");
        assert_eq!(seen.plan_cost.is_none(), is_utility, "{}", seen.summary());
    }
}
