//! How well drawn values stand for the real ones: planner costs on the built-in blueprint.
//!
//! The workload is driven and recorded by `pg_stat_statements`, understood, and bound from statistics alone. The mean cost over the bindings
//! is compared with the mean cost over parameters that the application would have sent.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use pgtailor_blueprint::{Blueprint, builtin};
use pgtailor_lab::{Lab, LabOptions};
use pgtailor_model::activity::Statements;
use pgtailor_model::index::KeyPart;
use pgtailor_model::name::quote_identifier;
use pgtailor_model::workload::{Query, Workload};
use pgtailor_postgres::bench::{DriveOptions, Filling, drive, load, mean_costs, record_statements};
use pgtailor_postgres::capture::{CaptureOptions, capture};
use pgtailor_postgres::connect::{ConnectionInput, Database};
use pgtailor_postgres::planning::{BindOptions, BindReport, PlanOptions, Prepared, Question, bind, plan_costs};
use pgtailor_postgres::session::ReadOnlySession;
use tokio_util::sync::CancellationToken;

/// Rows of the blueprint, as a share of what it states.
const SCALE: f64 = 0.03;

/// Sets of true parameters for each statement.
const TRUE_SETS: u32 = 40;

/// The share of the workload's time whose statements must be within the factor when there are no indexes but keys, as when they are recorded.
const WITHOUT_INDEXES: f64 = 0.9;

/// The same when every declared index is there. Costs then follow the values, and which are asked for is not to be seen in statistics: what
/// is over is as much as what is under.
const WITH_INDEXES: f64 = 0.85;

/// A mean cost within this factor of the truth is as good as the truth for choosing indexes.
const FACTOR: f64 = 2.0;

struct Driven {
    lab: Lab,
    database: Database,
    blueprint: Blueprint,
    filling: Filling,
}

fn public() -> Vec<String> {
    vec!["public".to_owned()]
}

async fn driven() -> Driven {
    let options = LabOptions::new().with_setting("shared_preload_libraries", "pg_stat_statements");
    let lab = Lab::start(&options).expect("a PostgreSQL server is installed");
    let database = resolve(lab.url("postgres"));
    let blueprint = Blueprint::from_texts(&builtin::find("dreflowpro").expect("it is built in").texts()).expect("it is right");
    let filling = Filling { scale: SCALE, seed: 1, now: Timestamp::now() };
    load(&database, &blueprint, filling, |_| {}).await.expect("it loads");
    assert!(record_statements(&database).await.expect("recording"), "pg_stat_statements is part of the server's packages");
    let options = DriveOptions {
        clients: 2,
        duration: Duration::from_secs(10),
        warmup: Duration::ZERO,
        seed: 7,
        salt: 1,
        statement_limit: Duration::from_secs(20),
    };
    drive(&database, &blueprint, filling, options, |_| {}, &CancellationToken::new()).await.expect("it drives");
    Driven { lab, database, blueprint, filling }
}

/// What is compared for one statement of the workload.
#[derive(Debug)]
struct Compared {
    names: String,
    time: f64,
    truth: f64,
    drawn: f64,
    bindings: usize,
}

impl Compared {
    /// 1 when both are the same, more the further they are apart.
    fn factor(&self) -> f64 {
        (self.drawn / self.truth).max(self.truth / self.drawn)
    }
}

/// Understood and bound; every statement of the blueprint that was recorded and reads a table is there.
async fn bound(session: &mut ReadOnlySession) -> (Workload, BindReport) {
    let snapshot = capture(session, &CaptureOptions::default()).await.expect("a snapshot");
    let Statements::Recorded { statements, .. } = &snapshot.activity.statements else { panic!("nothing recorded") };
    let mut workload = pgtailor_sql::understand(statements, &snapshot.catalog, &public());
    let report =
        bind(session, &mut workload, &snapshot.catalog, &public(), &BindOptions::default()).await.expect("the session lives");
    (workload, report)
}

/// Costs with true parameters by fingerprint: the weighted sum, the weight, and names of statements.
async fn truths(session: &mut ReadOnlySession, driven: &Driven) -> BTreeMap<String, (f64, f64, String)> {
    let Driven { blueprint, filling, .. } = driven;
    let costs = mean_costs(session, blueprint, *filling, TRUE_SETS, 99).await.expect("the session lives");
    let mut truths: BTreeMap<String, (f64, f64, String)> = BTreeMap::new();
    for (statement, cost) in blueprint.workload.statements().iter().zip(costs) {
        let truth = truths.entry(pgtailor_sql::fingerprint(&statement.sql).expect("valid SQL")).or_default();
        truth.0 += statement.weight * cost.unwrap_or_else(|| panic!("{} is not planned", statement.name));
        truth.1 += statement.weight;
        let _ = write!(truth.2, "{} ", statement.name);
    }
    truths
}

/// The mean cost over a query's bindings.
async fn drawn_cost(session: &mut ReadOnlySession, query: &Query, prepared: &Prepared) -> f64 {
    let questions: Vec<Question<'_>> =
        query.bindings.iter().map(|binding| Question { statement: prepared, binding: Some(binding) }).collect();
    let costs = plan_costs(session, &questions, &public(), PlanOptions::default()).await.expect("the session lives");
    let weighted = costs.into_iter().zip(&query.bindings).map(|(cost, binding)| {
        cost.unwrap_or_else(|refusal| panic!("a binding of {} is not planned: {refusal:?}", query.text)) * binding.weight
    });
    weighted.sum()
}

