//! Observe and find: a snapshot, and everything that the pure crates make of it.

use std::collections::BTreeMap;

use pgtailor_advisor::catalog::judge;
use pgtailor_advisor::size::estimated_rebuilt_size;
use pgtailor_checks::{Outcome, Subject, table_performance};
use pgtailor_model::acceptance::Acceptance;
use pgtailor_model::activity::Statements;
use pgtailor_model::advice::Counsel;
use pgtailor_model::catalog::{Index, TableKind};
use pgtailor_model::declared::{DeclaredIndex, Judged};
use pgtailor_model::name::Oid;
use pgtailor_model::performance::TablePerformance;
use pgtailor_model::quantity::Quantity;
use pgtailor_model::rollout::Rollout;
use pgtailor_model::snapshot::{NotExamined, Snapshot};
use pgtailor_model::workload::Workload;
use pgtailor_postgres::capture::CaptureOptions;
use pgtailor_postgres::connect::Database;
use pgtailor_postgres::session::ReadOnlySession;

use crate::catalog::{canonical_texts, load_catalog};
use crate::error::Error;
use crate::optimize::Options;
use crate::proposal::rollout;
use crate::workload::search_path;

/// Everything that is known and proposed before anything is changed.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// What was captured.
    pub snapshot: Snapshot,
    /// Its statements, understood.
    pub workload: Workload,
    /// How each table is used.
    pub performance: Vec<TablePerformance>,
    /// What is wrong.
    pub outcome: Outcome,
    /// What became of each declared entry; empty without a catalog.
    pub judged: Vec<Judged>,
    /// What came of asking the advisor; an analysis alone does not ask.
    pub counsel: Counsel,
    /// What would be done.
    pub rollout: Rollout,
}

impl Analysis {
    /// What could not be examined, by the capture or by a check, with the reason.
    pub fn not_examined(&self) -> Vec<NotExamined> {
        // Many checks miss the same: that is one thing to say.
        let mut by_checks: BTreeMap<&NotExamined, Vec<&str>> = BTreeMap::new();
        for unexamined in &self.outcome.not_examined {
            by_checks.entry(&unexamined.what).or_default().push(&unexamined.check);
        }
        let by_checks = by_checks.into_iter().map(|(what, checks)| NotExamined {
            object: format!("{} {}: {}", if checks.len() == 1 { "check" } else { "checks" }, checks.join(", "), what.object),
            reason: what.reason.clone(),
        });
        self.snapshot.not_examined.iter().cloned().chain(by_checks).collect()
    }
}

/// Captures `database`: everything known about it, without any row of data. Read-only.
pub async fn capture(database: &Database) -> Result<Snapshot, Error> {
    let mut session = ReadOnlySession::connect(database).await?;
    Ok(pgtailor_postgres::capture::capture(&mut session, &CaptureOptions::default()).await?)
}

/// Captures `database` and analyzes it. Read-only: nothing is written, no lock is waited for longer than a quarter of a second.
///
/// # Errors
///
/// No connection, a catalog that cannot be read, or one with entries that cannot fit this database ([`Error::CatalogMistakes`]).
pub async fn analyze(database: &Database, options: &Options) -> Result<Analysis, Error> {
    let mut entries = Vec::new();
    for source in &options.catalogs {
        entries.extend(load_catalog(source)?);
    }
    let mut session = ReadOnlySession::connect(database).await?;
    let snapshot = pgtailor_postgres::capture::capture(&mut session, &CaptureOptions::default()).await?;
    let judged = judge_entries(&session, &entries, &snapshot).await?;
    Ok(assemble(snapshot, judged, options))
}

/// Analyzes a snapshot, offline. Declared catalogs need the server's spelling, so they are not judged here.
pub fn examine(snapshot: Snapshot) -> Analysis {
    examine_beside(snapshot, &[])
}

/// The same, beside findings that are accepted.
pub fn examine_beside(snapshot: Snapshot, accepted: &[Acceptance]) -> Analysis {
    assemble(snapshot, Vec::new(), &Options { accepted: accepted.to_vec(), ..Options::default() })
}

async fn judge_entries(session: &ReadOnlySession, entries: &[DeclaredIndex], snapshot: &Snapshot) -> Result<Vec<Judged>, Error> {
    let canonical = canonical_texts(session, entries, &snapshot.catalog).await?;
    fitting(judge(entries, &snapshot.catalog, &canonical))
}

/// `judged`, unless an entry does not fit this database.
pub(crate) fn fitting(judged: Vec<Judged>) -> Result<Vec<Judged>, Error> {
    let mistakes: Vec<String> = judged.iter().filter(|judged| judged.verdict.is_mistake()).map(mistake).collect();
    if mistakes.is_empty() { Ok(judged) } else { Err(Error::CatalogMistakes { mistakes }) }
}

fn assemble(snapshot: Snapshot, judged: Vec<Judged>, options: &Options) -> Analysis {
    let workload = recorded_workload(&snapshot);
    let fresh_sizes = fresh_sizes(&snapshot);
    let drop_evidence = &options.evidence;
    let subject = Subject { fresh_sizes: &fresh_sizes, drop_evidence, ..Subject::new(&snapshot, &workload) };
    let outcome = pgtailor_checks::run(&subject).beside(&options.accepted, snapshot.captured_at);
    let performance = table_performance(&snapshot);
    let counsel = Counsel::NotAsked;
    let rollout = rollout(&snapshot, &judged, &outcome, options, &counsel);
    Analysis { snapshot, workload, performance, outcome, judged, counsel, rollout }
}

/// What each valid B-tree of `snapshot` would take right after a `REINDEX`, in bytes, estimated; without those of which statistics do not
/// tell: over expressions, most partial ones, and those on tables that were never analyzed.
pub fn fresh_sizes(snapshot: &Snapshot) -> BTreeMap<Oid, Quantity> {
    let is_btree = |index: &Index| index.valid && index.definition.as_ref().is_some_and(|one| one.method == "btree");
    let indexes = snapshot.catalog.indexes().filter(|(table, index)| table.kind != TableKind::Partitioned && is_btree(index));
    indexes.filter_map(|(table, index)| Some((index.oid, estimated_rebuilt_size(index, table, &snapshot.server)?))).collect()
}

/// What `pg_stat_statements` recorded, understood; nothing where it is not there.
pub(crate) fn recorded_workload(snapshot: &Snapshot) -> Workload {
    match &snapshot.activity.statements {
        Statements::Recorded { statements, .. } => {
            pgtailor_sql::understand(statements, &snapshot.catalog, &search_path(snapshot))
        }
        Statements::Unavailable { .. } => Workload::default(),
    }
}

fn mistake(judged: &Judged) -> String {
    use pgtailor_model::declared::Verdict;
    let entry = &judged.entry;
    let what = match &judged.verdict {
        Verdict::NoTable => format!("table {} does not exist", entry.table),
        Verdict::NoColumn { column } => {
            format!("table {} has no column {}", entry.table, pgtailor_model::name::quote_identifier(column))
        }
        Verdict::Impossible { reason } => reason.clone(),
        other => other.name().to_owned(),
    };
    format!("{}: index {}: {what}", entry.origin, pgtailor_model::name::printable(&entry.name))
}
