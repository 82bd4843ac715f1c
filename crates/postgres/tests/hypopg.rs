//! HypoPG on a live server, beside indexes that are really built. Needs the extension of the server's package; see `scripts/setup.sh`.

use std::collections::BTreeMap;

use pgtailor_lab::{Lab, LabOptions};
use pgtailor_model::catalog::Catalog;
use pgtailor_model::index::{IndexDefinition, IndexKey, KeyPart};
use pgtailor_model::name::Oid;
use pgtailor_model::unit::count_as_f64;
use pgtailor_model::what_if::{CandidateIndex, CandidateStatistics, Configuration, Planned, Question, WhatIf};
use pgtailor_postgres::capture::{CaptureOptions, capture};
use pgtailor_postgres::connect::{ConnectionInput, Database};
use pgtailor_postgres::hypopg::{BlockingHypoPg, HypoPg};
use pgtailor_postgres::session::ReadOnlySession;
use tokio_postgres::{Client, NoTls};

const SCHEMA: &str = "
CREATE TABLE t (id int PRIMARY KEY, kind int, name text, price int);
INSERT INTO t SELECT g, g % 50, 'name ' || g, (g * 7919) % 100000 FROM generate_series(1, 100000) g;
CREATE TABLE few (id int);
INSERT INTO few SELECT g * 100 FROM generate_series(1, 400) g;
CREATE TABLE parts (day int, n int) PARTITION BY RANGE (day);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (50);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (50) TO (100);
INSERT INTO parts SELECT g % 100, g FROM generate_series(1, 40000) g;
";

struct Fixture {
    lab: Lab,
    client: Client,
}

impl Fixture {
    async fn new() -> Self {
        let options = LabOptions::new().with_setting("autovacuum", "off").with_setting("max_parallel_workers_per_gather", "0");
        let lab = Lab::start(&options).expect("a local PostgreSQL server can be started");
        let (client, connection) = tokio_postgres::connect(&lab.url("postgres"), NoTls).await.expect("a session");
        tokio::spawn(connection);
        let fixture = Self { lab, client };
        fixture.run(SCHEMA).await;
        fixture.run("VACUUM ANALYZE t").await;
        fixture.run("VACUUM ANALYZE few").await;
        fixture.run("VACUUM ANALYZE parts").await;
        fixture
    }

    async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{error:?} in {sql}"));
    }

    async fn session(&self) -> ReadOnlySession {
        let input = ConnectionInput {
            database: Some(self.lab.url("postgres")),
            environment: BTreeMap::new(),
            home: None,
            local_user: "nobody".to_owned(),
        };
        let database = Database::resolve(&input).expect("valid");
        ReadOnlySession::connect(&database).await.expect("connected")
    }

    async fn catalog(&self) -> Catalog {
        capture(&mut self.session().await, &CaptureOptions::default()).await.expect("a snapshot").catalog
    }

    async fn opened(&self) -> Result<HypoPg, String> {
        let path = ["public".to_owned()];
        HypoPg::open(self.session().await, &self.catalog().await, &path).await.expect("the session holds")
    }

    /// HypoPG installed and opened.
    async fn hypopg(&self) -> HypoPg {
        self.run("CREATE EXTENSION hypopg").await;
        self.opened().await.expect("it is installed")
    }

    async fn oid(&self, relation: &str) -> Oid {
        Oid(self.client.query_one("SELECT $1::text::regclass::oid", &[&relation]).await.expect("it exists").get(0))
    }

    async fn candidate(&self, table: &str, definition: IndexDefinition) -> CandidateIndex {
        CandidateIndex { table: self.oid(table).await, definition }
    }

    /// The cost of `text` by the server itself.
    async fn cost(&self, text: &str) -> f64 {
        let row = self.client.query_one(&format!("EXPLAIN (FORMAT JSON) {text}"), &[]).await.expect("planned");
        let plan: serde_json::Value = row.get(0);
        plan[0]["Plan"]["Total Cost"].as_f64().expect("a cost")
    }
}

fn with(candidates: &[&CandidateIndex]) -> Configuration {
    Configuration { indexes: candidates.iter().map(|candidate| (*candidate).clone()).collect(), ..Configuration::default() }
}

async fn planned(hypopg: &mut HypoPg, configuration: &Configuration, text: &str) -> Result<Planned, String> {
    let question = Question { text, types: &[], binding: None };
    hypopg.plan(configuration, &[question]).await.expect("the session holds").remove(0)
}

