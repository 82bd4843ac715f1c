//! What `advise`, `why` and `why-not` refuse, what they read, and that what they print runs and can be taken back.

use std::path::Path;

use pgtailor::model::advice::{Advice, Partition, Recommendation, Upkeep};
use pgtailor::model::change::{Carried, Change};
use pgtailor::model::index::{Build, IndexDefinition, KeyPart};
use pgtailor::model::name::{Oid, QualifiedName};
use pgtailor::model::unit::Bytes;
use pgtailor::report::migration::{self, Script};
use pgtailor::report::record;
use pgtailor_testkit::program::Program;
use pgtailor_testkit::server::Server;

const PGTAILOR: &str = env!("CARGO_BIN_EXE_pgtailor");

/// An ordinary table with an index that goes, and a partitioned one of two floors; a name that means harm to whoever reads it carelessly.
const SCHEMA: &str = r#"
CREATE TABLE customers (id integer, email text, "a;b -- :c ${d} ?" text);
CREATE INDEX customers_old ON customers (id);
CREATE TABLE events (account_id integer, happened_at date) PARTITION BY RANGE (happened_at);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY RANGE (happened_at);
CREATE TABLE events_2025_h1 PARTITION OF events_2025 FOR VALUES FROM ('2025-01-01') TO ('2025-07-01');
INSERT INTO events SELECT n, '2024-11-01'::date + n FROM generate_series(1, 200) n;
"#;

fn table(name: &str) -> QualifiedName {
    QualifiedName::new("public", name)
}

fn advice() -> Advice {
    let mut by_email = IndexDefinition::btree(["email", "a;b -- :c ${d} ?"]);
    by_email.keys[0].part = KeyPart::Expression("lower(email)".to_owned());
    by_email.predicate = Some("email <> 'x; -- :y ${z} ?'::text".to_owned());
    let partition = |name: &str, parent: &str, is_leaf| Partition { table: table(name), parent: table(parent), is_leaf };
    let partitions = vec![
        partition("events_2024", "events", true),
        partition("events_2025", "events", false),
        partition("events_2025_h1", "events_2025", true),
    ];
    let events = created("events", "events_account_idx", IndexDefinition::btree(["account_id"]));
    let old = Change::DropIndex {
        table: table("customers"),
        table_oid: Oid(1),
        name: "customers_old".to_owned(),
        index_oid: Oid(2),
        definition: IndexDefinition::btree(["id"]),
        carries: Carried::default(),
    };
    let old = recommended(old, "DROP INDEX CONCURRENTLY public.customers_old".to_owned(), "customers");
    Advice {
        recommendations: vec![
            old,
            created("customers", "customers_email_idx", by_email),
            Recommendation { partitions: Some(partitions), ..events },
        ],
        ..empty()
    }
}

fn created(on: &str, name: &str, definition: IndexDefinition) -> Recommendation {
    let sql = definition.create_sql(name, &table(on), Build::Concurrent);
    recommended(
        Change::CreateIndex {
            table: table(on),
            table_oid: Oid(1),
            name: name.to_owned(),
            definition,
            carries: Carried::default(),
        },
        sql,
        on,
    )
}

fn recommended(change: Change, sql: String, on: &str) -> Recommendation {
    Recommendation {
        change,
        sql,
        table: table(on),
        kinds: Vec::new(),
        size: Bytes(8192),
        gain: 1.0,
        loss_without: 1.0,
        upkeep: Upkeep::default(),
        serves: Vec::new(),
        replaces: Vec::new(),
        because: vec!["the test wants it".to_owned()],
        partitions: None,
    }
}

fn empty() -> Advice {
    let text = r#"{"schema_version": 1, "kind": "advice-record", "advice": {"database": "shop", "version": "15", "captured_at":
        "2025-11-23T06:14:00Z", "fidelity": null, "weighed_by": "executions", "limits": {"budget": null, "indexes": null, "per_table":
        null, "upkeep": null, "minimal_gain": 0.001, "regression": null, "columns": 4}, "recommendations": [], "rejected": [],
        "statements": [], "skipped": [], "cost_before": 10.0, "cost_after": 7.0, "upkeep": 0.0, "size": 0, "bound": {"lower": 7.0, "gap":
        0.0, "candidates": 3, "proven": true}, "front": [], "effort": {"what_if_calls": 4, "plans_derived": 0, "candidates": 3,
        "seconds": 0.5, "out_of_time": false}, "notes": []}}"#;
    record::read(text).expect("a record")
}

fn indexes(server: &Server) -> String {
    server.sql(
        "shop",
        "SELECT string_agg(indexrelid::regclass || CASE WHEN indisvalid THEN '' ELSE ' (invalid)' END, ', ' ORDER BY \
         indexrelid::regclass::text) FROM pg_index WHERE indrelid::regclass::text ~ '^(events|customers)'",
    )
}

fn run(server: &Server, folder: &Path, sql: &str) {
    let file = folder.join("run.sql");
    std::fs::write(&file, sql).expect("written");
    let ran = server.run_file("shop", &file);
    assert!(ran.status.success(), "{sql}\n{}", String::from_utf8_lossy(&ran.stderr));
}

