//! `pgtailor workload` on real servers: every source, what stands in its way, and nothing personal in what it prints.

use pgtailor_testkit::program::{Program, Run};
use pgtailor_testkit::server::Server;
use serde_json::Value;

const SCHEMA: &str = "
    CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, status text, total numeric, created_at timestamptz);
    CREATE TABLE customers (id bigint PRIMARY KEY, email text);
    INSERT INTO orders SELECT g, g % 50, CASE WHEN g % 9 = 0 THEN 'open' ELSE 'paid' END, g, now() - g * interval '1 min'
      FROM generate_series(1, 2000) g;
    INSERT INTO customers SELECT g, 'c' || g || '@example.org' FROM generate_series(1, 50) g;
    ANALYZE";

fn program(server: &Server) -> Program {
    Program::new(env!("CARGO_BIN_EXE_pgtailor")).on(&server.lab.url("postgres"))
}

fn recording() -> Server {
    let server = Server::with_settings(&[("shared_preload_libraries", "pg_stat_statements")]);
    server.sql("postgres", SCHEMA);
    server.sql("postgres", "CREATE EXTENSION pg_stat_statements");
    server.sql("postgres", "SELECT pg_stat_statements_reset()");
    server
}

fn json(run: Run) -> Value {
    serde_json::from_str(&run.expect_code(0).out).expect("JSON")
}

/// Text and calls of the statements that hold `words`.
fn seen(report: &Value, words: &str) -> Vec<(String, u64)> {
    let queries = report["queries"].as_array().expect("statements");
    let with_words = queries.iter().filter(|query| query["text"].as_str().is_some_and(|text| text.contains(words)));
    with_words
        .map(|query| (query["text"].as_str().unwrap_or_default().to_owned(), query["calls"].as_u64().unwrap_or_default()))
        .collect()
}

#[test]
fn what_the_server_recorded_is_shown_by_time_with_who_asked() {
    let server = recording();
    for id in 1..=3 {
        let sql = format!("SELECT * FROM orders WHERE customer_id = {id} /*route='%2Forders%2F{id}',application='web'*/");
        server.sql("postgres", &sql);
    }
    server.sql("postgres", "UPDATE orders SET status = 'paid' WHERE id = 7");
    let report = json(program(&server).run(&["workload", "--format", "json"]));
    assert_eq!(seen(&report, "customer_id"), [("SELECT * FROM orders WHERE customer_id = $1".to_owned(), 3)]);
    assert_eq!(report["coverage"]["share"], 1.0);
    let query = report["queries"]
        .as_array()
        .and_then(|queries| queries.iter().find(|query| query["text"].as_str().is_some_and(|text| text.contains("customer_id"))));
    let tags = query.and_then(|query| query["tags"].as_array()).expect("tags");
    assert!(tags.contains(&serde_json::json!({"tag": "application", "value": "web", "calls": 3})), "{tags:?}");
    let human = program(&server).run(&["workload"]).expect_code(0).out;
    for words in ["customer_id = $1", "orders (reads)", "orders (updates)", "/orders/*", "100 % of the time"] {
        assert!(human.contains(words), "{words} in\n{human}");
    }
    assert!(human.lines().all(|line| line.chars().count() <= 80), "{human}");
}

#[test]
fn two_captures_make_a_window() {
    let server = recording();
    server.sql("postgres", "SELECT count(*) FROM orders WHERE status = 'open'");
    let folder = tempfile::tempdir().expect("a folder");
    let earlier = folder.path().join("earlier.snapshot");
    let earlier = earlier.to_str().expect("UTF-8");
    program(&server).run(&["capture", "-o", earlier]).expect_code(0);
    server.sql("postgres", "SELECT count(*) FROM orders WHERE total > 5");
    server.sql("postgres", "SELECT count(*) FROM orders WHERE total > 6");
    let report = json(program(&server).run(&["workload", "--since", earlier, "--format", "json"]));
    assert_eq!(seen(&report, "count(*)"), [("SELECT count(*) FROM orders WHERE total > $1".to_owned(), 2)]);
    assert!(report["sources"][0]["since"].is_string());

    // Two files, offline; the reset in between is said.
    server.sql("postgres", "SELECT pg_stat_statements_reset()");
    server.sql("postgres", "SELECT count(*) FROM customers WHERE email = 'x'");
    let later = folder.path().join("later.snapshot");
    let later = later.to_str().expect("UTF-8");
    program(&server).run(&["capture", "-o", later]).expect_code(0);
    let offline = Program::new(env!("CARGO_BIN_EXE_pgtailor"));
    let report = json(offline.run(&["workload", later, "--since", earlier, "--format", "json"]));
    assert_eq!(seen(&report, "count(*)").len(), 1, "{report}");
    assert!(report["sources"][0]["notes"][0].as_str().is_some_and(|note| note.contains("was reset")));
    offline.run(&["workload", later, "--since", "/no/such"]).expect_error(&["cannot read the earlier capture /no/such"]);
    offline.run(&["workload", later, "--workload", "pg_stat_activity"]).expect_error(&["needs the database itself", "hint:"]);
}