#[tokio::test]
async fn it_is_used_only_where_it_is_installed() {
    let fixture = Fixture::new().await;
    let Err(reason) = fixture.opened().await else { panic!("it is not installed") };
    assert!(reason.contains("CREATE EXTENSION hypopg"), "{reason}");
    let mut hypopg = fixture.hypopg().await;
    let on_price = fixture.candidate("t", IndexDefinition::btree(["price"])).await;
    let text = "SELECT * FROM t WHERE price = 7919";
    let before = planned(&mut hypopg, &Configuration::default(), text).await.expect("planned");
    let after = planned(&mut hypopg, &with(&[&on_price]), text).await.expect("planned");
    assert_eq!((before.candidates.len(), after.candidates.len()), (0, 1));
    assert!(after.cost < before.cost / 10.0, "{} instead of {}", after.cost, before.cost);
    let again = planned(&mut hypopg, &Configuration::default(), text).await.expect("planned");
    assert_eq!(again, before, "nothing is left of an index that is not in the configuration");
    let indexes = "SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass";
    let count: i64 = fixture.client.query_one(indexes, &[]).await.expect("counted").get(0);
    assert_eq!(count, 1, "and none is made");
}

#[tokio::test]
async fn its_btrees_cost_nearly_what_built_ones_do() {
    let fixture = Fixture::new().await;
    let mut hypopg = fixture.hypopg().await;
    let cases = [
        ("price", "SELECT * FROM t WHERE price = 7919"),
        ("price", "SELECT * FROM t WHERE price IN (1, 2, 3, 4, 5)"),
        ("price", "SELECT * FROM t ORDER BY price LIMIT 5"),
        ("price", "SELECT * FROM few JOIN t ON t.price = few.id WHERE few.id < 2000"),
        ("kind", "SELECT * FROM t WHERE kind = 7"),
        ("kind", "SELECT count(*) FROM t WHERE kind BETWEEN 7 AND 9"),
        ("name", "SELECT * FROM t WHERE name = 'name 77' OR name = 'name 78'"),
    ];
    for (column, text) in cases {
        let candidate = fixture.candidate("t", IndexDefinition::btree([column])).await;
        let answer = planned(&mut hypopg, &with(&[&candidate]), text).await.expect("planned");
        let size = hypopg.size(&candidate).await.expect("the session holds").expect("it can be");
        fixture.run(&format!("CREATE INDEX built ON t ({column})")).await;
        let real = fixture.cost(text).await;
        let pages: i64 = {
            let row = fixture.client.query_one("SELECT pg_relation_size('built') / 8192", &[]).await.expect("its size");
            row.get(0)
        };
        fixture.run("DROP INDEX built").await;
        let error = (answer.cost - real).abs() / real;
        assert!(error < 0.02 && answer.candidates.len() == 1, "{text}: {} instead of {real}", answer.cost);
        let factor = count_as_f64(size.pages.0) / count_as_f64(u64::try_from(pages).expect("a size"));
        assert!((0.9..1.1).contains(&factor), "{column}: {} pages instead of {pages}", size.pages.0);
    }
}

#[tokio::test]
async fn a_copy_of_an_existing_index_costs_what_that_costs() {
    let fixture = Fixture::new().await;
    let mut hypopg = fixture.hypopg().await;
    let copy = fixture.candidate("t", IndexDefinition::btree(["id"])).await;
    for text in ["SELECT * FROM t WHERE id = 77", "SELECT * FROM few JOIN t ON t.id = few.id"] {
        let answer = planned(&mut hypopg, &with(&[&copy]), text).await.expect("planned");
        let existing = fixture.cost(text).await;
        assert!((answer.cost - existing).abs() < 0.001 * existing, "{text}: {} instead of {existing}", answer.cost);
    }
}

#[tokio::test]
async fn what_it_cannot_do_has_a_reason() {
    let fixture = Fixture::new().await;
    let mut hypopg = fixture.hypopg().await;
    let text = "SELECT * FROM t WHERE name = 'name 1'";
    let gist = IndexDefinition { method: "gist".to_owned(), ..IndexDefinition::btree(["price"]) };
    let spgist = IndexDefinition { method: "spgist".to_owned(), ..IndexDefinition::btree(["name"]) };
    let absent = IndexDefinition::btree(["no such column"]);
    let open = IndexDefinition { predicate: Some("price > 1) ; SELECT (1".to_owned()), ..IndexDefinition::btree(["name"]) };
    for (definition, wanted) in
        [(gist, "operator class"), (spgist, "not supported"), (absent, "no column"), (open, "cannot be used")]
    {
        let candidate = fixture.candidate("t", definition).await;
        let reason = planned(&mut hypopg, &with(&[&candidate]), text).await.expect_err("refused");
        assert!(reason.contains(wanted), "{reason}");
    }
    let nowhere = CandidateIndex { table: Oid(1), definition: IndexDefinition::btree(["a"]) };
    assert!(hypopg.size(&nowhere).await.expect("the session holds").is_err());
    let statistics = CandidateStatistics {
        table: fixture.oid("t").await,
        columns: vec!["kind".to_owned(), "price".to_owned()],
        combinations: None,
        dependencies: [].into(),
    };
    let configuration = Configuration { statistics: [statistics].into(), ..Configuration::default() };
    assert!(planned(&mut hypopg, &configuration, text).await.expect_err("refused").contains("extended statistics"));
    // Refusals leave nothing behind.
    let on_name = fixture.candidate("t", IndexDefinition::btree(["name"])).await;
    assert_eq!(planned(&mut hypopg, &with(&[&on_name]), text).await.expect("planned").candidates.len(), 1);
}