const BEFORE: &str = "customers_old";
const AFTER: &str =
    "customers_email_idx, events_account_idx, events_account_idx_p1, events_account_idx_p2, events_account_idx_p3";

#[test]
fn a_script_and_every_migration_of_sql_run_and_are_taken_back() {
    let server = Server::start();
    server.create_database("shop");
    let folder = tempfile::tempdir().expect("a folder");
    run(&server, folder.path(), SCHEMA);
    let before = server.dump("shop");
    assert_eq!(indexes(&server), BEFORE);
    let at = "2025-11-23T06:14:00Z".parse().expect("a timestamp");
    let script = Script::new(&advice(), at, None).expect("something to do");

    for tool in ["sqlx", "diesel", "prisma"] {
        let files = migration::by_name(tool).expect("a tool").write(&script).files;
        let is_down = |path: &str| path.contains("down.sql");
        let is_up = |path: &str| !is_down(path) && !path.contains(".toml");
        // Each file as one message, as the tool sends it: nothing may stand beside a concurrent build.
        for (_, sql) in files.iter().filter(|(path, _)| is_up(path)) {
            let ran = server.try_sql(&server.lab.url("shop"), sql);
            assert!(ran.status.success(), "{tool}: {sql}\n{}", String::from_utf8_lossy(&ran.stderr));
        }
        assert_eq!(indexes(&server), AFTER, "{tool}");
        for (_, sql) in files.iter().rev().filter(|(path, _)| is_down(path)) {
            run(&server, folder.path(), sql);
        }
        assert_eq!(server.dump("shop"), before, "{tool}");
    }

    // What psql and the others send statement by statement, special characters of each tool written by their numbers.
    for tool in ["flyway", "goose", "liquibase"] {
        let files = migration::by_name(tool).expect("a tool").write(&script).files;
        let text = &files[0].1;
        let up = text.split("-- +goose Down").next().expect("the first part");
        run(&server, folder.path(), up);
        assert_eq!(indexes(&server), AFTER, "{tool}");
        let down: String = match tool {
            "flyway" => files.iter().find(|(path, _)| path.starts_with('U')).expect("an undo").1.clone(),
            "goose" => text.split("-- +goose Down").nth(1).expect("the second part").to_owned(),
            _ => text.lines().rev().filter_map(|line| line.strip_prefix("--rollback ")).filter(|sql| *sql != "empty").collect(),
        };
        run(&server, folder.path(), &down);
        assert_eq!(server.dump("shop"), before, "{tool}");
    }
}

#[test]
fn why_reads_a_record_and_its_sql_runs() {
    let server = Server::start();
    server.create_database("shop");
    let folder = tempfile::tempdir().expect("a folder");
    run(&server, folder.path(), SCHEMA);
    let file = folder.path().join("record.json");
    std::fs::write(&file, record::write(&advice())).expect("written");
    let file = file.to_str().expect("UTF-8");
    let pgtailor = Program::new(PGTAILOR);
    for index in ["events_account_idx", "customers_email_idx", "customers_old"] {
        let sql = pgtailor.run(&["why", index, "--record", file, "--format", "sql"]).expect_code(0).out;
        run(&server, folder.path(), &sql);
    }
    assert_eq!(indexes(&server), AFTER);
    let run = pgtailor.run(&["why-not", "events (account_id)", "--record", file]).expect_code(0);
    assert!(run.out.contains("events_account_idx is recommended"), "{}", run.out);
    let run = pgtailor.run(&["why", "events_acount_idx", "--record", file]).expect_code(2);
    assert!(run.out.contains("never considered") && run.out.contains("- events_account_idx"), "{}", run.out);
}

#[test]
fn what_is_no_record_is_refused_in_a_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let pgtailor = Program::new(PGTAILOR);
    pgtailor.run(&["why", "i", "--record", &path("none.json")]).expect_error(&["none.json", "advise -o"]);
    std::fs::write(path("other.json"), "{}").expect("written");
    pgtailor.run(&["why", "i", "--record", &path("other.json")]).expect_error(&["other.json", "no decision record"]);
    std::fs::write(path("good.json"), record::write(&advice())).expect("written");
    pgtailor.run(&["why-not", "events", "--record", &path("good.json")]).expect_error(&["`events` is no table with columns"]);
}

