//! Capturing a real server: every kind of index, locks, missing rights, recorded statements, and no trace left.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use pgtailor_lab::{Lab, LabOptions};
use pgtailor_model::activity::Statements;
use pgtailor_model::catalog::{ConstraintKind, Index, Persistence, Table, TableKind};
use pgtailor_model::index::Build;
use pgtailor_model::name::{QualifiedName, quote_identifier, quote_literal};
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::unit::{Bytes, Rows};
use pgtailor_postgres::capture::{CaptureOptions, capture, read_snapshot, write_snapshot};
use pgtailor_postgres::connect::{ConnectionInput, Database};
use pgtailor_postgres::session::ReadOnlySession;
use tokio_postgres::{Client, NoTls};

fn start(settings: &[(&str, &str)]) -> Lab {
    let options = settings.iter().fold(LabOptions::new(), |options, (name, value)| options.with_setting(*name, *value));
    Lab::start(&options).expect("a local PostgreSQL server can be started")
}

fn database(url: &str) -> Database {
    let input = ConnectionInput {
        database: Some(url.to_owned()),
        environment: BTreeMap::new(),
        home: None,
        local_user: "nobody".to_owned(),
    };
    Database::resolve(&input).expect("a valid connection string")
}

async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a session of the test's own");
    tokio::spawn(connection);
    client
}

async fn run(client: &Client, sql: &str) {
    client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{error:?} in {sql}"));
}

async fn captured(url: &str) -> Snapshot {
    captured_with(url, &CaptureOptions::default()).await
}

async fn captured_with(url: &str, options: &CaptureOptions) -> Snapshot {
    let mut session = ReadOnlySession::connect(&database(url)).await.expect("a session");
    capture(&mut session, options).await.expect("a snapshot")
}

fn table<'a>(snapshot: &'a Snapshot, schema: &str, name: &str) -> &'a Table {
    let name = QualifiedName::new(schema, name);
    snapshot.catalog.table(&name).unwrap_or_else(|| panic!("{name} was captured"))
}

fn index<'a>(table: &'a Table, name: &str) -> &'a Index {
    table.indexes.iter().find(|index| index.name == name).unwrap_or_else(|| panic!("{name} was captured"))
}

fn reason_about<'a>(snapshot: &'a Snapshot, object: &str) -> Option<&'a str> {
    snapshot.not_examined.iter().find(|entry| entry.object.contains(object)).map(|entry| entry.reason.as_str())
}

/// The tables of the index test; `{schema}` is where they stand.
const TABLES: &str = r#"
CREATE TABLE {schema}.t (
    a int, b text, c text COLLATE "C", v varchar(20), fixed char(8), flag boolean, at timestamptz, bits bit(8),
    doc jsonb, words tsvector, tags text[], place point, span int4range, mood public.mood, mail public.mail,
    "Mixed Case" int, "quo""ted" int, "sel,ect (" text);
CREATE TABLE {schema}."Odd ""Table
" (x int);
CREATE TABLE {schema}.parted (k int, region text) PARTITION BY RANGE (k);
CREATE TABLE {schema}.parted_1 PARTITION OF {schema}.parted FOR VALUES FROM (0) TO (10);
CREATE MATERIALIZED VIEW {schema}.seen AS SELECT a, b FROM {schema}.t;
"#;

