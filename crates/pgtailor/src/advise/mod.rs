//! The best set of changes for a workload, asked of a twin of the database.
//!
//! A twin is raised from a snapshot with the tables that the statements use; values for the statements' parameters are drawn from its
//! statistics; everything else is decided by the advisor, on a thread of its own, which asks the twin. Start reading at [`advise_snapshot`].

mod beside;
mod bound;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use pgtailor_advisor::advise::{Phase, Request, advise as advised, needed_tables};
use pgtailor_advisor::catalog::judge;
use pgtailor_model::advice::{Advice, AdviceLimits, Weighing};
use pgtailor_model::declared::{DeclaredIndex, Judged};
use pgtailor_model::name::Oid;
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::unit::count_as_f64;
use pgtailor_model::what_if::CandidateIndex;
use pgtailor_postgres::connect::Database;
use pgtailor_postgres::session::ReadOnlySession;
use pgtailor_twin::{BlockingWhatIf, OtherMajor, RaiseOptions, Raised, Twin, TwinError, TwinWhatIf};

use self::beside::Beside;
use crate::analysis::fitting;
use crate::catalog::{CatalogSource, canonical_texts, load_catalog};
use crate::error::Error;
use crate::twin::{TwinCapture, WantedTables, capture_for_twin, fidelity, plans_over};
use crate::workload::{Gathered, WorkloadOptions, read_sources};

/// Sessions that plan: one a core of a small machine; more gain nothing (measured on two cores).
const SESSIONS: usize = 2;

/// Plannings for the search. TPC-H's answers take some hundreds; a large workload is ended by its time limit first.
const CALLS: usize = 200_000;

/// The part of the time limit up to which `phase` may go on. What is left in the end is for planning the answer directly and for its evidence.
/// A search that is not done by half of the time finds little more; the bound finds that, too, and says how little it is. Where no `gap` is small
/// enough to be looked for, choosing has all of the time.
fn part_of_time(phase: Phase, gap: f64) -> f64 {
    match phase {
        Phase::Measuring => 0.4,
        Phase::Choosing if gap < 1.0 => 0.5,
        Phase::Choosing | Phase::Bounding => 0.85,
    }
}

/// What advice is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct AdviseOptions {
    /// Where the statements come from; without sources, those that the database or the snapshot recorded.
    pub workload: WorkloadOptions,
    /// What the answer must keep to.
    pub limits: AdviceLimits,
    /// What statements are weighed by.
    pub weighing: Weighing,
    /// After this long the best answer so far is given.
    pub time_limit: Duration,
    /// The gap at which the search for a better bound stops, 0 to 1.
    pub gap: f64,
    /// Whether indexes may be dropped.
    pub drops: bool,
    /// Declared catalogs whose entries are judged by the workload.
    pub catalogs: Vec<CatalogSource>,
    /// Folder of server programs for the twin; `None` for the newest here of the source's major version.
    pub server: Option<PathBuf>,
    /// What to do when there are none of that version.
    pub other_major: OtherMajor,
}

/// Gains below a thousandth of the workload are within what statistics vary by from one `ANALYZE` to the next.
pub const MINIMAL_GAIN: f64 = 0.001;

/// Indexes of more key columns are rare, and each column makes them larger.
pub const MAX_COLUMNS: usize = 4;

/// No budget, no drops, a minute.
impl Default for AdviseOptions {
    fn default() -> Self {
        Self {
            workload: WorkloadOptions::default(),
            limits: AdviceLimits { minimal_gain: MINIMAL_GAIN, columns: MAX_COLUMNS, ..AdviceLimits::default() },
            weighing: Weighing::default(),
            time_limit: Duration::from_mins(1),
            gap: 0.01,
            drops: false,
            catalogs: Vec::new(),
            server: None,
            other_major: OtherMajor::default(),
        }
    }
}

/// What to change in `database` for its workload. Read-only: the questions go to a twin here.
///
/// # Errors
/// No connection, no statements, no server programs for a twin.
pub async fn advise(database: &Database, options: &AdviseOptions) -> Result<Advice, Error> {
    advise_beside(database, options, &[]).await
}

/// The same where `planned` indexes will be there, too: what they serve is not advised again, and what they cost is in the cost before.
///
/// # Errors
/// As [`advise`].
pub(crate) async fn advise_beside(
    database: &Database,
    options: &AdviseOptions,
    planned: &[CandidateIndex],
) -> Result<Advice, Error> {
    let capture =
        TwinCapture { tables: WantedTables::All, foreign_code: options.workload.foreign_code, ..TwinCapture::default() };
    let snapshot = capture_for_twin(database, &capture).await?;
    let session = ReadOnlySession::connect(database).await?;
    let gathered = read_sources(&snapshot, Some(&session), &options.workload).await?;
    drop(session);
    of_gathered(snapshot, gathered, options, planned).await
}