#[test]
fn the_share_that_is_seen_is_right_when_the_server_forgets_statements() {
    let columns: Vec<String> = (0..30).map(|column| format!("c{column} int")).collect();
    let settings = [
        ("shared_preload_libraries", "pg_stat_statements,auto_explain"),
        ("pg_stat_statements.max", "100"),
        // The executor's own time of every statement: the truth to compare with.
        ("auto_explain.log_min_duration", "0"),
    ];
    let server = Server::with_settings(&settings);
    server.sql("postgres", &format!("CREATE TABLE wide ({}); INSERT INTO wide (c0) VALUES (1)", columns.join(", ")));
    server.sql("postgres", "CREATE EXTENSION pg_stat_statements");
    server.sql("postgres", "SELECT pg_stat_statements_reset()");
    let folder = tempfile::tempdir().expect("a folder");
    let earlier = folder.path().join("earlier.snapshot");
    let earlier = earlier.to_str().expect("UTF-8");
    program(&server).run(&["capture", "-o", earlier]).expect_code(0);
    let before = server.log().len();
    let pairs = (0..30).flat_map(|one| (0..one).map(move |other| (one, other)));
    let script: Vec<String> = pairs.map(|(one, other)| format!("SELECT pg_sleep(0.004), c{one} + c{other} FROM wide")).collect();
    server.sql("postgres", &script.join(";\n"));

    let report = json(program(&server).run(&["workload", "--since", earlier, "--format", "json"]));
    let coverage = &report["coverage"];
    let log = server.log();
    let whole: f64 = executor_times(&log[before..]);
    let truth = coverage["seen_ms"].as_f64().expect("a time") / whole;
    let share = coverage["share"].as_f64().expect("a share");
    assert!(coverage["evicted"].as_u64().is_some_and(|evicted| evicted > 0), "{coverage}");
    assert!(truth < 0.6, "most of 435 statements were forgotten: {truth}");
    assert_eq!(coverage["is_lower_bound"], true);
    assert!(share <= truth + 0.01 && share >= truth * 0.75, "said {share}, is {truth}");
    let human = program(&server).run(&["workload", "--since", earlier]).expect_code(0).out;
    assert!(human.contains("seen        at least") && human.contains("forgotten"), "{human}");
}

/// Milliseconds of all statements that `auto_explain` logged, ours left out.
fn executor_times(log: &str) -> f64 {
    let mut whole = 0.0;
    let mut lines = log.lines();
    while let Some(line) = lines.next() {
        if let Some((_, rest)) = line.split_once("duration: ")
            && let Some((milliseconds, _)) = rest.split_once(" ms  plan:")
            && lines.next().is_some_and(|text| !text.contains("/* pgtailor */"))
        {
            whole += milliseconds.parse::<f64>().expect("a number");
        }
    }
    whole
}

#[test]
fn what_runs_is_sampled_where_nothing_is_recorded() {
    let server = Server::with_settings(&[]);
    server.sql("postgres", SCHEMA);
    let url = server.lab.url("postgres");
    let sleeper = std::thread::spawn(move || {
        let sql = "SELECT pg_sleep(6), id FROM orders WHERE customer_id = 7 LIMIT 1";
        std::process::Command::new("psql").args(["-X", "-d", &url, "-c", sql]).output().expect("psql is installed")
    });
    pgtailor_testkit::wait_until("it sleeps", || {
        server.sql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1"
    });
    let report = json(program(&server).run(&[
        "workload",
        "--workload",
        "pg_stat_activity",
        "--sampling-seconds",
        "1",
        "--format",
        "json",
    ]));
    assert_eq!(
        seen(&report, "pg_sleep"),
        [("SELECT pg_sleep($1), id FROM orders WHERE customer_id = $2 LIMIT $3".to_owned(), 1)]
    );
    assert_eq!(report["queries"][0]["tags"][0], serde_json::json!({"tag": "application", "value": "psql", "calls": 1}));
    let time = report["queries"][0]["total_time_ms"].as_f64().expect("a time");
    assert!(time >= 900.0, "it was seen running all the time: {time}");
    sleeper.join().expect("it ends");
}