#[tokio::test]
async fn an_existing_index_is_left_out_where_the_version_can() {
    let fixture = Fixture::new().await;
    let mut hypopg = fixture.hypopg().await;
    let text = "SELECT * FROM t WHERE id = 77";
    let configuration = Configuration { without: [fixture.oid("t_pkey").await].into(), ..Configuration::default() };
    let answer = planned(&mut hypopg, &configuration, text).await;
    let can_hide = "SELECT count(*) FROM pg_proc WHERE proname = 'hypopg_hide_index'";
    let count: i64 = fixture.client.query_one(can_hide, &[]).await.expect("counted").get(0);
    if count == 0 {
        assert!(answer.expect_err("refused").contains("1.4"));
    } else {
        assert!(answer.expect("planned").existing.is_empty());
    }
    let answer = planned(&mut hypopg, &Configuration::default(), text).await.expect("planned");
    assert_eq!(answer.existing.len(), 1, "it is seen again");
}

#[tokio::test]
async fn partial_indexes_expressions_settings_and_partitions_are_answered() {
    let fixture = Fixture::new().await;
    let mut hypopg = fixture.hypopg().await;
    let partial = IndexDefinition { predicate: Some("kind = 3".to_owned()), ..IndexDefinition::btree(["price"]) };
    let partial = fixture.candidate("t", partial).await;
    let upper = IndexKey { part: KeyPart::Expression("upper(name)".to_owned()), ..IndexKey::column("") };
    let upper = fixture.candidate("t", IndexDefinition { keys: vec![upper], ..IndexDefinition::btree(["name"]) }).await;
    let folded = IndexDefinition { predicate: Some("price < (10 * 5)".to_owned()), ..IndexDefinition::btree(["name"]) };
    let folded = fixture.candidate("t", folded).await;
    let parts = fixture.candidate("parts", IndexDefinition::btree(["n"])).await;
    let all = with(&[&partial, &upper, &folded, &parts]);
    for (text, wanted) in [
        ("SELECT * FROM t WHERE kind = 3 AND price < 50", &partial),
        ("SELECT * FROM t WHERE upper(name) = 'NAME 3'", &upper),
        ("SELECT * FROM t WHERE price < 50 AND kind > 3", &folded),
        ("SELECT * FROM parts WHERE n = 3", &parts),
    ] {
        let answer = planned(&mut hypopg, &all, text).await.expect("planned");
        assert_eq!(answer.candidates, [wanted.clone()].into(), "{text}");
    }
    let whole = hypopg.size(&fixture.candidate("t", IndexDefinition::btree(["price"])).await).await;
    let (whole, part) =
        (whole.expect("held").expect("it can be"), hypopg.size(&partial).await.expect("held").expect("it can be"));
    assert!(part.pages.0 * 10 < whole.pages.0, "{part:?} of {whole:?}");
    let off = Configuration { settings: [("enable_indexscan".to_owned(), "off".to_owned())].into(), ..all };
    let answer = planned(&mut hypopg, &off, "SELECT * FROM parts WHERE n = 3").await.expect("planned");
    assert!(!answer.nodes.iter().any(|node| node.what.starts_with("Index Scan")), "{answer:?}");
}

#[tokio::test]
async fn a_powerful_session_does_not_compute_what_others_wrote() {
    let fixture = Fixture::new().await;
    let mut hypopg = fixture.hypopg().await;
    fixture
        .run("CREATE FUNCTION theirs(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RAISE EXCEPTION ''computed''; END'")
        .await;
    let predicate = Some("price > public.theirs(1)".to_owned());
    let candidate = fixture.candidate("t", IndexDefinition { predicate, ..IndexDefinition::btree(["name"]) }).await;
    let reason = planned(&mut hypopg, &with(&[&candidate]), "SELECT * FROM t").await.expect_err("refused");
    assert!(reason.contains("theirs") && !reason.contains("computed"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_wait_get_the_same_answers() {
    let fixture = Fixture::new().await;
    let mut hypopg = fixture.hypopg().await;
    let candidate = fixture.candidate("t", IndexDefinition::btree(["price"])).await;
    let text = "SELECT * FROM t WHERE price = 7919";
    let wanted = planned(&mut hypopg, &with(&[&candidate]), text).await;
    let runtime = tokio::runtime::Handle::current();
    let answers = std::thread::spawn(move || {
        let mut what_if = BlockingHypoPg::new(hypopg, runtime);
        let question = Question { text, types: &[], binding: None };
        what_if.plan(&with(&[&candidate]), &[question]).expect("the session holds")
    });
    assert_eq!(answers.join().expect("no panic"), [wanted]);
}
