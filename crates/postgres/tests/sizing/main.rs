//! Predicted sizes beside those of indexes that are really built.
//!
//! Every candidate is predicted from statistics first, then created, then measured, then dropped. The data are made with a fixed seed; the
//! server's own sample for `ANALYZE` is not, so numbers differ a little from run to run. `--nocapture` shows the table.

mod candidates;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

use candidates::{Candidate, candidates};
use pgtailor_advisor::size::{PredictedIndex, predict};
use pgtailor_lab::{Lab, LabOptions};
use pgtailor_model::index::{Build, IndexDefinition};
use pgtailor_model::name::{Oid, QualifiedName};
use pgtailor_model::unit::{count_as_f64, grouped};
use pgtailor_postgres::connect::{ConnectionInput, Database};
use pgtailor_postgres::session::ReadOnlySession;
use pgtailor_postgres::sizing::{Expressions, NotSized, index_inputs};
use tokio_postgres::{Client, NoTls};

/// More rows, after the statistics were made; the planner multiplies its density with the pages that there are now.
const GROWTH: &str = "INSERT INTO events \
    SELECT g, 'kind' || floor(25 * random() ^ 2)::int, '2024-01-01'::timestamptz + g * interval '7 seconds', \
           md5(floor(9000 * random())::int::text)::uuid, jsonb_build_object('n', g % 100) \
    FROM generate_series(100001, 150000) g";

/// An index beside its prediction.
struct Compared {
    label: String,
    method: String,
    predicted: PredictedIndex,
    /// Pages without executing anything of an expression.
    planned: u64,
    pages: u64,
    levels: Option<u32>,
    gin: Option<[i64; 3]>,
}

impl Compared {
    /// How many times too large or too small.
    fn factor(&self) -> f64 {
        factor(self.predicted.pages.0, self.pages)
    }
}

fn factor(predicted: u64, pages: u64) -> f64 {
    let ratio = count_as_f64(predicted) / count_as_f64(pages);
    ratio.max(1.0 / ratio)
}

async fn client(lab: &Lab) -> Client {
    let (client, connection) = tokio_postgres::connect(&lab.url("postgres"), NoTls).await.expect("a session");
    tokio::spawn(connection);
    client
}

async fn session(lab: &Lab) -> ReadOnlySession {
    let input = ConnectionInput {
        database: Some(lab.url("postgres")),
        environment: BTreeMap::new(),
        home: None,
        local_user: "nobody".to_owned(),
    };
    let database = Database::resolve(&input).expect("a valid connection string");
    ReadOnlySession::connect(&database).await.expect("a session")
}

async fn oid_of(client: &Client, table: &str) -> Oid {
    Oid(client.query_one("SELECT $1::text::regclass::oid", &[&table]).await.expect("it is there").get(0))
}

async fn compared(client: &Client, session: &ReadOnlySession, candidate: &Candidate) -> Compared {
    let Candidate { table, definition, storage, with } = candidate;
    let oid = oid_of(client, table).await;
    let label = format!("{table} {definition}{with}");
    let predicted = async |expressions| {
        let inputs = index_inputs(session, oid, definition, *storage, expressions).await.expect("a session");
        predict(&inputs.unwrap_or_else(|refusal| panic!("{label}: {refusal}")))
    };
    let (computed, planned) = (predicted(Expressions::Compute).await, predicted(Expressions::Plan).await);
    let create = definition.create_sql("candidate", &QualifiedName::new("public", *table), Build::Blocking);
    // Storage parameters stand before the predicate; no candidate has both.
    client.batch_execute(&format!("{create}{with}")).await.unwrap_or_else(|error| panic!("{label}: {error:?}"));
    let size = "SELECT pg_relation_size('candidate') / current_setting('block_size')::int8";
    let pages: i64 = client.query_one(size, &[]).await.expect("measured").get(0);
    let method = definition.method.clone();
    let levels = if method == "btree" {
        let row = client.query_one("SELECT fastlevel::int8 FROM bt_metap('candidate')", &[]).await.expect("a metapage");
        Some(u32::try_from(row.get::<_, i64>(0)).expect("a small number"))
    } else {
        None
    };
    let gin = if method == "gin" {
        let question = "SELECT n_entry_pages::int8, n_data_pages::int8, n_entries::int8 \
                        FROM gin_metapage_info(get_raw_page('candidate', 0))";
        let row = client.query_one(question, &[]).await.expect("a metapage");
        Some([row.get(0), row.get(1), row.get(2)])
    } else {
        None
    };
    client.batch_execute("DROP INDEX candidate").await.expect("dropped");
    let pages = u64::try_from(pages).expect("a size");
    Compared { label, method, predicted: computed, planned: planned.pages.0, pages, levels, gin }
}

