//! See the workload: gather statements from every source that was asked for, understand them, and say how much of the work was seen.
//!
//! Nothing of a captured statement is executed. Literals live in memory only, in the bindings; what is stored or shown is normalized.

mod bound;
mod position;
mod search_path;
mod source;
mod split;

use std::path::PathBuf;
use std::time::Duration;

use pgtailor_model::catalog::Catalog;
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::workload::{Coverage, SourceReport, Workload};
use pgtailor_postgres::connect::Database;
use pgtailor_postgres::session::ReadOnlySession;
use pgtailor_sql::Collector;

use crate::error::Error;
use position::Positions;
use source::Reading;

pub use bound::Bound;
pub use pgtailor_log::Format as LogFormat;
pub use pgtailor_postgres::planning::ForeignCode;
pub(crate) use search_path::search_path;

/// Where statements come from, and how they are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadOptions {
    /// Sources as `--workload` names them, merged; none is `pg_stat_statements`.
    pub sources: Vec<String>,
    /// An earlier capture: of `pg_stat_statements`, only what came after it counts.
    pub since: Option<PathBuf>,
    /// How long `pg_stat_activity` is looked at.
    pub sampling: Duration,
    /// What server logs are; `None` lets their first lines decide.
    pub log_format: Option<LogFormat>,
    /// The server's `log_line_prefix`; `None` lets the entries decide.
    pub log_line_prefix: Option<String>,
    /// A file that remembers where the reading of each log stopped: it is read, and written when everything else has gone well.
    pub resume: Option<PathBuf>,
    /// Whether each statement is planned with its values, on the database.
    pub costs: Costs,
    /// What to do with statements that could call code from outside `pg_catalog`, in a session with power over others.
    pub foreign_code: ForeignCode,
}

/// Whether planner costs are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Costs {
    /// Statements are prepared, for the types of their parameters, and not planned.
    #[default]
    No,
    /// Each statement is planned once for each of its sets of values, never executed.
    Planned,
}

/// `pg_stat_statements` since its reset; ten seconds of `pg_stat_activity`, when that is asked for.
impl Default for WorkloadOptions {
    fn default() -> Self {
        Self {
            sources: Vec::new(),
            since: None,
            sampling: Duration::from_secs(10),
            log_format: None,
            log_line_prefix: None,
            resume: None,
            costs: Costs::No,
            foreign_code: ForeignCode::Refuse,
        }
    }
}

/// A database and what it is asked to do.
#[derive(Clone, Debug)]
pub struct ObservedWorkload {
    /// What was captured.
    pub snapshot: Snapshot,
    /// The statements.
    pub workload: Workload,
    /// What the server said of each; empty for a workload that was gathered offline.
    pub bound: Bound,
}

/// The workload of `database`. Read-only.
///
/// # Errors
///
/// No connection; a source that does not exist or cannot be read; no source that has any statement ([`Error::NoStatements`]).
pub async fn observe(database: &Database, options: &WorkloadOptions) -> Result<ObservedWorkload, Error> {
    let mut session = ReadOnlySession::connect(database).await?;
    let snapshot =
        pgtailor_postgres::capture::capture(&mut session, &pgtailor_postgres::capture::CaptureOptions::default()).await?;
    let (mut workload, positions) = gather(&snapshot, Some(&session), options).await?;
    let bound = bound::bind(&mut session, &mut workload, &snapshot, options).await?;
    // Last: what fails before it is read again the next time.
    remember(options, positions)?;
    Ok(ObservedWorkload { snapshot, workload, bound })
}

/// The workload of a captured database, offline: `pg_stat_statements` as the snapshot holds it, and files.
///
/// # Errors
///
/// As [`observe`], and sources that need the database itself.
pub async fn observe_snapshot(snapshot: Snapshot, options: &WorkloadOptions) -> Result<ObservedWorkload, Error> {
    let (workload, positions) = gather(&snapshot, None, options).await?;
    remember(options, positions)?;
    Ok(ObservedWorkload { snapshot, workload, bound: Bound::default() })
}

fn remember(options: &WorkloadOptions, positions: Option<Positions>) -> Result<(), Error> {
    match (&options.resume, positions) {
        (Some(path), Some(positions)) => position::write(path, &positions),
        _ => Ok(()),
    }
}

/// The workload, and where its logs were left.
async fn gather(
    snapshot: &Snapshot,
    session: Option<&ReadOnlySession>,
    options: &WorkloadOptions,
) -> Result<(Workload, Option<Positions>), Error> {
    let mut gathered = read_sources(snapshot, session, options).await?;
    let positions = gathered.positions.take();
    Ok((gathered.understood(&snapshot.catalog, &search_path(snapshot))?, positions))
}

/// What sources gave, before anything is known of the tables that the statements name.
#[derive(Clone)]
pub(crate) struct Gathered {
    collector: Collector,
    reports: Vec<SourceReport>,
    coverage: Coverage,
    unavailable: Option<(String, String)>,
    positions: Option<Positions>,
}

impl Gathered {
    /// The workload over the tables of `catalog`, in which names are looked for along `search_path`.
    pub(crate) fn understood(self, catalog: &Catalog, search_path: &[String]) -> Result<Workload, Error> {
        let mut workload = self.collector.understand(catalog, search_path);
        if workload.queries.is_empty()
            && workload.skipped.is_empty()
            && let Some((reason, remedy)) = self.unavailable
        {
            return Err(Error::NoStatements { reason, remedy });
        }
        workload.sources = self.reports;
        workload.coverage = self.coverage;
        Ok(workload)
    }
}

/// Reads all sources.
pub(crate) async fn read_sources(
    snapshot: &Snapshot,
    session: Option<&ReadOnlySession>,
    options: &WorkloadOptions,
) -> Result<Gathered, Error> {
    let since = options.since.as_deref().map(source::read_earlier).transpose()?;
    let usual = ["pg_stat_statements".to_owned()];
    let arguments = if options.sources.is_empty() { &usual[..] } else { &options.sources };
    let mut reading = Reading {
        collector: Collector::default(),
        snapshot,
        since: since.as_ref(),
        session,
        options,
        positions: options.resume.as_deref().map(position::read).transpose()?,
        coverage: Coverage::default(),
        unavailable: None,
    };
    let mut reports = Vec::with_capacity(arguments.len());
    // All are found before the first is read: a mistake in the last is known at once.
    let sources = arguments.iter().map(|argument| Ok((source::find(argument)?, argument))).collect::<Result<Vec<_>, Error>>()?;
    for (source, argument) in sources {
        reports.push(source.read(argument, &mut reading).await?);
    }
    let Reading { mut collector, positions, coverage, unavailable, .. } = reading;
    if let Some(session) = session {
        reports.extend(bound::examples(session, &mut collector).await?);
    }
    Ok(Gathered { collector, reports, coverage, unavailable, positions })
}
