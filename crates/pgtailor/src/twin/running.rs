//! Twins that run by themselves, for a person with psql.

use std::collections::BTreeSet;

use jiff::Timestamp;
use pgtailor_lab::{LeftLab, left_labs};
use pgtailor_model::planner::Inexact;
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::twin::{Fidelity, RunningTwin};
use pgtailor_twin::{DATABASE, OtherMajor, PLANNER, RaiseOptions, Raised, Twin, TwinError};

use super::capture::{WantedTables, named_tables, used_tables};
use super::fidelity::fidelity;
use crate::analysis::recorded_workload;
use crate::error::Error;

/// What labels of left labs begin with that are twins.
const LABEL: &str = "twin of ";

/// How to start a twin.
#[derive(Clone, Debug, Default)]
pub struct StartTwin {
    /// Folder of server programs; `None` for the newest here of the source's major version.
    pub server: Option<std::path::PathBuf>,
    /// What to do when there are none of that version.
    pub other_major: OtherMajor,
    /// Which tables.
    pub tables: WantedTables,
    /// A file of `pg_dump --statistics-only` of PostgreSQL 18 or newer, whose statistics replace those of the snapshot.
    pub statistics_dump: Option<std::path::PathBuf>,
}

/// A twin that was started.
#[derive(Clone, Debug)]
pub struct StartedTwin {
    /// Where it runs.
    pub twin: RunningTwin,
    /// How faithful it is.
    pub fidelity: Fidelity,
    /// What it cannot have like the source.
    pub inexact: Vec<Inexact>,
}

/// Raises a twin of the database in `snapshot`, tests it, and leaves it running when this program ends.
///
/// # Errors
/// A snapshot without what a twin needs, or no server for it. Nothing is left then, nor when the future is dropped half-way.
pub async fn start_twin(snapshot: &Snapshot, options: &StartTwin) -> Result<StartedTwin, Error> {
    let inputs = snapshot.planner.as_ref().ok_or(TwinError::NoInputs)?;
    let tables = match &options.tables {
        WantedTables::All => None,
        WantedTables::Used => Some(used_tables(&recorded_workload(snapshot))),
        WantedTables::Named(patterns) => Some(named_tables(&snapshot.catalog, patterns)?),
    };
    let tables = tables.map(|tables| inputs.families(&tables));
    let read = |path: &std::path::PathBuf| {
        std::fs::read_to_string(path).map_err(|source| Error::ReadFile { path: path.clone(), source })
    };
    let raise = RaiseOptions {
        server: options.server.clone(),
        other_major: options.other_major,
        tables: tables.clone(),
        statistics_dump: options.statistics_dump.as_ref().map(read).transpose()?,
    };
    let Raised { twin, inexact } = Twin::raise(snapshot, &raise).await?;
    let plans = match &tables {
        None => inputs.plans.clone(),
        Some(tables) => plans_over(snapshot, tables),
    };
    let fidelity = fidelity(&twin, &plans, &inexact, snapshot.server.version / 10_000).await?;
    let captured = snapshot.captured_at.strftime("%Y-%m-%d %H:%M");
    let left = twin.into_lab().leave_running(&format!("{LABEL}{}, captured {captured}", snapshot.server.database))?;
    Ok(StartedTwin { twin: running(&left), fidelity, inexact })
}

/// Twins that run, the oldest first.
pub fn running_twins() -> Result<Vec<RunningTwin>, Error> {
    Ok(twins()?.iter().map(running).collect())
}

/// Stops the twin whose identifier begins with `id`, or whose folder it is, and removes everything of it.
///
/// # Errors
/// [`Error::NoTwin`] when no twin, or more than one, is called so.
pub fn stop_twin(id: &str) -> Result<RunningTwin, Error> {
    let twins = twins()?;
    let is_it = |left: &&LeftLab| left.folder() == std::path::Path::new(id) || (!id.is_empty() && id_of(left).starts_with(id));
    let mut found = twins.iter().filter(is_it);
    match (found.next(), found.next()) {
        (Some(left), None) => {
            let twin = running(left);
            left.clone().stop()?;
            Ok(twin)
        }
        (first, _) => {
            let known: Vec<String> = twins.iter().map(id_of).collect();
            Err(Error::NoTwin { id: id.to_owned(), ambiguous: first.is_some(), known })
        }
    }
}

/// Stops all twins of this user.
pub fn stop_all_twins() -> Result<Vec<RunningTwin>, Error> {
    let mut stopped = Vec::new();
    for left in twins()? {
        stopped.push(running(&left));
        left.stop()?;
    }
    Ok(stopped)
}

/// Plans of the source that only need `tables`.
pub(crate) fn plans_over(
    snapshot: &Snapshot,
    tables: &BTreeSet<pgtailor_model::name::Oid>,
) -> Vec<pgtailor_model::planner::SourcePlan> {
    let Some(inputs) = &snapshot.planner else { return Vec::new() };
    let workload = recorded_workload(snapshot);
    let is_whole = |fingerprint: &str| {
        let query = workload.queries.iter().find(|query| query.fingerprint == fingerprint);
        query.is_some_and(|query| query.shapes.iter().all(|shape| tables.contains(&shape.table)))
    };
    inputs.plans.iter().filter(|plan| is_whole(&plan.fingerprint)).cloned().collect()
}

fn twins() -> Result<Vec<LeftLab>, Error> {
    let mut labs = left_labs()?;
    labs.retain(|left| left.label().starts_with(LABEL));
    Ok(labs)
}

/// The digits at the end of the folder's name, which are random.
fn id_of(left: &LeftLab) -> String {
    let name = left.folder().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.rsplit('-').next().unwrap_or_default().to_owned()
}

fn running(left: &LeftLab) -> RunningTwin {
    RunningTwin {
        id: id_of(left),
        label: left.label().to_owned(),
        version: left.version().to_owned(),
        started_at: Timestamp::try_from(left.started_at()).unwrap_or(Timestamp::UNIX_EPOCH),
        host: left.host(),
        port: left.port(),
        user: PLANNER.to_owned(),
        database: DATABASE.to_owned(),
    }
}