fn line(one: &Compared) -> String {
    let mut line = format!(
        "{:>6} {:>6} {:>6.3} {:>6.3}  {}",
        one.predicted.pages.0,
        one.pages,
        count_as_f64(one.predicted.pages.0) / count_as_f64(one.pages),
        count_as_f64(one.planned) / count_as_f64(one.pages),
        one.label
    );
    if let Some(levels) = one.levels {
        let _ = write!(line, "  [height {} of {levels}]", one.predicted.levels);
    }
    if let (Some([entry, data, entries]), Some(counters)) = (one.gin, one.predicted.gin) {
        let entries = u64::try_from(entries).unwrap_or_default();
        let _ = write!(
            line,
            "  [entry pages {} of {entry}, data pages {} of {data}, entries {} of {}]",
            counters.entry_pages,
            counters.data_pages,
            grouped(counters.entries.cast_unsigned()),
            grouped(entries)
        );
    }
    line
}

#[tokio::test]
async fn predicted_indexes_are_as_large_and_as_high_as_built_ones() {
    let lab = Lab::start(&LabOptions::new()).expect("a local PostgreSQL server can be started");
    let client = client(&lab).await;
    client.batch_execute(include_str!("schema.sql")).await.expect("the schema and its rows");
    for table in ["orders", "documents", "events"] {
        client.batch_execute(&format!("VACUUM (FULL, ANALYZE) {table}")).await.expect("statistics");
    }
    client.batch_execute(GROWTH).await.expect("more rows");
    let session = session(&lab).await;
    let mut all = Vec::new();
    for candidate in candidates() {
        all.push(compared(&client, &session, &candidate).await);
    }
    let mut table = String::from("\n predic  built  ratio planned\n");
    for one in &all {
        let _ = writeln!(table, "{}", line(one));
    }
    let mut factors: Vec<f64> = all.iter().map(Compared::factor).collect();
    factors.sort_by(f64::total_cmp);
    let (median, most) = (factors[factors.len() / 2], factors[factors.len() * 9 / 10]);
    let mut planned: Vec<f64> = all.iter().map(|one| factor(one.planned, one.pages)).collect();
    planned.sort_by(f64::total_cmp);
    let wrong: Vec<&Compared> =
        all.iter().filter(|one| one.levels.is_some_and(|levels| levels != one.predicted.levels)).collect();
    let _ = writeln!(
        table,
        "{} indexes: median factor {median:.3}, nine in ten {most:.3}, worst {:.3}; planned only {:.3}, {:.3}; {} heights wrong",
        all.len(),
        factors[factors.len() - 1],
        planned[planned.len() / 2],
        planned[planned.len() * 9 / 10],
        wrong.len()
    );
    std::io::stdout().write_all(table.as_bytes()).expect("written");
    assert!(all.len() >= 45, "{} candidates", all.len());
    for method in ["btree", "hash", "gin", "gist", "spgist", "brin"] {
        assert!(all.iter().any(|one| one.method == method), "no candidate of {method}");
    }
    assert!(median <= 1.1, "median factor {median}");
    assert!(most <= 1.5, "nine in ten are within {most}");
    // A height is wrong where a level has just become or not yet become a second page: a few leaves more or less decide it.
    assert!(wrong.len() <= 2, "{} heights are wrong", wrong.len());
}

#[tokio::test]
async fn what_cannot_be_sized_says_why() {
    let lab = Lab::start(&LabOptions::new()).expect("a local PostgreSQL server can be started");
    let client = client(&lab).await;
    client
        .batch_execute("CREATE TABLE t (a int, b text); INSERT INTO t SELECT g, g FROM generate_series(1, 10) g")
        .await
        .expect("made");
    let session = session(&lab).await;
    let table = oid_of(&client, "t").await;
    let refusal = async |table: Oid, definition: &IndexDefinition| {
        let inputs = index_inputs(&session, table, definition, candidates::PLAIN, Expressions::Plan).await.expect("a session");
        inputs.expect_err("it cannot be sized")
    };
    let plain = IndexDefinition::btree(["a"]);
    let partial = |predicate: &str| IndexDefinition { predicate: Some(predicate.to_owned()), ..plain.clone() };
    assert_eq!(refusal(table, &plain).await, NotSized::NoStatistics("a".to_owned()));
    client.batch_execute("ANALYZE t").await.expect("statistics");
    assert_eq!(refusal(Oid(1), &plain).await, NotSized::NoTable(Oid(1)));
    assert_eq!(refusal(table, &IndexDefinition::btree(["z"])).await, NotSized::NoColumn("z".to_owned()));
    let foreign = IndexDefinition { method: "bloom".to_owned(), ..plain.clone() };
    assert_eq!(refusal(table, &foreign).await, NotSized::UnknownMethod("bloom".to_owned()));
    let shapeless = IndexDefinition { method: "gist".to_owned(), ..plain.clone() };
    assert_eq!(refusal(table, &shapeless).await, NotSized::NoOperatorClass("a".to_owned()));
    assert_eq!(refusal(table, &partial("z > 1")).await, NotSized::NotPlanned("SQLSTATE 42703".to_owned()));
    let refused = refusal(table, &partial("true) OR (a > 1")).await;
    assert!(matches!(refused, NotSized::NotPlanned(_)), "{refused:?}");
}
