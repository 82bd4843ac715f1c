//! Capturing what checks look at beside tables, indexes and counters: keys, sequences, ages, parameters, versions of collations.

use std::collections::BTreeMap;

use pgtailor_lab::{Lab, LabOptions};
use pgtailor_model::catalog::{ReferentialAction, Sequence, Table};
use pgtailor_model::change::StatisticsKind;
use pgtailor_model::name::QualifiedName;
use pgtailor_model::snapshot::Snapshot;
use pgtailor_postgres::capture::{CaptureOptions, capture};
use pgtailor_postgres::connect::{ConnectionInput, Database};
use pgtailor_postgres::session::ReadOnlySession;
use tokio_postgres::{Client, NoTls};

async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a session of the test's own");
    tokio::spawn(connection);
    client
}

async fn captured(url: &str) -> Snapshot {
    let input = ConnectionInput {
        database: Some(url.to_owned()),
        environment: BTreeMap::new(),
        home: None,
        local_user: "nobody".to_owned(),
    };
    let database = Database::resolve(&input).expect("a valid connection string");
    let mut session = ReadOnlySession::connect(&database).await.expect("a session");
    capture(&mut session, &CaptureOptions::default()).await.expect("a snapshot")
}

fn table<'a>(snapshot: &'a Snapshot, name: &str) -> &'a Table {
    snapshot.catalog.table(&QualifiedName::new("public", name)).unwrap_or_else(|| panic!("{name} was captured"))
}

fn sequence<'a>(snapshot: &'a Snapshot, name: &str) -> &'a Sequence {
    snapshot.catalog.sequences.iter().find(|sequence| sequence.name.name == name).unwrap_or_else(|| panic!("{name}"))
}

const SCHEMA: &str = r#"
CREATE TABLE parent (a int, "B c" text, PRIMARY KEY ("B c", a));
CREATE TABLE child (id serial PRIMARY KEY, x text, y int, z int,
    CONSTRAINT to_parent FOREIGN KEY (x, y) REFERENCES parent ("B c", a) ON DELETE CASCADE);
ALTER TABLE child ADD CONSTRAINT to_itself FOREIGN KEY (z) REFERENCES child (id) NOT VALID;
CREATE SEQUENCE loose AS smallint INCREMENT 5 CYCLE;
CREATE SEQUENCE named;
CREATE TABLE fed (n bigint DEFAULT nextval('named'), i int GENERATED ALWAYS AS IDENTITY, u uuid DEFAULT gen_random_uuid());
CREATE TABLE shaped (a int, b int, c int, skew int, plain text COLLATE "C", local text COLLATE "en-x-icu", words text)
  WITH (fillfactor = 70, autovacuum_enabled = off);
CREATE STATISTICS together (ndistinct, dependencies) ON a, b FROM shaped;
ALTER TABLE shaped ALTER skew SET STATISTICS 3;
CREATE INDEX shaped_a ON shaped (a);
CREATE INDEX shaped_plain ON shaped (plain);
CREATE INDEX shaped_local ON shaped (local);
CREATE INDEX shaped_words ON shaped (a, words);
INSERT INTO shaped (a, b, c, skew, words) SELECT i, i / 2, i, CASE WHEN i % 10 < 7 THEN 1 ELSE i END, i::text FROM generate_series(1, 1000) i;
CREATE TABLE parted (k int, p int REFERENCES child) PARTITION BY RANGE (k);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
SELECT nextval('child_id_seq') FROM generate_series(1, 7);
VACUUM ANALYZE shaped;
"#;