/// One index of every kind, as a person would write it; a name is put behind `INDEX`.
const INDEXES: &[&str] = &[
    "ON t (a)",
    "ON t (a DESC, b NULLS FIRST, at DESC NULLS LAST)",
    "ON t (b text_pattern_ops)",
    "ON t (v)",
    "ON t (v varchar_pattern_ops, b)",
    "ON t (fixed)",
    "ON t (fixed bpchar_pattern_ops)",
    "ON t (bits)",
    "ON t (bits varbit_ops)",
    "ON t (mood)",
    "ON t (mail)",
    "ON t (tags)",
    "ON t (b COLLATE \"C\")",
    "ON t (c)",
    "ON t (c COLLATE \"default\" DESC)",
    "ON t (lower(c))",
    "ON t (lower(c) COLLATE \"default\")",
    "ON t ((c || 'x'))",
    "ON t (lower(b) COLLATE \"C\" text_pattern_ops DESC)",
    "ON t (lower(b), a, (a + 1) DESC, (b || ', ('))",
    "ON t ((flag AND a > 1))",
    "ON t ((doc ->> 'it''s \\ (a, b)'))",
    "ON t (public.twice(a))",
    "ON t ((ARRAY[a, \"Mixed Case\"]))",
    "ON t (a) INCLUDE (b, flag)",
    "ON t (a) WHERE b IN ('x', 'y''s') AND flag",
    "ON t (a) WHERE flag",
    "ON t (a) WHERE NOT flag OR (a > 1 AND a < 5)",
    "ON t (a) WHERE v = 'pending' AND at > '2024-01-02 03:04:05+00'",
    "ON t (\"Mixed Case\", \"quo\"\"ted\" DESC, \"sel,ect (\") WHERE \"sel,ect (\" = ')'",
    "ON t (lower(\"sel,ect (\"), (\"quo\"\"ted\" + 1))",
    "ON t USING hash (b)",
    "ON t USING gin (doc)",
    "ON t USING gin (doc jsonb_path_ops, tags)",
    "ON t USING gin (b public.gin_trgm_ops)",
    "ON t USING gist (words tsvector_ops (siglen=64))",
    "ON t USING gist (b public.gist_trgm_ops (siglen=32), span)",
    "ON t USING gist (place)",
    "ON t USING spgist (b)",
    "ON t USING brin (at, a)",
    "ON \"Odd \"\"Table\n\" (x)",
    "ON parted (k, region DESC)",
    "ON seen (lower(b))",
];

/// Those that only servers of 14 and later can have.
const INDEXES_SINCE_14: &[&str] = &[
    "ON t USING brin (at, a int4_minmax_multi_ops (values_per_range=16))",
    "ON t USING brin (a int4_bloom_ops (n_distinct_per_range='100', false_positive_rate='0.05'))",
];

const UNIQUE_INDEXES: &[&str] = &["ON t (a, b)", "ON t (lower(v)) INCLUDE (a) WHERE a > 0"];

/// A name for the index at `position`; some are hard to write.
fn index_name(position: usize) -> String {
    match position % 5 {
        0 => format!("plain_{position}"),
        1 => format!("Mixed Case {position}"),
        2 => format!("quo\"te\n{position}"),
        3 => format!("{}{position:03}", "é".repeat(30)),
        _ => format!("select.{position};--"),
    }
}

