//! `pgtailor check --plans`: a bad statement fails without any access to its database, and its cure passes.

use std::path::{Path, PathBuf};

use pgtailor_testkit::program::{Program, Run};
use pgtailor_testkit::server::Server;
use serde_json::Value;

const PGTAILOR: &str = env!("CARGO_BIN_EXE_pgtailor");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn example(path: &str) -> String {
    let path = root().join("examples/ci").join(path);
    assert!(path.exists(), "{}", path.display());
    path.to_str().expect("UTF-8").to_owned()
}

/// A folder as continuous integration has it: a snapshot of production, which is gone.
fn checkout(settings: &[(&str, &str)], more: &[&str]) -> tempfile::TempDir {
    let server = Server::with_settings(settings);
    let ran = server.run_file("postgres", Path::new(&example("schema.sql")));
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    for sql in more {
        server.sql("postgres", sql);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let snapshot = folder.path().join("prod.snapshot");
    let program = Program::new(PGTAILOR).on(&server.lab.url("postgres"));
    program.run(&["capture", "-o", snapshot.to_str().expect("UTF-8")]).expect_code(0);
    server.lab.stop().expect("production is gone");
    folder
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("written");
    path.to_str().expect("UTF-8").to_owned()
}

fn check(folder: &Path, arguments: &[&str]) -> Run {
    let snapshot = folder.join("prod.snapshot");
    let first = ["check", snapshot.to_str().expect("UTF-8"), "--plans"];
    Program::new(PGTAILOR).run(&[&first[..], arguments].concat())
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}\n{}\n{}", run.out, run.err))
}

