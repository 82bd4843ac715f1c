//! What tests of twins share: a source with data, its capture, a twin of it, and statements at random.

#![allow(dead_code, reason = "each test uses its part")]

pub mod candidates;
pub mod fuzz;
#[path = "../../../sql/tests/script/mod.rs"]
pub mod script;
pub mod tpch;

use std::collections::BTreeMap;
use std::io::Write as _;

use pgtailor_lab::{Lab, LabOptions};
use pgtailor_model::binding::{Binding, BindingOrigin, Literal};
use pgtailor_model::planner::{Inexact, PlannerInputs, SourcePlan, StatisticsLevel};
use pgtailor_model::snapshot::Snapshot;
use pgtailor_postgres::capture::{CaptureOptions, PlannerOptions, capture};
use pgtailor_postgres::connect::{ConnectionInput, Database};
use pgtailor_postgres::lab_session::LabSession;
use pgtailor_postgres::planning::{ForeignCode, PlanOptions, Prepared, Question, plans};
use pgtailor_postgres::session::ReadOnlySession;
use pgtailor_twin::{RaiseOptions, Raised, Twin, nodes};

/// The made-up service.
pub const SAAS: &str = include_str!("saas.sql");

/// A server with data.
pub struct Source {
    pub lab: Lab,
    pub database: Database,
}

impl Source {
    /// A server without anything.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let options = settings.iter().fold(LabOptions::new(), |options, (name, value)| options.with_setting(*name, *value));
        let lab = Lab::start(&options.with_setting("autovacuum", "off")).expect("a PostgreSQL server is installed");
        let database = resolve(lab.url("postgres"));
        Self { lab, database }
    }

    /// A server on which `sql` was run.
    pub async fn with(sql: &str) -> Self {
        let source = Self::start(&[]);
        // In the same session: the seed is its own.
        source.run(&format!("SELECT setseed(0.5); {sql}")).await;
        source.run("CHECKPOINT").await;
        source
    }

    pub async fn run(&self, sql: &str) {
        let session = LabSession::connect(&self.database).await.expect("connected");
        session.run("prepare the source", sql).await.expect("the statements are right");
    }

    /// Copies `rows` in by `sql`.
    pub async fn copy(&self, sql: &str, rows: String) {
        let session = LabSession::connect(&self.database).await.expect("connected");
        session.copy_in("fill the source", sql, rows.into_bytes()).await.expect("the rows are right");
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
        let nothing = Binding { values: Vec::new(), weight: 1.0, origin: BindingOrigin::Observed };
        let questions: Vec<Question<'_>> =
            prepared.iter().map(|statement| Question { statement, binding: Some(&nothing) }).collect();
        self.plans_of(&questions).await
    }

    /// Plans of statements with their values, those that the source does not plan left out.
    pub async fn plans_of(&self, questions: &[Question<'_>]) -> Vec<SourcePlan> {
        let mut session = ReadOnlySession::connect(&self.database).await.expect("connected");
        let options = PlanOptions { foreign_code: ForeignCode::Allow, ..PlanOptions::default() };
        let answers = plans(&mut session, questions, &public(), options).await.expect("planned");
        let plan = |(question, answer): (&Question<'_>, Result<serde_json::Value, _>)| {
            let exposed = |value: &Option<Literal>| value.as_ref().map(|value| value.expose().to_owned());
            Some(SourcePlan {
                fingerprint: String::new(),
                text: question.statement.text.clone(),
                types: question.statement.types.clone(),
                values: question.binding.map(|binding| binding.values.iter().map(exposed).collect()),
                weight: 1.0,
                nodes: nodes(&answer.ok()?),
            })
        };
        questions.iter().zip(answers).filter_map(plan).collect()
    }
}

/// A twin of everything in `snapshot`, and what it lacks.
pub async fn raised(snapshot: &Snapshot) -> (Twin, Vec<Inexact>) {
    let Raised { twin, inexact } = Twin::raise(snapshot, &RaiseOptions::default()).await.expect("a twin");
    for inexact in &inexact {
        say(&format!("inexact: {}: {}", inexact.object, inexact.reason));
    }
    (twin, inexact)
}

/// Shows a line to who runs the test with `--nocapture`.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Asserts that the twin plans as the source did.
pub async fn assert_identical(what: &str, twin: &Twin, plans: &[SourcePlan]) {
    let test = twin.compare(plans).await.expect("compared");
    say(&format!("{what}: {} of {} plans identical", test.identical, test.asked));
    for deviation in test.deviations.iter().take(12) {
        say(&format!("  {:.3}x {}\n      {}", deviation.factor(), deviation.text, deviation.what));
    }
    assert_eq!(test.identical, test.asked, "{what}");
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