#[test]
fn folders_files_and_standard_input_are_merged() {
    let server = recording();
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text).expect("written");
    write("by-customer.sql", b"SELECT * FROM orders WHERE customer_id = 3;");
    write(
        "report.sql",
        b"-- what sells; 'still a comment'\nSELECT status, sum(total) FROM orders WHERE status <> ';' GROUP BY 1",
    );
    write("latin.sql", b"SELECT * FROM customers WHERE email = 'caf\xe9'");
    write("weights.json", b"{\"by-customer\": 1000, \"gone\": 3}");
    let path = folder.path().to_str().expect("UTF-8");
    let extra = folder.path().join("report.sql");
    let arguments =
        ["workload", "--workload", path, "--workload", extra.to_str().expect("UTF-8"), "--workload", "-", "--format", "json"];
    let report: Value = {
        let run = program(&server).run_with_input(&arguments, b"DELETE FROM orders o WHERE o.id = 9;\nSELEC 'S3cret!';\nVACUUM");
        json(run)
    };
    assert_eq!(seen(&report, "customer_id"), [("SELECT * FROM orders WHERE customer_id = $1".to_owned(), 1000)]);
    assert_eq!(seen(&report, "sum(total)")[0].1, 2);
    assert_eq!(seen(&report, "DELETE").len(), 1);
    let skipped: Vec<String> = report["skipped"]
        .as_array()
        .expect("skipped")
        .iter()
        .map(|skipped| {
            format!("{}: {}", skipped["statement"].as_str().unwrap_or_default(), skipped["reason"].as_str().unwrap_or_default())
        })
        .collect();
    assert_eq!(
        skipped,
        ["standard input, line 2: it cannot be parsed as SQL", "standard input, line 3: it is a utility statement"]
    );
    let text = report.to_string();
    assert!(text.contains("latin.sql is not UTF-8") && text.contains("weights.json names gone"), "{text}");
    assert!(!text.contains("S3cret"), "{text}");

    write("weights.json", b"{\"by-customer\": \"S3cret!\"}");
    let run = program(&server).run(&["workload", "--workload", path]);
    run.expect_error(&["weights.json, line 1, column", "whole numbers", "hint:"]);
    assert!(!run.err.contains("S3cret"));
    program(&server).run(&["workload", "--workload", "no-such"]).expect_error(&["no workload `no-such`", "pg_stat_activity"]);
}

#[test]
fn each_lack_names_its_cause_and_its_cure() {
    let server = Server::start();
    server.sql("postgres", SCHEMA);
    program(&server).run(&["workload"]).expect_error(&[
        "pg_stat_statements is not installed",
        "hint:",
        "shared_preload_libraries",
    ]);
    server.sql("postgres", "CREATE EXTENSION pg_stat_statements");
    program(&server).run(&["workload"]).expect_error(&["not loaded by the server", "hint:", "restart"]);

    // With another source the rest goes on, and the lack is said.
    let arguments = ["workload", "--workload", "pg_stat_statements", "--workload", "-"];
    let run = program(&server).run_with_input(&arguments, b"SELECT * FROM orders WHERE id = 1").expect_code(0);
    let words = run.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("not loaded by the server") && words.contains("restart the server"), "{}", run.out);
    assert!(words.contains("orders (reads)"), "{}", run.out);

    let server = recording();
    server.sql("postgres", "SELECT count(*) FROM orders");
    server.sql("postgres", "CREATE ROLE reader LOGIN PASSWORD 'reader'; GRANT SELECT ON orders TO reader");
    let url =
        server.lab.url("postgres").replacen(&format!("{}:{}@", server.lab.user(), server.lab.password()), "reader:reader@", 1);
    let reader = Program::new(env!("CARGO_BIN_EXE_pgtailor")).on(&url);
    reader
        .run(&["workload"])
        .expect_error(&["may not see the statements of other roles", "hint: GRANT pg_read_all_stats TO reader"]);

    server.sql("postgres", "CREATE DATABASE quiet");
    server.sql("quiet", "CREATE EXTENSION pg_stat_statements");
    server.sql("quiet", "ALTER DATABASE quiet SET compute_query_id = off");
    let quiet = Program::new(env!("CARGO_BIN_EXE_pgtailor")).on(&server.lab.url("quiet"));
    quiet.run(&["workload"]).expect_error(&["compute_query_id is off", "hint: set compute_query_id to auto"]);
}