#[test]
fn flags_that_contradict_each_other_or_lead_nowhere_are_refused_before_anything_is_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let nowhere = folder.path().join("none");
    let nowhere = nowhere.to_str().expect("UTF-8");
    let inside = format!("{nowhere}/record.json");
    let pgtailor = Program::new(PGTAILOR);
    let cases: &[(&[&str], &[&str])] = &[
        (&["--budget", "lots"], &["--budget", "250MB"]),
        (&["--budget", "250"], &["--budget", "with its unit"]),
        (&["--budget", "120%"], &["--budget", "100%"]),
        (&["--budget", "0MB"], &["--budget 0 allows no index", "--drops"]),
        (&["--max-indexes", "0"], &["--max-indexes 0 allows no index"]),
        (&["--max-indexes", "2", "--max-per-table", "3"], &["--max-per-table 3", "--max-indexes 2"]),
        (&["--max-columns", "0"], &["--max-columns", "1..=32"]),
        (&["--min-gain", "101%"], &["--min-gain", "0 to 100"]),
        (&["--max-upkeep=-1"], &["--max-upkeep", "0 to 100"]),
        (&["--time-limit", "0s"], &["--time-limit", "above 0"]),
        (&["--time-limit", "60"], &["--time-limit", "with its unit"]),
        (&["--weigh", "money"], &["--weigh", "executions, time"]),
        (&["--migration", "make"], &["--migration", "alembic, diesel"]),
        (&["--migration-after", "x"], &["--migration <TOOL>"]),
        (&["--migration", "rails", "--migration-after", "x"], &["--migration-after x", "by their names"]),
        (&["--migration", "django", "--migration-after", "x"], &["--migration-after x", "shop.0041_orders"]),
        (&["--migration", "rails", "--migration-folder", nowhere], &["--migration-folder", nowhere]),
        (&["-o", &inside], &["-o", nowhere]),
    ];
    for (flags, words) in cases {
        let arguments: Vec<&str> = ["advise", "no-such.snapshot"].iter().chain(flags.iter()).copied().collect();
        let run = pgtailor.run(&arguments);
        run.expect_error(words);
        assert!(!run.err.contains("cannot read no-such.snapshot"), "{flags:?}: {}", run.err);
    }
    pgtailor.run(&["advise", "no-such.snapshot", "-d", "shop"]).expect_error(&["cannot be used with"]);
    pgtailor.run(&["advise", "no-such.snapshot", "--budget", "10%"]).expect_error(&["cannot read no-such.snapshot"]);
}

/// Two tables' worth of questions, and a catalog of which one entry pays, one is a prefix, one repeats the key, and one serves nothing.
#[test]
fn a_catalog_is_judged_by_what_the_workload_pays_for() {
    use pgtailor_testkit::shop;
    let server = Server::start();
    let url = shop::create(&server, "shop");
    let folder = tempfile::tempdir().expect("a folder");
    let statements = "SELECT total FROM orders WHERE customer_id = 17 ORDER BY created_at DESC LIMIT 5;\n\
                      SELECT count(*) FROM orders WHERE customer_id = 18;\n\
                      INSERT INTO orders VALUES (1, 2, 'open', 3, now());\n";
    let catalog = r#"
[[index]]
name = "by_customer"
table = "orders"
columns = ["customer_id", { column = "created_at", order = "desc" }]

[[index]]
name = "by_customer_alone"
table = "orders"
columns = ["customer_id"]

[[index]]
name = "again"
table = "orders"
columns = ["id"]

[[index]]
name = "by_status"
table = "orders"
columns = ["status"]

[[index]]
name = "nobody_asks"
table = "customers"
columns = ["name"]
"#;
    let path = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    };
    let (workload, catalog) = (path("statements.sql", statements), path("catalog.toml", catalog));
    let pgtailor = Program::new(PGTAILOR).on(&url);
    let before = server.dump_all("shop");
    let judge = |present: &str| {
        let run = pgtailor.run(&["advise", "--workload", &workload, "--catalog", &catalog, "--format", "json"]).expect_code(0);
        let json: serde_json::Value = serde_json::from_str(&run.out).expect("JSON");
        let entries = json["catalog"]["entries"].as_array().expect("entries").clone();
        let worth: Vec<(String, String)> = entries
            .iter()
            .map(|entry| {
                (entry["index"].as_str().unwrap_or("?").to_owned(), entry["worth"]["kind"].as_str().unwrap_or("?").to_owned())
            })
            .collect();
        let expected = [("by_customer", "pays"), ("again", "superfluous"), ("by_status", "unused"), ("nobody_asks", "unused")];
        for (name, kind) in expected {
            assert!(worth.contains(&(name.to_owned(), kind.to_owned())), "{present}: {name} {kind}: {worth:?}\n{}", run.out);
        }
        assert!(entries[2]["loss_without"].as_f64().is_some_and(|loss| loss < 0.0), "its upkeep is saved: {}", entries[2]);
        assert_eq!(entries[1]["replaced_by"][0]["name"], "by_customer", "{}", entries[1]);
        let whole = &json["catalog"];
        let (all, enough) = (whole["cost_whole"].as_f64(), whole["smallest"]["cost"].as_f64());
        assert!(enough <= all && all < whole["cost_without"].as_f64(), "{whole}");
        let sizes = (whole["smallest"]["size_bytes"].as_u64(), whole["size_bytes_whole"].as_u64());
        assert!(sizes.0 < sizes.1, "{whole}");
    };
    judge("when none exists");
    assert_eq!(server.dump_all("shop"), before, "a judgement changes nothing");
    server.sql("shop", "CREATE INDEX by_customer ON orders (customer_id, created_at DESC); ANALYZE orders");
    judge("when one exists");
    let people = pgtailor.run(&["advise", "--workload", &workload, "--catalog", &catalog]).expect_code(0);
    assert!(people.out.contains("The catalog: the workload pays for"), "{}", people.out);
}