#[tokio::test]
async fn every_index_can_be_made_again_from_its_definition() {
    let lab = start(&[]);
    let url = lab.url("postgres");
    let admin = client(&url).await;
    run(
        &admin,
        "CREATE EXTENSION pg_trgm; CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN mail AS varchar(80);
         CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
         CREATE SCHEMA \"We.ird\"; CREATE SCHEMA copy",
    )
    .await;
    run(&admin, &TABLES.replace("{schema}", "\"We.ird\"")).await;
    run(&admin, &TABLES.replace("{schema}", "copy")).await;
    let major = lab.version().major;
    run(&admin, "SET search_path = \"We.ird\"").await;
    let mut made = 0;
    let unique = UNIQUE_INDEXES.iter().map(|text| (true, (*text).to_owned()));
    let later = (major >= 15).then(|| (true, "ON t (v) NULLS NOT DISTINCT".to_owned()));
    let since_14 = INDEXES_SINCE_14.iter().filter(|_| major >= 14);
    for (is_unique, text) in INDEXES.iter().chain(since_14).map(|text| (false, (*text).to_owned())).chain(unique).chain(later) {
        let unique = if is_unique { "UNIQUE " } else { "" };
        run(&admin, &format!("CREATE {unique}INDEX {} {text}", quote_identifier(&index_name(made)))).await;
        made += 1;
    }
    run(
        &admin,
        "ALTER TABLE t ADD CONSTRAINT pk PRIMARY KEY (at, a); ALTER TABLE t ADD CONSTRAINT u UNIQUE (mail) INCLUDE (b);
         ALTER TABLE t ADD CONSTRAINT x EXCLUDE USING gist (span WITH &&)",
    )
    .await;

    let snapshot = captured(&url).await;
    assert_eq!(snapshot.not_examined, []);
    run(&admin, "SET search_path = public").await;
    let mut compared = 0;
    for (table, index) in snapshot.catalog.indexes().filter(|(table, _)| table.name.schema == "We.ird") {
        let definition = index.definition.as_ref().expect("nothing is locked");
        // The partition's index is made with its parent's.
        if table.name.name == "parted_1" {
            continue;
        }
        let copy = QualifiedName::new("copy", &table.name.name);
        run(&admin, &definition.create_sql(&index.name, &copy, Build::Blocking)).await;
        let copied = format!("copy.{}", quote_identifier(&index.name));
        let row = admin
            .query_one("SELECT pg_get_indexdef($1::oid), pg_get_indexdef(to_regclass($2)::oid)", &[&index.oid.0, &copied])
            .await
            .expect("both definitions");
        let (original, copied): (String, Option<String>) = (row.get(0), row.get(1));
        let copied = copied.unwrap_or_else(|| panic!("{} was made", index.name));
        assert_eq!(copied, original.replace(" \"We.ird\".", " copy."), "{definition}");
        compared += 1;
    }
    assert_eq!(compared, made + 3, "all indexes were compared");

    // What was made from a definition has that definition.
    let again = captured(&url).await;
    for (table, index) in again.catalog.indexes().filter(|(table, _)| table.name.schema == "copy") {
        let original = again.catalog.table(&QualifiedName::new("We.ird", &table.name.name)).expect("the original");
        let original = original.indexes.iter().find(|original| original.name == index.name);
        if let Some(original) = original {
            assert_eq!(index.definition, original.definition, "{}", index.name);
        }
    }
    let t = table(&again, "We.ird", "t");
    let kind = |name: &str| index(t, name).constraint.as_ref().map(|constraint| constraint.kind);
    assert_eq!(kind("pk"), Some(ConstraintKind::PrimaryKey));
    assert_eq!(kind("u"), Some(ConstraintKind::Unique));
    assert_eq!(kind("x"), Some(ConstraintKind::Exclusion));
    assert_eq!(kind("plain_0"), None);
}

