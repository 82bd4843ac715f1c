//! What tests of twins share: a source with data, its capture, a twin of it, and statements at random.

#![allow(dead_code, reason = "each test uses its part")]

pub mod candidates;
pub mod fuzz;

use std::collections::BTreeMap;

use pgtailor_lab::{Lab, LabOptions};
use pgtailor_model::planner::{PlannerInputs, SourcePlan, StatisticsLevel};
use pgtailor_model::snapshot::Snapshot;
use pgtailor_postgres::capture::{CaptureOptions, PlannerOptions, capture};
use pgtailor_postgres::connect::{ConnectionInput, Database};
use pgtailor_postgres::lab_session::LabSession;
use pgtailor_postgres::planning::{ForeignCode, PlanOptions, Prepared, Question, plans};
use pgtailor_postgres::session::ReadOnlySession;
use pgtailor_twin::nodes;

/// The made-up service.
pub const SAAS: &str = include_str!("saas.sql");

/// A server with data.
pub struct Source {
    pub lab: Lab,
    pub database: Database,
}

impl Source {
    /// A server on which `sql` was run.
    pub async fn with(sql: &str) -> Self {
        let lab = Lab::start(&LabOptions::new().with_setting("autovacuum", "off")).expect("a PostgreSQL server is installed");
        let database = resolve(lab.url("postgres"));
        let source = Self { lab, database };
        source.run("SELECT setseed(0.5)").await;
        source.run(sql).await;
        source.run("CHECKPOINT").await;
        source
    }

    pub async fn run(&self, sql: &str) {
        let session = LabSession::connect(&self.database).await.expect("connected");
        session.run("prepare the source", sql).await.expect("the statements are right");
    }

    pub async fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let session = LabSession::connect(&self.database).await.expect("connected");
        session.rows("read from the source", sql).await.expect("the statement is right")
    }

    /// As role `user`, whose password does not matter on a lab's own socket.
    pub fn as_role(&self, user: &str, password: &str) -> Database {
        let url = format!("postgres://{user}:{password}@{}:{}/postgres", self.lab.host(), self.lab.port());
        resolve(url)
    }

    pub async fn captured(&self, level: StatisticsLevel) -> Snapshot {
        captured(&self.database, level).await
    }

    /// Plans of statements with constants, those that the source does not plan left out.
    pub async fn plans(&self, texts: &[String]) -> Vec<SourcePlan> {
        let prepared: Vec<Prepared> = texts.iter().map(|text| Prepared { text: text.clone(), types: Vec::new() }).collect();
        let questions: Vec<Question<'_>> = prepared.iter().map(|statement| Question { statement, binding: None }).collect();
        let mut session = ReadOnlySession::connect(&self.database).await.expect("connected");
        let options = PlanOptions { foreign_code: ForeignCode::Allow, ..PlanOptions::default() };
        let answers = plans(&mut session, &questions, &public(), options).await.expect("planned");
        let plan = |(text, answer): (&String, Result<serde_json::Value, _>)| {
            let nodes = nodes(&answer.ok()?);
            Some(SourcePlan {
                fingerprint: String::new(),
                text: text.clone(),
                types: Vec::new(),
                values: Some(Vec::new()),
                weight: 1.0,
                nodes,
            })
        };
        texts.iter().zip(answers).filter_map(plan).collect()
    }
}

pub fn public() -> Vec<String> {
    vec!["public".to_owned()]
}

pub async fn captured(database: &Database, level: StatisticsLevel) -> Snapshot {
    let mut session = ReadOnlySession::connect(database).await.expect("connected");
    let planner = PlannerOptions { level, tables: None };
    let options = CaptureOptions { planner: Some(planner), ..CaptureOptions::default() };
    let mut snapshot = capture(&mut session, &options).await.expect("captured");
    if let Some(planner) = &mut snapshot.planner {
        planner.search_path = public();
    }
    snapshot
}

pub fn inputs(snapshot: &Snapshot) -> &PlannerInputs {
    snapshot.planner.as_ref().expect("it was asked for")
}

pub fn resolve(url: String) -> Database {
    let input = ConnectionInput { database: Some(url), environment: BTreeMap::new(), home: None, local_user: String::new() };
    Database::resolve(&input).expect("a lab's URL is right")
}