/// Text on one line, without emphasis of the format.
fn words(run: &Run) -> String {
    run.out.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_bad_statement_fails_and_the_index_that_is_named_makes_it_pass() {
    let folder = checkout(&[], &[]);
    let folder = folder.path();
    let (queries, bad) = (example("queries"), example("change/orders-of-customer.sql"));
    let before = check(folder, &["--workload", &queries]).expect_code(0);
    assert!(words(&before).contains("2 statements planned at the size of postgres, none fails"), "{}", before.out);

    let arguments = ["--workload", &queries, "--workload", &bad];
    let failed = check(folder, &arguments).expect_code(1);
    assert!(failed.out.lines().all(|line| line.chars().count() <= 80), "{}", failed.out);
    let markdown = check(folder, &[&arguments[..], &["--format", "markdown"]].concat()).expect_code(1);
    for said in [
        "1 of 3 statements fails",
        "reads 250 000 rows of orders",
        "CREATE INDEX CONCURRENTLY",
        "(customer_id, created\\_at DESC)",
    ] {
        assert!(words(&markdown).replace("created_at", "created\\_at").contains(said), "{said} in\n{}", markdown.out);
    }
    let report = json(&check(folder, &[&arguments[..], &["--format", "json"]].concat()).expect_code(1));
    let statement = &report["statements"][0];
    assert_eq!(statement["problems"][0]["scan"]["table_rows"], 250_000, "{statement:#}");
    let (cost, cured) = (statement["planner_cost"].as_f64(), statement["cure"]["planner_cost"].as_f64());
    assert!(cured.expect("a cure") < cost.expect("a cost") / 10.0, "{statement:#}");

    // What the report proposes, and what the pull request brings, both make it pass; an index on something else does not.
    let proposed = check(folder, &[&arguments[..], &["--format", "sql"]].concat()).expect_code(1);
    let proposed = write(folder, "proposed.sql", &proposed.out);
    for migration in [&proposed, &example("change/0007_orders_of_customer.sql")] {
        let passed = check(folder, &[&arguments[..], &["--apply-sql", migration]].concat()).expect_code(0);
        assert!(words(&passed).contains("none fails"), "{}", passed.out);
    }
    let useless = write(folder, "useless.sql", "BEGIN; CREATE INDEX ON orders (total); COMMIT;");
    check(folder, &[&arguments[..], &["--apply-sql", &useless]].concat()).expect_code(1);

    // Limits are the user's.
    check(folder, &[&arguments[..], &["--max-rows", "250000"]].concat()).expect_code(0);
    check(folder, &[&arguments[..], &["--max-pages", "100"]].concat()).expect_code(1);
}

#[test]
fn the_commands_of_the_workflow_files_run_as_they_stand_there() {
    let folder = checkout(&[], &[]);
    let folder = folder.path();
    std::fs::create_dir(folder.join("queries")).expect("a folder");
    let copy = |from: &str, to: &str| std::fs::copy(example(from), folder.join(to)).expect("copied");
    copy("queries/login.sql", "queries/login.sql");
    copy("change/orders-of-customer.sql", "queries/orders-of-customer.sql");
    copy("change/0007_orders_of_customer.sql", "7.sql");
    for file in ["github.yml", "gitlab.yml"] {
        let text = std::fs::read_to_string(root().join("docs/ci").join(file)).expect("the file");
        let line = text.lines().find(|line| line.contains("pgtailor check ")).expect("the command");
        let command = line.trim().trim_start_matches("- ");
        for (apply, code) in [("", 1), ("--apply-sql 7.sql", 0)] {
            let script = format!("apply=({apply}); {}\nexit \"$code\"", with_code(command));
            let path =
                format!("{}:{}", Path::new(PGTAILOR).parent().expect("a folder").display(), std::env::var("PATH").expect("PATH"));
            let ran = std::process::Command::new("bash")
                .args(["-c", &script])
                .current_dir(folder)
                .env("PATH", path)
                .output()
                .expect("bash is installed");
            assert_eq!(ran.status.code(), Some(code), "{script}\n{}", String::from_utf8_lossy(&ran.stderr));
            let report = std::fs::read_to_string(folder.join("plans.md")).expect("the report");
            assert!(report.starts_with("# Plans: "), "{report}");
        }
    }
}

/// The command, and its exit status in `code`, whatever else the line does with it.
fn with_code(command: &str) -> String {
    let command = command.split(" || ").next().unwrap_or_default();
    format!("{}; code=$?", command.replace(" $apply ", " \"${apply[@]}\" "))
}

#[test]
fn what_a_migration_makes_worse_is_found_with_what_it_took_away() {
    let folder = checkout(&[], &[]);
    let folder = folder.path();
    let drop = write(folder, "drop.sql", "DROP INDEX CONCURRENTLY orders_created_at_idx;");
    let queries = example("queries");
    let arguments = ["--workload", &queries, "--apply-sql", &drop, "--max-rows", "1000000", "--format", "json"];
    let report = json(&check(folder, &arguments).expect_code(1));
    let statement = &report["statements"][0];
    let problem = &statement["problems"][0];
    assert_eq!(problem["kind"], "growth", "{report:#}");
    assert!(problem["after"].as_f64() > problem["before"].as_f64());
    assert_eq!(statement["cure"]["indexes"][0]["definition"], "(created_at)");
    check(folder, &[&arguments[..], &["--max-growth", "1000000"]].concat()).expect_code(0);

    // A change that brings tables, columns and conditions is planned with them.
    let more = "ALTER TABLE orders ADD COLUMN note text; CREATE TABLE notes (order_id bigint REFERENCES orders, note text NOT NULL);\n\
                ALTER TABLE orders ADD CONSTRAINT positive CHECK (total >= 0);";
    let more = write(folder, "more.sql", more);
    let statement =
        write(folder, "notes.sql", "SELECT o.note, n.note FROM orders o JOIN notes n ON n.order_id = o.id WHERE o.id = $1");
    let run = check(folder, &["--workload", &statement, "--apply-sql", &more, "--format", "json"]).expect_code(0);
    let report = json(&run);
    assert_eq!(report["unplanned"], serde_json::json!([]), "{report:#}");
    assert_eq!(report["statements"][0]["planner_cost_before"], Value::Null);

    let wrong = write(folder, "wrong.sql", "CREATE INDEX ON orders (id);\nDROP INDEX nowhere;");
    check(folder, &["--workload", &queries, "--apply-sql", &wrong]).expect_error(&[
        "wrong.sql, line 2",
        "does not exist",
        "42704",
        "hint:",
    ]);
    check(folder, &["--workload", &queries, "--apply-sql", "no-such.sql"]).expect_error(&["cannot read no-such.sql"]);
}

#[test]
fn what_cannot_be_planned_is_listed_and_fails_only_when_asked_to() {
    let folder = checkout(&[], &[]);
    let folder = folder.path();
    let sql = "SELECT nothing FROM orders; SELECT * FROM nowhere WHERE id = 5; VACUUM; SELECT 1; SELEC 1; \
         SELECT id FROM orders WHERE id = 5 AND status = 'S3cret';";
    let path = write(folder, "mixed.sql", sql);
    let run = check(folder, &["--workload", &path, "--format", "json"]).expect_code(0);
    let report = json(&run);
    assert!(report["unplanned"].as_array().is_some_and(|unplanned| unplanned.len() == 3), "{report:#}");
    assert!(run.out.contains("column that does not exist\""), "{}", run.out);
    assert!(!run.out.contains("S3cret") && !run.err.contains("S3cret"), "values are not shown: {}", run.out);
    check(folder, &["--workload", &path, "--strict"]).expect_code(1);
    let empty = write(folder, "empty.sql", "-- nothing\n");
    check(folder, &["--workload", &empty]).expect_error(&["no statement", "hint:"]);
    check(folder, &["--workload", "no-such"]).expect_error(&["no workload `no-such`"]);
    assert_eq!(Program::new(PGTAILOR).run(&["check", "--plans"]).code, Some(2), "a snapshot is needed");
}

#[test]
fn a_log_of_a_test_run_and_recorded_statements_are_sources_too() {
    let recording = [("shared_preload_libraries", "pg_stat_statements")];
    let used =
        "SELECT count(*) FROM orders WHERE customer_id = 4711; SELECT id FROM customers WHERE email = 'customer7@example.org'";
    let folder = checkout(&recording, &["CREATE EXTENSION pg_stat_statements", "SELECT pg_stat_statements_reset()", used]);
    let folder = folder.path();
    let run = check(folder, &["--format", "json"]).expect_code(1);
    let report = json(&run);
    let fidelity = &report["fidelity"];
    assert!(fidelity["asked"].as_u64().is_some_and(|asked| asked >= 2), "{fidelity:#}");
    assert_eq!(fidelity["exactness"], "identical", "{fidelity:#}");
    assert!(report["statements"][0]["text"].as_str().is_some_and(|text| text.contains("customer_id = $1")), "{report:#}");
    assert_eq!(report["statements"][0]["cure"]["indexes"][0]["definition"], "(customer_id)", "{report:#}");
    assert_eq!(report["unplanned"], serde_json::json!([]), "what reads no table is no failure: {report:#}");

    // The application's tests run on a few rows, and their statements are planned on many.
    let tests = Server::with_settings(&[("log_min_duration_statement", "0")]);
    tests.sql(
        "postgres",
        "CREATE TABLE orders (id bigint, customer_id bigint, status text, total numeric, created_at timestamptz)",
    );
    tests.sql("postgres", "SELECT total FROM orders WHERE customer_id = 4711");
    let log = write(folder, "tests.log", &tests.log());
    let report = json(&check(folder, &["--workload", &log, "--format", "json"]).expect_code(1));
    assert!(report["statements"][0]["text"].as_str().is_some_and(|text| text.contains("customer_id = $1")), "{report:#}");
    assert_eq!(report["statements"][0]["cure"]["indexes"][0]["definition"], "(customer_id)", "{report:#}");
}

#[test]
fn partitions_views_and_repeated_scans_are_read_as_what_they_are() {
    let schema = "CREATE TABLE events (id bigint, kind int, at date NOT NULL) PARTITION BY RANGE (at);
        CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
        CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
        INSERT INTO events SELECT g, g % 5000, date '2026-01-01' + g % 59 FROM generate_series(1, 300000) g;
        CREATE VIEW paid AS SELECT * FROM orders WHERE status = 'paid';";
    let folder = checkout(&[], &[schema, "VACUUM ANALYZE"]);
    let folder = folder.path();
    let one = |sql: &str| {
        let path = write(folder, "one.sql", sql);
        json(&check(folder, &["--workload", &path, "--format", "json"]).expect_code(1))["statements"][0].clone()
    };
    let partitioned = one("SELECT at FROM events WHERE kind = $1");
    let scan = &partitioned["problems"][0]["scan"];
    assert_eq!(
        (&scan["table"], &scan["read_rows"]),
        (&serde_json::json!("public.events"), &serde_json::json!(300_000)),
        "{scan:#}"
    );
    assert_eq!(partitioned["cure"]["indexes"][0]["table"], "public.events", "{partitioned:#}");
    let sql = partitioned["cure"]["indexes"][0]["sql"].as_str().expect("a statement");
    assert!(sql.starts_with("CREATE INDEX events_"), "the server builds none concurrently on a partitioned table: {sql}");
    let viewed = one("SELECT max(total) FROM paid WHERE customer_id = $1");
    assert_eq!(viewed["problems"][0]["scan"]["table"], "public.orders");
    assert!(viewed["cure"]["indexes"][0]["definition"].as_str().is_some_and(|sql| sql.contains("customer_id")), "{viewed:#}");
}