#[tokio::test]
async fn tables_columns_and_counters_are_what_the_server_says() {
    let lab = start(&[("autovacuum", "off")]);
    let url = lab.url("postgres");
    let admin = client(&url).await;
    run(
        &admin,
        "CREATE SCHEMA app; CREATE EXTENSION pg_trgm; CREATE TEMP TABLE temporary (x int); CREATE VIEW app.view AS SELECT 1;
         CREATE TABLE app.orders (id bigint PRIMARY KEY, gone int, status text NOT NULL, empty text);
         ALTER TABLE app.orders DROP COLUMN gone; CREATE TABLE app.fresh (x numeric(8, 2));
         CREATE UNLOGGED TABLE app.\"Fast\" (x int); CREATE SEQUENCE app.numbers;
         CREATE TABLE app.parted (k int) PARTITION BY LIST (k); CREATE TABLE app.part PARTITION OF app.parted DEFAULT;
         CREATE TABLE app.member (x int); ALTER EXTENSION pg_trgm ADD TABLE app.member;
         INSERT INTO app.orders SELECT g, CASE g % 4 WHEN 0 THEN 'open' ELSE 'done' END, NULL FROM generate_series(1, 1000) g;
         INSERT INTO app.parted SELECT g % 10 FROM generate_series(1, 100) g; CREATE INDEX ON app.parted (k);
         ALTER TABLE app.orders REPLICA IDENTITY USING INDEX orders_pkey; CLUSTER app.orders USING orders_pkey;
         ANALYZE app.orders; ANALYZE app.parted; SET enable_seqscan = off; SELECT * FROM app.orders WHERE id = 7",
    )
    .await;
    // Counters reach the others when the session reports them, at the latest when it ends.
    drop(admin);
    let admin = client(&url).await;
    let reported = "SELECT coalesce(sum(idx_scan), 0)::int8 FROM pg_stat_all_indexes WHERE indexrelname = 'orders_pkey'";
    while admin.query_one(reported, &[]).await.expect("an answer").get::<_, i64>(0) == 0 {}

    let snapshot = captured(&url).await;
    let names: Vec<&str> = snapshot.catalog.tables.iter().map(|table| table.name.name.as_str()).collect();
    assert_eq!(names, ["Fast", "fresh", "orders", "part", "parted"], "no view, sequence, temporary or extension's table");
    assert_eq!(snapshot.server.version / 10_000, lab.version().major);
    assert_eq!(snapshot.server.database, "postgres");
    assert!(snapshot.server.system_identifier.is_some() && !snapshot.server.in_recovery);
    assert!(snapshot.capabilities.superuser && snapshot.capabilities.create_in_schemas.contains(&"app".to_owned()));
    assert_eq!(snapshot.capabilities.extensions["pg_trgm"].schema, "public");
    assert!(snapshot.catalog.has_relation("app", "numbers") && snapshot.catalog.has_relation("app", "orders_pkey"));
    // Our own session pins `search_path` and the limits; the snapshot shows what was before.
    assert!(snapshot.settings["search_path"].value.contains("public"), "{:?}", snapshot.settings["search_path"]);
    assert_eq!(snapshot.settings["statement_timeout"].value, "0");
    assert!(!snapshot.settings.contains_key("primary_conninfo"));

    let orders = table(&snapshot, "app", "orders");
    assert_eq!((orders.kind, orders.persistence, orders.ours), (TableKind::Table, Persistence::Permanent, true));
    assert_eq!((orders.estimated_rows, orders.owner.as_str()), (Some(Rows(1000)), lab.user()));
    assert_eq!(orders.size, Some(orders.pages.bytes(8192)));
    let columns: Vec<_> = orders.columns.iter().map(|c| (c.number, c.name.as_str(), c.type_name.as_str(), c.not_null)).collect();
    assert_eq!(columns, [(1, "id", "bigint", true), (3, "status", "text", true), (4, "empty", "text", false)]);
    let statistics = |name: &str| orders.column(name).and_then(|column| column.statistics).expect("analyzed");
    assert!((statistics("id").distinct - 1000.0).abs() < 0.5, "all different: {:?}", statistics("id"));
    assert!((statistics("status").distinct - 2.0).abs() < f64::EPSILON);
    assert!((statistics("empty").null_fraction - 1.0).abs() < f64::EPSILON);
    let key = index(orders, "orders_pkey");
    assert!(key.valid && key.ready && key.live && key.replica_identity && key.clustered);
    assert!(key.size > Some(Bytes(0)));
    let activity = &snapshot.activity.tables[&orders.oid];
    assert_eq!((activity.inserted, activity.live_rows), (1000, Rows(1000)));
    assert!(activity.last_analyze.is_some() && activity.last_vacuum.is_none());
    assert_eq!(snapshot.activity.indexes[&key.oid].scans, 1);
    assert!(snapshot.activity.since.is_some());

    assert_eq!(table(&snapshot, "app", "fresh").estimated_rows, None);
    assert_eq!(table(&snapshot, "app", "fresh").columns[0].type_name, "numeric(8,2)");
    assert_eq!(table(&snapshot, "app", "Fast").persistence, Persistence::Unlogged);
    let parted = table(&snapshot, "app", "parted");
    assert_eq!((parted.kind, parted.size, parted.indexes[0].size), (TableKind::Partitioned, Some(Bytes(0)), Some(Bytes(0))));
    assert_eq!(table(&snapshot, "app", "part").partition_of, Some(parted.oid));
    let distinct = parted.columns[0].statistics.expect("analyzed as a whole").distinct;
    assert!((distinct - 10.0).abs() < f64::EPSILON, "{distinct}");

    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("snapshot");
    write_snapshot(&snapshot, &path).expect("written");
    assert_eq!(read_snapshot(&path).expect("read"), snapshot);
}