/// What to change in the database of `snapshot`. No other server is asked.
///
/// # Errors
/// A snapshot without what a twin needs, no statements, no server programs for a twin.
pub async fn advise_snapshot(snapshot: &Snapshot, options: &AdviseOptions) -> Result<Advice, Error> {
    let gathered = read_sources(snapshot, None, &options.workload).await?;
    of_gathered(snapshot.clone(), gathered, options, &[]).await
}

async fn of_gathered(
    snapshot: Snapshot,
    gathered: Gathered,
    options: &AdviseOptions,
    planned: &[CandidateIndex],
) -> Result<Advice, Error> {
    let started = Instant::now();
    let mut entries = Vec::new();
    for source in &options.catalogs {
        entries.extend(load_catalog(source)?);
    }
    let inputs = snapshot.planner.as_ref().ok_or(TwinError::NoInputs)?;
    let mut workload = gathered.understood(&snapshot.catalog, &inputs.search_path)?;
    let notes: Vec<String> = workload.sources.iter().flat_map(|source| source.notes.iter().cloned()).collect();
    if workload.queries.is_empty() && workload.skipped.is_empty() {
        let reason = notes.first().cloned().unwrap_or_else(|| "the sources that were read hold none".to_owned());
        let remedy = "name a folder of .sql files or a server log with --workload".to_owned();
        return Err(Error::NoStatements { reason, remedy });
    }
    let tables = inputs.families(&needed_tables(&workload, &snapshot));
    let raise = RaiseOptions {
        server: options.server.clone(),
        other_major: options.other_major,
        tables: Some(tables.clone()),
        statistics_dump: None,
    };
    let Raised { twin, inexact } = Twin::raise(&snapshot, &raise).await?;
    let fidelity = fidelity(&twin, &plans_over(&snapshot, &tables), &inexact, snapshot.server.version / 10_000).await?;
    let bound = bound::bind(&twin, &mut workload, &snapshot).await?;
    let judged = judged(&twin, &entries, &snapshot, &tables).await?;
    let what_if = TwinWhatIf::open(twin, SESSIONS).await?;
    let what_if = BlockingWhatIf::new(what_if, tokio::runtime::Handle::current());
    let planned = planned.to_vec();
    let options = options.clone();
    let gap = options.gap;
    let counters_belong = options.workload.sources.iter().all(|source| source == "pg_stat_statements");
    let advising = tokio::task::spawn_blocking(move || {
        let mut what_if = match Beside::new(what_if, planned) {
            Ok(what_if) => what_if,
            Err(error) => return (Err(error), false),
        };
        let request = Request {
            snapshot: &snapshot,
            workload: &workload,
            statements: &bound.statements,
            refused: &bound.refused,
            limits: &options.limits,
            weighing: options.weighing,
            window: window(&snapshot).filter(|_| counters_belong),
            counters_belong,
            drops: options.drops,
            fidelity: Some(&fidelity),
            calls: CALLS,
            gap: options.gap,
            catalog: &judged,
        };
        let mut is_late = false;
        let mut may_go_on = |phase| {
            let has_time = started.elapsed() < options.time_limit.mul_f64(part_of_time(phase, options.gap));
            is_late |= !has_time;
            has_time
        };
        let advice = advised(&request, &mut what_if, &mut may_go_on);
        (advice, is_late)
    });
    let (advice, is_late) = advising.await.map_err(|_| Error::Interrupted)?;
    let mut advice = advice?;
    advice.effort.seconds = started.elapsed().as_secs_f64();
    // Who was stopped choosing and yet proved as much as was wanted has lost nothing.
    advice.effort.out_of_time = is_late && (gap >= 1.0 || advice.bound.gap > gap);
    advice.notes.extend(notes);
    advice.notes.extend(bound.notes);
    Ok(advice)
}

/// The entries beside the database, expressions in the twin's own spelling where it has their tables.
async fn judged(
    twin: &Twin,
    entries: &[DeclaredIndex],
    snapshot: &Snapshot,
    tables: &BTreeSet<Oid>,
) -> Result<Vec<Judged>, Error> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let is_there = |entry: &&DeclaredIndex| snapshot.catalog.table(&entry.table).is_some_and(|table| tables.contains(&table.oid));
    let there: Vec<DeclaredIndex> = entries.iter().filter(is_there).cloned().collect();
    let canonical = canonical_texts(&twin.session().await?, &there, &snapshot.catalog).await?;
    fitting(judge(entries, &snapshot.catalog, &canonical))
}

/// Seconds over which the recorded statements were collected.
fn window(snapshot: &Snapshot) -> Option<f64> {
    let pgtailor_model::activity::Statements::Recorded { since, .. } = &snapshot.activity.statements else { return None };
    let since = (*since).or(snapshot.activity.since)?;
    let seconds = snapshot.captured_at.as_second().checked_sub(since.as_second())?;
    u64::try_from(seconds).ok().map(count_as_f64)
}