/// A literal that must never leave the database, wherever it was written.
const CANARY: &str = "kanarienvogel-4711";

#[test]
fn a_literal_planted_anywhere_appears_in_no_snapshot_report_or_error() {
    let server = Server::with_settings(&[
        ("shared_preload_libraries", "pg_stat_statements,auto_explain"),
        ("logging_collector", "on"),
        ("log_destination", "stderr,csvlog,jsonlog"),
        ("log_filename", "server.log"),
        ("log_min_duration_statement", "0"),
        ("auto_explain.log_min_duration", "0"),
        ("pg_stat_statements.track_utility", "on"),
    ]);
    server.sql("postgres", SCHEMA);
    server.sql("postgres", "CREATE EXTENSION pg_stat_statements");
    let plant = |sql: &str| server.try_sql(&server.lab.url("postgres"), &sql.replace("CANARY", CANARY));
    for sql in [
        "CREATE ROLE sec PASSWORD 'CANARY'",
        "ALTER ROLE sec PASSWORD 'CANARY'",
        "INSERT INTO customers SELECT 1000 + g, 'CANARY' FROM generate_series(1, 500) g",
        "ANALYZE customers",
        "SELECT * FROM customers WHERE email = 'CANARY' /* user='CANARY',route='%2FCANARY' */",
        "SELECT 'CANARY' AS x, count(*) FROM customers WHERE email LIKE 'CANARY%' OR lower(email) = E'CANARY' GROUP BY 1 -- CANARY",
        "UPDATE customers SET email = $$CANARY$$ WHERE coalesce(email, 'CANARY') = 'CANARY'",
        "PREPARE p AS SELECT * FROM customers WHERE email = $1; EXECUTE p ('CANARY')",
        "SELECT * FROM customers WHERE email = 'CANARY",
        "SELEC 'CANARY'",
        "SELECT * FROM no_such_table WHERE x = 'CANARY'",
        "COPY (SELECT 'CANARY') TO STDOUT; DO $x$ BEGIN PERFORM 'CANARY'; END $x$",
        "SELECT ('CANARY'::text)::int",
    ] {
        plant(sql);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let sql = folder.path().join("planted.sql");
    std::fs::write(&sql, format!("SELECT * FROM customers WHERE email = '{CANARY}';\nSELEC '{CANARY}';\nSELECT '{CANARY}"))
        .expect("written");
    let captured = |name: &str, level: &[&str]| {
        let snapshot = folder.path().join(name).to_str().expect("UTF-8").to_owned();
        program(&server).run(&[&["capture", "-o", &snapshot][..], level].concat()).expect_code(0);
        let unpacked = std::process::Command::new("gzip").args(["-dc", &snapshot]).output().expect("gzip is installed").stdout;
        (snapshot, String::from_utf8(unpacked).expect("JSON"))
    };
    // A twin plans by values, so they are in the file unless something else is asked for: there would be something to find.
    let (snapshot, exact) = captured("a.snapshot", &[]);
    assert!(exact.contains(CANARY), "exact statistics hold values");
    let snapshot = snapshot.as_str();
    for level in ["none", "anonymized"] {
        let (_, unpacked) = captured(level, &["--statistics", level]);
        assert!(unpacked.contains("customers") && !unpacked.contains(CANARY), "the snapshot is clean: {level}");
    }

    let logs = server.lab.folder().join("data/log");
    let mut sources: Vec<String> =
        ["log", "csv", "json"].iter().map(|ending| logs.join(format!("server.{ending}")).display().to_string()).collect();
    sources.push(sql.display().to_string());
    sources.push("pg_stat_statements".to_owned());
    for log in &sources[..3] {
        assert!(std::fs::read_to_string(log).expect("a log").contains(CANARY), "the log has it: {log}");
    }
    for format in ["human", "json", "markdown", "html", "sql"] {
        let mut arguments = vec!["workload", "--most", "100", "--format", format];
        for source in &sources {
            arguments.extend(["--workload", source]);
        }
        let run = program(&server).env("PGTAILOR_LOG", "trace").run(&arguments).expect_code(0);
        assert!(!run.out.contains(CANARY), "{format}\n{}", run.out);
        assert!(run.err.contains("DEBUG"), "the diagnostics are on: {}", run.err);
        assert!(!run.err.contains(CANARY), "{format}\n{}", run.err);
        let file = sql.to_str().expect("UTF-8");
        let offline = vec!["check", snapshot, "--plans", "--workload", file, "--workload", &sources[1], "--format", format];
        for command in [vec!["check", "--format", format], vec!["check", snapshot, "--format", format], offline] {
            let run = program(&server).run(&command);
            assert!(!run.out.contains(CANARY) && !run.err.contains(CANARY), "{command:?}");
            assert!(run.code.is_some_and(|code| code < 2), "{command:?}: {}", run.err);
        }
    }
    // Where they are asked for, values are shown: the statements were understood with them.
    let shown = program(&server).run(&["workload", "--show-values", "--workload", &sources[1]]).expect_code(0).out;
    assert!(shown.contains(CANARY));
}

#[test]
fn logs_that_are_broken_or_something_else_are_said_to_be() {
    use std::io::Write as _;
    let server = Server::start();
    server.sql("postgres", SCHEMA);
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    };
    let entry = "2026-11-27 01:09:45.683 UTC [124] LOG:  duration: 1.234 ms  statement: SELECT * FROM orders WHERE id = 1\n";
    let good = entry.repeat(500);
    let calls = |arguments: &[&str]| {
        let report = json(program(&server).run(&[&["workload", "--format", "json"], arguments].concat()));
        (report["sources"][0]["calls"].as_u64().expect("a number"), report["sources"][0]["notes"].to_string())
    };
    let plain = write("plain.log", good.as_bytes());
    assert_eq!(calls(&["--workload", &plain]).0, 500);

    let mut packed = std::process::Command::new("gzip").args(["-c", &plain]).output().expect("gzip is installed").stdout;
    assert_eq!(calls(&["--workload", &write("whole.log.gz", &packed)]).0, 500);
    packed.truncate(packed.len() - 20);
    let (count, notes) = calls(&["--workload", &write("cut.log.gz", &packed)]);
    assert!(count > 0 && notes.contains("ends early"), "{count}: {notes}");

    let mut mixed = good.clone().into_bytes();
    mixed.extend(
        b"2026-11-27 01:09:45.683 UTC [124] LOG:  duration: 1.000 ms  statement: SELECT * FROM orders WHERE status = 'caf\xe9'\n",
    );
    mixed.extend(b"2026-11-27 01:09:45.683 UTC [124] LOG:  duration: 1.000 ms  statement: SELECT '");
    mixed.extend(vec![b'x'; 3 << 20]);
    mixed.extend(b"'\n\0\0\0\0\n");
    mixed.extend(good.as_bytes());
    let (count, notes) = calls(&["--workload", &write("mixed.log", &mixed)]);
    assert_eq!(count, 1001, "{notes}");
    assert!(notes.contains("longer than 1 MB") && notes.contains("UTF-8"), "{notes}");

    let run = program(&server).run(&["workload", "--workload", &plain, "--log-format", "csv"]);
    run.expect_error(&["was said to be `csvlog`", "plain.log"]);
    program(&server)
        .run(&["workload", "--workload", &plain, "--log-line-prefix", "%h|%u|"])
        .expect_error(&["--log-line-prefix", "SHOW log_line_prefix"]);
    program(&server).run(&["workload", "--workload", &write("photo.png", &[0x89, b'P', 0, 0, 1, 2])]).expect_error(&["binary"]);

    // It goes on where it stopped, and begins anew when the file was rotated.
    let positions = folder.path().join("positions.json");
    let resume = ["--workload", &plain, "--resume", positions.to_str().expect("UTF-8")];
    // The last entry is left for the next time: the server may be about to write its parameters.
    assert_eq!(calls(&resume).0, 499);
    assert_eq!(calls(&resume).0, 0);
    let mut file = std::fs::OpenOptions::new().append(true).open(&plain).expect("it is there");
    file.write_all(entry.repeat(3).as_bytes()).expect("written");
    assert_eq!(calls(&resume).0, 3);
    std::fs::write(&plain, entry.replace("09:45", "10:00").repeat(7)).expect("written");
    let (count, notes) = calls(&resume);
    assert_eq!(count, 6);
    assert!(notes.contains("from its beginning"), "{notes}");
    // What fails after the log was read has read nothing.
    std::fs::write(&plain, entry.repeat(5)).expect("written");
    let image = write("image.png", &[0x89, b'P', 0, 0, 1, 2]);
    let twice = [&resume[..], &["--workload", &image]].concat();
    program(&server).run(&[&["workload"][..], &twice[..]].concat()).expect_error(&["binary"]);
    assert_eq!(calls(&resume).0, 4);
    std::fs::write(&positions, "no positions").expect("written");
    program(&server).run(&[&["workload"][..], &resume[..]].concat()).expect_error(&["does not hold the positions", "hint:"]);
}