#[tokio::test]
async fn locked_tables_are_named_and_cost_little_time() {
    let lab = start(&[]);
    let url = lab.url("postgres");
    let admin = client(&url).await;
    run(
        &admin,
        "CREATE TABLE free (a int, b text); CREATE INDEX free_lower ON free (lower(b)); INSERT INTO free VALUES (1, 'x'); ANALYZE;
         DO $$ BEGIN FOR i IN 1..40 LOOP
             EXECUTE format('CREATE TABLE held_%s (a int, b text)', i);
             EXECUTE format('CREATE INDEX held_%s_a ON held_%s (a)', i, i);
             EXECUTE format('CREATE INDEX held_%s_lower ON held_%s (lower(b)) WHERE a > 0', i, i);
         END LOOP; END $$",
    )
    .await;
    let locker = client(&url).await;
    run(
        &locker,
        "BEGIN; DO $$ BEGIN FOR i IN 1..40 LOOP EXECUTE format('LOCK TABLE held_%s IN ACCESS EXCLUSIVE MODE', i); END LOOP; END $$",
    )
    .await;

    let began = Instant::now();
    let snapshot = tokio::time::timeout(Duration::from_mins(1), captured(&url)).await.expect("no lock hangs the capture");
    // Eight waits of a quarter of a second, and what the rest takes on a busy machine; forty tables with two waits each would be 20 s.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());

    let free = table(&snapshot, "public", "free");
    assert_eq!(free.size, Some(Bytes(8192)));
    assert!(index(free, "free_lower").definition.is_some());
    assert_eq!(reason_about(&snapshot, "free"), None);
    for held in (1..=40).map(|i| format!("held_{i}")) {
        let table = table(&snapshot, "public", &held);
        assert_eq!((table.columns.len(), table.indexes.len(), table.size), (2, 2, None));
        let plain = index(table, &format!("{held}_a"));
        assert!(plain.definition.is_some() && plain.size.is_some(), "nothing of it needs the table's lock");
        let partial = index(table, &format!("{held}_lower"));
        assert!(partial.definition.is_none() && partial.size.is_some());
        let reason = reason_about(&snapshot, &format!("definition of index {held}_lower")).expect("it is said");
        assert!(reason.contains("ACCESS EXCLUSIVE"), "{reason}");
        assert!(reason_about(&snapshot, &format!("size of table {held}")).is_some());
    }
    run(&locker, "ROLLBACK").await;
    assert_eq!(captured(&url).await.not_examined, []);
}

#[tokio::test]
async fn a_role_without_rights_gets_all_but_what_is_named() {
    let lab = start(&[("shared_preload_libraries", "pg_stat_statements")]);
    let url = lab.url("postgres");
    let admin = client(&url).await;
    run(
        &admin,
        "CREATE SCHEMA app; CREATE TABLE app.orders (id int PRIMARY KEY, secret text); CREATE INDEX ON app.orders (lower(secret));
         INSERT INTO app.orders SELECT g, 'x' FROM generate_series(1, 100) g; ANALYZE app.orders;
         CREATE SCHEMA stats; CREATE EXTENSION pg_stat_statements SCHEMA stats; CREATE ROLE reader LOGIN PASSWORD 'secret';
         SELECT count(*) FROM app.orders WHERE id > 5",
    )
    .await;
    let reader = url.replacen(&format!("{}:{}@", lab.user(), lab.password()), "reader:secret@", 1);
    let snapshot = captured(&reader).await;
    assert_eq!(snapshot.capabilities.role, "reader");
    assert!(!snapshot.capabilities.superuser && !snapshot.capabilities.read_all_stats);
    let orders = table(&snapshot, "app", "orders");
    assert!(!orders.ours && orders.size.is_some());
    assert!(orders.columns.iter().all(|column| column.statistics.is_none()));
    assert!(orders.indexes.iter().all(|index| index.definition.is_some()));
    assert!(snapshot.activity.tables.contains_key(&orders.oid));
    let reason = reason_about(&snapshot, "column statistics of app.orders").expect("it is said");
    assert!(reason.contains("pg_read_all_data"), "{reason}");
    assert!(reason_about(&snapshot, "some settings").is_some_and(|reason| reason.contains("pg_read_all_settings TO reader")));
    let Statements::Unavailable { reason, remedy } = &snapshot.activity.statements else { panic!("it may not read them") };
    assert!(reason.contains("reader may not read stats.pg_stat_statements"), "{reason}");
    assert!(remedy.contains("GRANT USAGE ON SCHEMA stats TO reader"), "{remedy}");

    run(&admin, "GRANT USAGE ON SCHEMA app, stats TO reader; GRANT SELECT ON app.orders TO reader").await;
    let own = client(&reader).await;
    run(&own, "SELECT id FROM app.orders WHERE id = 1").await;
    let snapshot = captured(&reader).await;
    let Statements::Recorded { statements, .. } = &snapshot.activity.statements else { panic!("its own are there") };
    let texts: Vec<&str> = statements.iter().map(|statement| statement.text.as_str()).collect();
    assert!(texts.contains(&"SELECT id FROM app.orders WHERE id = $1"), "{texts:?}");
    assert!(!texts.iter().any(|text| text.contains("count(*)")), "others' are not: {texts:?}");
    assert!(reason_about(&snapshot, "recorded statements").is_some_and(|reason| reason.contains("other roles")));
    assert_eq!(reason_about(&snapshot, "column statistics"), None);
}

