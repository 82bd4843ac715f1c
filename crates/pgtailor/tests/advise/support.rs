//! A server with the made-up service on it, folders of statements, and the advice for them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

use pgtailor::model::advice::{Advice, Loss, Recommendation};
use pgtailor::model::change::Change;
use pgtailor::model::index::IndexDefinition;
use pgtailor::model::planner::StatisticsLevel;
use pgtailor::model::snapshot::Snapshot;
use pgtailor::{AdviseOptions, Database, ForeignCode, TwinCapture, WantedTables, WorkloadOptions};
use pgtailor_testkit::server::Server;

/// The tables and their rows.
pub const SERVICE: &str = include_str!("service.sql");

/// A database with rows.
pub struct Source {
    pub server: Server,
    pub database: Database,
}

impl Source {
    /// A database on which `sql` was run, vacuumed and analyzed.
    pub fn with(sql: &str) -> Self {
        let source = Self::unanalyzed(sql);
        source.server.sql("postgres", "VACUUM ANALYZE");
        source
    }

    /// A database on which `sql` was run and nothing else, now or later. Commits are durable: a lab's are not, and a row whose commit is not
    /// flushed yet is not taken for visible to all (`heap_page_is_all_visible` in `vacuumlazy.c`).
    pub fn unanalyzed(sql: &str) -> Self {
        let server = Server::with_settings(&[("autovacuum", "off"), ("synchronous_commit", "on")]);
        server.sql("postgres", sql);
        let database = Database::from_url(&server.lab.url("postgres")).expect("a lab's URL is right");
        Self { server, database }
    }

    pub async fn captured(&self) -> Snapshot {
        let options = TwinCapture { level: StatisticsLevel::Exact, tables: WantedTables::All, foreign_code: ForeignCode::Refuse };
        pgtailor::capture_for_twin(&self.database, &options).await.expect("captured")
    }

    /// Total planner cost of `sql`.
    pub fn cost(&self, sql: &str) -> f64 {
        let plan = self.server.sql("postgres", &format!("EXPLAIN {sql}"));
        let (_, after) = plan.split_once("..").expect("a plan has a range of costs");
        after.split(' ').next().and_then(|cost| cost.parse().ok()).expect("a cost is a number")
    }
}

/// Statements with their executions, in a folder that is a workload.
pub struct Statements {
    folder: tempfile::TempDir,
    pub texts: BTreeMap<String, (String, u64)>,
}

impl Statements {
    /// `name`, executions and text of each.
    pub fn of(statements: &[(&str, u64, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut texts = BTreeMap::new();
        let mut weights: BTreeMap<&str, u64> = BTreeMap::new();
        for (name, calls, text) in statements {
            std::fs::write(folder.path().join(format!("{name}.sql")), text).expect("written");
            weights.insert(name, *calls);
            texts.insert((*name).to_owned(), ((*text).to_owned(), *calls));
        }
        let weights = serde_json::to_string(&weights).expect("numbers by name");
        std::fs::write(folder.path().join("weights.json"), weights).expect("written");
        Self { folder, texts }
    }

    /// Options with this workload and nothing else.
    pub fn options(&self) -> AdviseOptions {
        let sources = vec![self.folder.path().display().to_string()];
        AdviseOptions { workload: WorkloadOptions { sources, ..WorkloadOptions::default() }, ..AdviseOptions::default() }
    }
}

/// What is recommended to be made: `orders (org, created_at DESC)`.
pub fn made(advice: &Advice) -> Vec<String> {
    let table_and_definition = |one: &Recommendation| created(one).map(|definition| format!("{} {definition}", one.table.name));
    advice.recommendations.iter().filter_map(table_and_definition).collect()
}

/// The index that a recommendation makes.
pub fn created(recommendation: &Recommendation) -> Option<&IndexDefinition> {
    match &recommendation.change {
        Change::CreateIndex { definition, .. } => Some(definition),
        _ => None,
    }
}

/// Names of the indexes that are recommended to go.
pub fn dropped(advice: &Advice) -> Vec<&str> {
    let mut names = Vec::new();
    for one in &advice.recommendations {
        if let Change::DropIndex { name, .. } = &one.change {
            names.push(name.as_str());
        }
    }
    names
}

/// Everything about `advice` that helps to see why a test fails.
pub fn told(advice: &Advice) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{:.1} -> {:.1}, {}, {:?}", advice.cost_before, advice.cost_after, advice.bound.gap, advice.effort);
    for one in &advice.recommendations {
        let _ = writeln!(
            text,
            "+ {:>10} gain {:>12.1} loss {:>12.1} upkeep {:>10.1} {}",
            one.size.to_string(),
            one.gain,
            one.loss_without,
            one.upkeep.cost,
            one.sql
        );
    }
    for statement in &advice.statements {
        let head: String = statement.text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(80).collect();
        let _ = writeln!(
            text,
            "{:>8} x {:>10.2} {:>10.2} {:?} {head}",
            statement.calls, statement.before, statement.after, statement.uses
        );
    }
    for rejected in &advice.rejected {
        let reason = match &rejected.reason {
            Loss::Refused { because } => because.clone(),
            other => format!("{other:?}"),
        };
        let _ = writeln!(text, "- {} {}: {reason}", rejected.table.name, rejected.definition);
    }
    for skipped in &advice.skipped {
        let _ = writeln!(text, "skipped {}: {}", skipped.statement, skipped.reason);
    }
    for note in &advice.notes {
        let _ = writeln!(text, "note: {note}");
    }
    text
}

/// Shows a line to who runs the test with `--nocapture`.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
