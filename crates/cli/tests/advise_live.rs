//! `pgtailor advise` on a real server, as a person runs it: what it prints as SQL builds everything, the record answers questions, and what
//! nothing can be said of ends in a sentence.

use std::path::Path;

use pgtailor_testkit::program::Program;
use pgtailor_testkit::server::Server;

const PGTAILOR: &str = env!("CARGO_BIN_EXE_pgtailor");

/// No more rows than `ANALYZE` samples, so that statistics are the same each time. Names that need quoting, a table of partitions, an index that nobody uses, and one that a new index serves.
const SCHEMA: &str = r#"
CREATE TABLE orders (id integer PRIMARY KEY, org integer NOT NULL, "Status" text NOT NULL, at timestamptz NOT NULL, note text NOT NULL,
  payload jsonb NOT NULL);
INSERT INTO orders SELECT n, n % 900, CASE WHEN n % 200 = 0 THEN 'it''s open' ELSE 'paid' END, timestamptz '2025-01-01' + n * interval '1 minute',
  repeat('note ', 40), jsonb_build_object('kind', n % 900) FROM generate_series(1, 30000) n;
CREATE INDEX orders_note ON orders (md5(note));
CREATE INDEX orders_org ON orders (org);
CREATE TABLE events (account integer NOT NULL, at date NOT NULL, body text NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2025-07-01');
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2025-07-01') TO ('2026-01-01');
INSERT INTO events SELECT n % 3000, date '2025-01-01' + n % 360, repeat('b', 100) FROM generate_series(1, 30000) n;
"#;

const ASKED: &[(&str, &str)] = &[
    ("newest", "SELECT * FROM orders WHERE org = 7 ORDER BY at DESC LIMIT 10"),
    ("open", r#"SELECT id, note FROM orders WHERE "Status" = 'it''s open' ORDER BY at LIMIT 10"#),
    ("kind", "SELECT id, note FROM orders WHERE payload ->> 'kind' = '5'"),
    ("events", "SELECT body FROM events WHERE account = 5"),
];

/// A database, a folder of what it is asked, and the program pointed at it.
struct Scene {
    server: Server,
    folder: tempfile::TempDir,
    pgtailor: Program,
}

impl Scene {
    fn new(schema: &str, asked: &[(&str, &str)]) -> Self {
        let server = Server::with_settings(&[("autovacuum", "off"), ("synchronous_commit", "on")]);
        server.create_database("shop");
        server.sql("shop", schema);
        server.sql("shop", "VACUUM ANALYZE");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("asked")).expect("made");
        for (name, text) in asked {
            std::fs::write(folder.path().join("asked").join(format!("{name}.sql")), text).expect("written");
        }
        let pgtailor = Program::new(PGTAILOR).on(&server.lab.url("shop"));
        Self { server, folder, pgtailor }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    fn run_file(&self, name: &str, sql: &str) {
        std::fs::write(self.path(name), sql).expect("written");
        let ran = self.server.run_file("shop", Path::new(&self.path(name)));
        assert!(ran.status.success(), "{sql}\n{}", String::from_utf8_lossy(&ran.stderr));
    }
}

fn array<'a>(value: &'a serde_json::Value, name: &str) -> &'a Vec<serde_json::Value> {
    value[name].as_array().unwrap_or_else(|| panic!("{name} is a list: {value}"))
}

#[test]
fn what_is_printed_as_sql_builds_everything_and_the_record_answers() {
    let scene = Scene::new(SCHEMA, ASKED);
    let (asked, record) = (scene.path("asked"), scene.path("record.json"));
    let flags = ["advise", "--workload", &asked, "--drops", "--format", "sql", "-o", &record];
    let sql = scene.pgtailor.run(&flags).expect_code(0).out;
    scene.run_file("advice.sql", &sql);
    assert_eq!(scene.server.invalid_indexes("shop"), "");

    let text = std::fs::read_to_string(&record).expect("a record");
    let record_of: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let recommendations = array(&record_of["advice"], "recommendations");
    let (mut made, mut dropped) = (Vec::new(), Vec::new());
    for one in recommendations {
        let name = one["change"]["name"].as_str().unwrap_or_else(|| panic!("a name: {one}"));
        let list = if one["sql"].as_str().is_some_and(|sql| sql.starts_with("DROP")) { &mut dropped } else { &mut made };
        list.push(name.to_owned());
    }
    let there = scene.server.sql("shop", "SELECT indexrelid::regclass FROM pg_index WHERE indisvalid");
    let is_there = |name: &String| there.lines().any(|index| index == name || index == format!("\"{name}\""));
    assert!(made.len() >= 4 && made.iter().all(is_there), "{made:?} of {there}\n{sql}");
    dropped.sort_unstable();
    assert_eq!(dropped, ["orders_note", "orders_org"], "{sql}");
    assert!(!dropped.iter().any(is_there), "{there}");

    for name in &made {
        let run = scene.pgtailor.run(&["why", name, "--record", &record]).expect_code(0);
        assert!(run.out.contains(name) && run.out.contains("because"), "{}", run.out);
    }
    let run = scene.pgtailor.run(&["why-not", "orders (id, org)", "--record", &record]);
    assert!(run.code.is_some_and(|code| code != 101) && !run.out.is_empty(), "{}{}", run.out, run.err);
    let run = scene.pgtailor.run(&["why-not", "events (account)", "--record", &record]).expect_code(0);
    assert!(run.out.contains("is recommended"), "{}", run.out);
    // With all of it there, nothing is left to do, save over expressions: what statistics they have is known only now that they were analyzed.
    let run = scene.pgtailor.run(&["advise", "--workload", &asked, "--drops", "--format", "json"]).expect_code(0);
    let again: serde_json::Value = serde_json::from_str(&run.out).expect("JSON");
    let is_of_columns = |one: &&serde_json::Value| one["sql"].as_str().is_none_or(|sql| !sql.contains("(("));
    assert_eq!(array(&again, "recommendations").iter().find(is_of_columns), None, "{}", run.out);
}

#[test]
fn what_nothing_can_be_said_of_ends_in_a_sentence_or_a_valid_answer() {
    let scene = Scene::new(
        "CREATE TABLE orders (id integer, org integer); INSERT INTO orders SELECT n, n FROM generate_series(1, 20000) n",
        &[("one", "SELECT id FROM orders WHERE org = 5")],
    );
    let asked = scene.path("asked");
    std::fs::create_dir(scene.path("empty")).expect("made");
    scene.pgtailor.run(&["advise", "--workload", &scene.path("empty")]).expect_error(&["no statement is known", "no .sql file"]);
    // A server without pg_stat_statements.
    scene.pgtailor.run(&["advise"]).expect_error(&["pg_stat_statements"]);
    for flags in [&["--budget", "8kB"][..], &["--time-limit", "1ms"], &["--max-columns", "1", "--max-per-table", "1"]] {
        let arguments: Vec<&str> = ["advise", "--workload", &asked].iter().chain(flags).copied().collect();
        let run = scene.pgtailor.run(&arguments).expect_code(0);
        assert!(!run.out.is_empty(), "{flags:?}");
    }
}