#[tokio::test]
async fn statements_are_read_from_any_version_in_any_schema() {
    let lab = start(&[("shared_preload_libraries", "pg_stat_statements")]);
    let url = lab.url("postgres");
    let admin = client(&url).await;
    run(&admin, "CREATE TABLE t (a int, b text); CREATE SCHEMA \"My Stats\"").await;
    run(&admin, "CREATE DATABASE other").await;
    let available = "SELECT version FROM pg_available_extension_versions WHERE name = 'pg_stat_statements'";
    let versions = admin.query(available, &[]).await.expect("the server's own contrib modules");
    assert!(versions.len() > 1, "the server can install several");
    for version in versions.iter().map(|row| row.get::<_, String>(0)) {
        run(&admin, "DROP EXTENSION IF EXISTS pg_stat_statements").await;
        run(&admin, &format!("CREATE EXTENSION pg_stat_statements SCHEMA \"My Stats\" VERSION '{version}'")).await;
        run(&admin, "SELECT \"My Stats\".pg_stat_statements_reset()").await;
        run(&admin, "CREATE ROLE sec PASSWORD 'S3cret!'; DROP ROLE sec").await;
        run(&client(&lab.url("other")).await, "SELECT 'elsewhere'").await;
        for value in 1..=3 {
            run(&admin, &format!("INSERT INTO t SELECT g, 'x{value}' FROM generate_series(1, 1000) g")).await;
        }
        run(&admin, "SELECT /* user=ann@x.org */ a FROM t WHERE b = 'x1'").await;

        let snapshot = captured(&url).await;
        let Statements::Recorded { statements, evicted, since, .. } = &snapshot.activity.statements else {
            panic!("{version}: {:?}", snapshot.activity.statements)
        };
        let all = format!("{statements:?}");
        for absent in ["S3cret", "elsewhere", "x1", "ann@x.org", "pgtailor", "BEGIN"] {
            assert!(!all.contains(absent), "{version}: {absent} in {all}");
        }
        let insert = statements.iter().find(|statement| statement.text.starts_with("INSERT")).expect("it was recorded");
        assert_eq!(insert.text, "INSERT INTO t SELECT g, $1 FROM generate_series($2, $3) g");
        assert_eq!((insert.calls, insert.rows), (3, Rows(3000)));
        assert!(insert.total_time.0 > 0.0 && insert.blocks_accessed > Bytes(0));
        let spread = insert.spread.expect("every version says how times differ");
        let (deviation, longest) = (spread.deviation.0, spread.longest.expect("nobody has reset it").0);
        // Of three executions none takes longer than all, and the longest takes at least the mean.
        assert!(longest <= insert.total_time.0 && longest * 3.0 >= insert.total_time.0, "{version}: {insert:?}");
        assert!(deviation > 0.0 && deviation < longest, "{version}: {insert:?}");
        assert_eq!(insert.temp_written, Bytes(0));
        assert!(insert.blocks_read <= insert.blocks_accessed);
        assert!(statements.is_sorted_by(|one, next| one.total_time >= next.total_time));
        let has_info = !matches!(version.as_str(), "1.4" | "1.5" | "1.6" | "1.7" | "1.8");
        assert_eq!((evicted.is_some(), since.is_some()), (has_info, has_info), "{version}");
    }
    let few = captured_with(&url, &CaptureOptions { statements: 1, ..CaptureOptions::default() }).await;
    assert!(matches!(&few.activity.statements, Statements::Recorded { statements, .. } if statements.len() == 1));

    // Each cause has its own words.
    run(&admin, "CREATE DATABASE fresh").await;
    let reason = |snapshot: &Snapshot| match &snapshot.activity.statements {
        Statements::Unavailable { reason, remedy } => format!("{reason}: {remedy}"),
        Statements::Recorded { .. } => panic!("nothing to record"),
    };
    assert!(reason(&captured(&lab.url("fresh")).await).contains("not installed in this database: run CREATE EXTENSION"));
    // Before 14 the extension computes the identifiers itself, and nobody can switch that off.
    if lab.version().major >= 14 {
        run(&admin, "CREATE DATABASE quiet").await;
        run(&admin, "ALTER DATABASE quiet SET compute_query_id = off").await;
        run(&client(&lab.url("quiet")).await, "CREATE EXTENSION pg_stat_statements").await;
        assert!(reason(&captured(&lab.url("quiet")).await).contains("compute_query_id is off"));
    }

    let unloaded = start(&[]);
    run(&client(&unloaded.url("postgres")).await, "CREATE EXTENSION pg_stat_statements").await;
    assert!(reason(&captured(&unloaded.url("postgres")).await).contains("not loaded by the server"));
}