async fn compared(session: &mut ReadOnlySession, driven: &Driven, workload: &Workload, report: &BindReport) -> Vec<Compared> {
    let truths = truths(session, driven).await;
    let mut compared = Vec::new();
    for query in &workload.queries {
        let Some((sum, weight, names)) = truths.get(&query.fingerprint) else { continue };
        let prepared =
            report.prepared.get(&query.fingerprint).unwrap_or_else(|| panic!("{} was refused: {report:?}", query.text));
        assert!(!query.bindings.is_empty(), "{} has no bindings", query.text);
        let drawn = drawn_cost(session, query, prepared).await;
        let bindings = query.bindings.len();
        compared.push(Compared { names: names.clone(), time: query.total_time.0, truth: sum / weight, drawn, bindings });
    }
    compared
}

/// The share of time of statements within the factor, and a table of all others, worst first.
fn judged(mut compared: Vec<Compared>, factor: f64) -> (f64, String) {
    let whole: f64 = compared.iter().map(|one| one.time).sum();
    let within: f64 = compared.iter().filter(|one| one.factor() <= factor).map(|one| one.time).sum();
    compared.sort_by(|a, b| b.factor().total_cmp(&a.factor()));
    let n_within = compared.iter().filter(|one| one.factor() <= factor).count();
    let mut table = format!(
        "{:.1} % of the time and {n_within} of {} statements within a factor of {factor}\n",
        100.0 * within / whole,
        compared.len()
    );
    for one in compared.iter().take_while(|one| one.factor() > 1.3) {
        let share = 100.0 * one.time / whole;
        let _ = writeln!(
            table,
            "{:6.2}  truth {:10.2}  drawn {:10.2}  {share:5.1} % of the time, {} bindings: {}",
            one.factor(),
            one.truth,
            one.drawn,
            one.bindings,
            one.names
        );
    }
    (within / whole, table)
}

/// A role that may only read plans every binding, at the cost that the owner's has; what writes has its reading form planned.
async fn readers_cost_the_same(driven: &Driven, workload: &Workload, report: &BindReport) {
    administer(driven, "CREATE ROLE reader LOGIN PASSWORD 'secret'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader").await;
    let own = format!("{}:{}@", driven.lab.user(), driven.lab.password());
    let reader = resolve(driven.lab.url("postgres").replacen(&own, "reader:secret@", 1));
    let (mut owner, mut reader) = (connect(&driven.database).await, connect(&reader).await);
    let mut writes = 0;
    for query in &workload.queries {
        let Some(prepared) = report.prepared.get(&query.fingerprint) else { continue };
        let (own, read) = (drawn_cost(&mut owner, query, prepared).await, drawn_cost(&mut reader, query, prepared).await);
        assert!((read / own - 1.0).abs() < 0.001, "{}: {own} as the owner, {read} as a reader", query.text);
        writes += usize::from(query.shapes.iter().any(|shape| shape.write.is_some()));
    }
    assert!(writes >= 8, "{writes} statements that write");
}

async fn create_indexes(driven: &Driven) {
    let mut sql = String::new();
    for entry in &driven.blueprint.catalog {
        let keys: Vec<String> = entry
            .keys
            .iter()
            .map(|key| match &key.part {
                KeyPart::Column(column) => quote_identifier(column),
                KeyPart::Expression(text) => format!("({text})"),
            })
            .collect();
        let _ = write!(sql, "CREATE INDEX ON {} ({});", entry.table.sql(), keys.join(", "));
    }
    administer(driven, &sql).await;
}

async fn administer(driven: &Driven, sql: &str) {
    let url = driven.lab.url("postgres");
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("a session");
    tokio::spawn(connection);
    client.batch_execute(sql).await.expect("done");
}

fn resolve(url: String) -> Database {
    let input =
        ConnectionInput { database: Some(url), environment: BTreeMap::new(), home: None, local_user: "nobody".to_owned() };
    Database::resolve(&input).expect("the lab's URL is right")
}

async fn connect(database: &Database) -> ReadOnlySession {
    ReadOnlySession::connect(database).await.expect("a session")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mean_cost_of_the_draws_is_that_of_the_real_values() {
    let driven = driven().await;
    let mut session = connect(&driven.database).await;
    let (workload, report) = bound(&mut session).await;
    assert_eq!((report.refused.as_slice(), report.unbound.as_slice()), (&[][..], &[][..]));
    let statements = compared(&mut session, &driven, &workload, &report).await;
    assert!(statements.len() > 50, "{} of the blueprint's statements were recorded", statements.len());
    let (share, table) = judged(statements, FACTOR);
    readers_cost_the_same(&driven, &workload, &report).await;
    create_indexes(&driven).await;
    let statements = compared(&mut session, &driven, &workload, &report).await;
    let (indexed, indexed_table) = judged(statements, FACTOR);
    assert!(share >= WITHOUT_INDEXES, "without indexes: {table}");
    assert!(indexed >= WITH_INDEXES, "with indexes: {indexed_table}");
}