#[tokio::test]
async fn keys_sequences_and_parameters_are_captured() {
    let lab = Lab::start(&LabOptions::new()).expect("a local PostgreSQL server can be started");
    let url = lab.url("postgres");
    let client = client(&url).await;
    for statement in SCHEMA.split_inclusive(';').map(str::trim).filter(|text| !text.is_empty()) {
        client.batch_execute(statement).await.unwrap_or_else(|error| panic!("{error:?} in {statement}"));
    }
    // Autovacuum at work elsewhere may hold the horizon for a moment.
    let mut snapshot = captured(&url).await;
    for _ in 0..1000 {
        if table(&snapshot, "shaped").all_visible.0 > 0 {
            break;
        }
        client.batch_execute("VACUUM shaped").await.expect("a vacuum");
        snapshot = captured(&url).await;
    }

    let keys = &table(&snapshot, "child").foreign_keys;
    assert_eq!(
        keys.iter().map(|key| (key.name.as_str(), key.validated)).collect::<Vec<_>>(),
        [("to_itself", false), ("to_parent", true)]
    );
    assert_eq!(keys[1].columns, ["x", "y"]);
    assert_eq!(keys[1].referenced_columns, ["B c", "a"]);
    assert_eq!((keys[1].references, keys[1].on_delete), (table(&snapshot, "parent").oid, ReferentialAction::Cascade));
    assert_eq!(table(&snapshot, "parted").foreign_keys.len(), 1);
    assert_eq!(table(&snapshot, "parted_1").foreign_keys, [], "a partition's follows from its parent's");

    let child = table(&snapshot, "child").oid;
    assert_eq!(sequence(&snapshot, "child_id_seq").last_value, Some(7));
    assert_eq!(sequence(&snapshot, "child_id_seq").feeds, Some((child, "id".to_owned())));
    assert_eq!(sequence(&snapshot, "child_id_seq").greatest, i64::from(i32::MAX));
    let fed = table(&snapshot, "fed");
    assert_eq!(sequence(&snapshot, "named").feeds, Some((fed.oid, "n".to_owned())), "a default names it");
    assert_eq!(sequence(&snapshot, "fed_i_seq").feeds, Some((fed.oid, "i".to_owned())), "an identity owns it");
    let loose = sequence(&snapshot, "loose");
    assert_eq!((loose.last_value, loose.increment, loose.cycles, loose.greatest), (None, 5, true, 32_767));
    assert_eq!(loose.feeds, None);
    let random: Vec<&str> = fed.columns.iter().filter(|column| column.random_uuid).map(|column| column.name.as_str()).collect();
    assert_eq!(random, ["u"]);

    let shaped = table(&snapshot, "shaped");
    assert_eq!(shaped.parameters["fillfactor"], "70");
    assert_eq!(shaped.parameters["autovacuum_enabled"], "off");
    assert_eq!(shaped.extended_statistics[0].definition.columns.iter().collect::<Vec<_>>(), ["a", "b"]);
    assert!(shaped.extended_statistics[0].definition.kinds.contains(&StatisticsKind::Dependencies));
    assert_eq!(shaped.column("skew").and_then(|column| column.statistics_target), Some(3));
    assert_eq!(shaped.column("a").and_then(|column| column.statistics_target), None);
    let skew = shaped.column("skew").and_then(|column| column.statistics).expect("it was analyzed");
    assert!((skew.most_common_fraction - 0.7).abs() < 0.001 && skew.most_common == 1, "{skew:?}");
    let rising = shaped.column("a").and_then(|column| column.statistics).expect("it was analyzed");
    assert!(rising.correlation.is_some_and(|correlation| correlation > 0.99) && rising.most_common == 0, "{rising:?}");
    assert_eq!(shaped.all_visible, shaped.pages, "vacuum found every row visible");
    let database = &snapshot.activity.database;
    assert!(database.frozen_age > 0 && database.transactions > database.frozen_age, "{database:?}");
    assert!(table(&snapshot, "child").frozen_age < database.frozen_age, "{database:?}");
}

#[tokio::test]
async fn an_open_transaction_is_the_horizon() {
    let lab = Lab::start(&LabOptions::new()).expect("a local PostgreSQL server can be started");
    let url = lab.url("postgres");
    let (holder, writer) = (client(&url).await, client(&url).await);
    holder.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1").await.expect("a snapshot is held");
    for _ in 0..20 {
        writer.query_one("SELECT pg_current_xact_id()::text", &[]).await.expect("a transaction number is taken");
    }
    let age = captured(&url).await.activity.database.horizon_age;
    assert!(age >= 20, "{age}");
    holder.batch_execute("ROLLBACK").await.expect("it ends");
    let age = captured(&url).await.activity.database.horizon_age;
    assert!(age < 20, "{age}");
}

#[tokio::test]
async fn an_index_by_rules_that_have_changed_is_told_apart() {
    let lab = Lab::start(&LabOptions::new()).expect("a local PostgreSQL server can be started");
    let url = lab.url("postgres");
    let client = client(&url).await;
    let outdated = |snapshot: &Snapshot| -> Vec<(String, Option<bool>)> {
        table(snapshot, "t").indexes.iter().map(|index| (index.name.clone(), index.collation_outdated)).collect()
    };
    client
        .batch_execute(
            r#"CREATE TABLE t (a int, plain text COLLATE "C", local text COLLATE "en-x-icu");
               CREATE INDEX t_a ON t (a); CREATE INDEX t_plain ON t (plain); CREATE INDEX t_local ON t (local)"#,
        )
        .await
        .expect("a table");
    let all_current = ["t_a", "t_local", "t_plain"].map(|name| (name.to_owned(), Some(false)));
    assert_eq!(outdated(&captured(&url).await), all_current);
    client
        .batch_execute("UPDATE pg_collation SET collversion = '1' WHERE collname = 'en-x-icu'")
        .await
        .expect("the superuser may");
    let mut one_is_old = all_current;
    one_is_old[1].1 = Some(true);
    assert_eq!(outdated(&captured(&url).await), one_is_old);
}