#[tokio::test]
async fn the_server_sees_reads_only() {
    let lab = start(&[("log_statement", "all"), ("log_line_prefix", "%a|"), ("autovacuum", "off")]);
    let url = lab.url("postgres");
    let admin = client(&url).await;
    run(&admin, "CREATE TABLE t (a int PRIMARY KEY, b text); CREATE INDEX ON t (lower(b)) WHERE a > 0").await;
    let next_transaction = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text";
    let before: String = admin.query_one(next_transaction, &[]).await.expect("an answer").get(0);
    captured(&url).await;
    let after: String = admin.query_one(next_transaction, &[]).await.expect("an answer").get(0);
    assert_eq!(before, after, "no transaction of ours got a number");

    let log = std::fs::read_to_string(lab.log_file()).expect("the server's log");
    let statements: Vec<&str> = log
        .lines()
        .filter_map(|line| line.strip_prefix("pgtailor|LOG:  "))
        .filter_map(|line| line.split_once(": ").filter(|(kind, _)| *kind == "statement" || kind.starts_with("execute")))
        .map(|(_, statement)| statement.trim_start())
        .collect();
    assert!(statements.len() > 25, "the log holds the capture: {statements:?}");
    let read = [
        "SELECT ",
        "SHOW ",
        "SET ",
        "START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        "SAVEPOINT ",
        "RELEASE ",
        "ROLLBACK",
    ];
    for statement in statements {
        assert!(read.iter().any(|known| statement.starts_with(known)), "{statement}");
    }
}

#[tokio::test]
async fn the_log_of_a_literal_name_is_harmless() {
    let lab = start(&[]);
    let url = lab.url("postgres");
    let admin = client(&url).await;
    let name = "x\u{1b}[31m\nDROP TABLE\u{202e}";
    run(&admin, &format!("CREATE TABLE {} (a int)", quote_identifier(name))).await;
    run(
        &admin,
        &format!("DO $$ BEGIN EXECUTE 'CREATE INDEX i ON ' || quote_ident({}) || ' (abs(a))'; END $$", quote_literal(name)),
    )
    .await;
    let locker = client(&url).await;
    run(&locker, &format!("BEGIN; LOCK TABLE {}", quote_identifier(name))).await;
    let snapshot = captured(&url).await;
    assert_eq!(table(&snapshot, "public", name).name.name, name);
    assert_eq!(snapshot.not_examined.len(), 2);
    for entry in &snapshot.not_examined {
        assert!(!entry.object.contains(['\n', '\u{1b}', '\u{202e}']), "{entry:?}");
    }
}
