//! A small database, sessions of several roles, and short ways to ask.

use std::collections::BTreeMap;

use pgtailor_lab::{Lab, LabOptions};
use pgtailor_model::binding::{Binding, BindingOrigin, Literal, Parameter};
use pgtailor_model::catalog::Catalog;
use pgtailor_model::workload::{Query, Workload};
use pgtailor_postgres::capture::{CaptureOptions, capture};
use pgtailor_postgres::connect::{ConnectionInput, Database};
use pgtailor_postgres::planning::{BindOptions, BindReport, PlanOptions, Prepared, Question, Refusal, bind, plan_costs};
use pgtailor_postgres::session::ReadOnlySession;
use tokio_postgres::{Client, NoTls};

const SCHEMA: &str = "
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE t (id int PRIMARY KEY, name varchar(40), mood mood, day date, at timestamptz, price numeric(10, 2), doc jsonb, tags text[]);
INSERT INTO t SELECT g, 'name ' || g % 900, (ARRAY['sad', 'ok', 'ok', 'ok', 'happy'])[g % 5 + 1]::mood, current_date - g % 700,
       now() - g * interval '1 hour', g % 1000, jsonb_build_object('kind', g % 7), ARRAY['a' || g % 3]
  FROM generate_series(1, 9000) g;
CREATE INDEX ON t (at);
CREATE TABLE u (id int PRIMARY KEY, t_id int REFERENCES t, amount int);
INSERT INTO u SELECT g, g, g % 50 FROM generate_series(1, 5000) g;
CREATE ROLE reader LOGIN PASSWORD 'secret'; GRANT SELECT ON t, u TO reader;
CREATE ROLE stranger LOGIN PASSWORD 'secret';
";

pub struct Fixture {
    pub lab: Lab,
    pub client: Client,
}

impl Fixture {
    pub async fn new() -> Self {
        Self::started(&LabOptions::new()).await
    }

    pub async fn started(options: &LabOptions) -> Self {
        let lab = Lab::start(options).expect("a local PostgreSQL server can be started");
        let client = client(&lab.url("postgres")).await;
        let fixture = Self { lab, client };
        fixture.run(SCHEMA).await;
        fixture.run("VACUUM ANALYZE t").await;
        fixture.run("VACUUM ANALYZE u").await;
        fixture
    }

    pub async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{error:?} in {sql}"));
    }

    pub fn url(&self, role: &str) -> String {
        let own = format!("{}:{}@", self.lab.user(), self.lab.password());
        self.lab.url("postgres").replacen(&own, &format!("{role}:secret@"), 1)
    }

    pub async fn session(&self) -> ReadOnlySession {
        session(&self.lab.url("postgres")).await
    }

    pub async fn session_of(&self, role: &str) -> ReadOnlySession {
        session(&self.url(role)).await
    }

    pub async fn catalog(&self) -> Catalog {
        capture(&mut self.session().await, &CaptureOptions::default()).await.expect("a snapshot").catalog
    }
}

pub async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a session of the test's own");
    tokio::spawn(connection);
    client
}

pub async fn session(url: &str) -> ReadOnlySession {
    let input = ConnectionInput {
        database: Some(url.to_owned()),
        environment: BTreeMap::new(),
        home: None,
        local_user: "nobody".to_owned(),
    };
    ReadOnlySession::connect(&Database::resolve(&input).expect("a valid connection string")).await.expect("a session")
}

pub fn public() -> Vec<String> {
    vec!["public".to_owned()]
}

pub fn query(text: &str, parameters: Vec<Parameter>) -> Query {
    Query { fingerprint: text.to_owned(), text: text.to_owned(), calls: 1, parameters, ..Query::default() }
}

/// Binds `queries` in `session`; the names are those of the fixture.
pub async fn bound(session: &mut ReadOnlySession, catalog: &Catalog, queries: Vec<Query>) -> (Workload, BindReport) {
    let mut workload = Workload { queries, ..Workload::default() };
    let report = bind(session, &mut workload, catalog, &public(), &BindOptions::default()).await.expect("bound");
    assert_eq!(report.prepared.len() + report.refused.len(), workload.queries.len());
    (workload, report)
}

pub fn prepared(text: &str, types: &[&str]) -> Prepared {
    Prepared { text: text.to_owned(), types: types.iter().map(|name| (*name).to_owned()).collect() }
}

pub fn values(values: &[&str]) -> Binding {
    let values = values.iter().map(|value| Some(Literal::new(*value))).collect();
    Binding { values, weight: 1.0, origin: BindingOrigin::Observed }
}

pub async fn cost(session: &mut ReadOnlySession, statement: &Prepared, binding: Option<&Binding>) -> Result<f64, Refusal> {
    cost_with(session, statement, binding, PlanOptions::default()).await
}

pub async fn cost_with(
    session: &mut ReadOnlySession,
    statement: &Prepared,
    binding: Option<&Binding>,
    options: PlanOptions,
) -> Result<f64, Refusal> {
    let mut costs = plan_costs(session, &[Question { statement, binding }], &public(), options).await.expect("planned");
    assert_eq!(costs.len(), 1);
    costs.remove(0)
}
