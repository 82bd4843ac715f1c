//! The best set of changes for a workload, asked of a twin of the database.
//!
//! A twin is raised from a snapshot with the tables that the statements use; values for the statements' parameters are drawn from its
//! statistics; everything else is decided by the advisor, on a thread of its own, which asks the twin. Start reading at [`advise_snapshot`].

mod bound;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use pgtailor_advisor::advise::{Request, advise as advised};
use pgtailor_model::advice::{Advice, AdviceLimits, Weighing};
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::unit::count_as_f64;
use pgtailor_postgres::connect::Database;
use pgtailor_postgres::session::ReadOnlySession;
use pgtailor_twin::{BlockingWhatIf, OtherMajor, RaiseOptions, Raised, Twin, TwinError, TwinWhatIf};

use crate::error::Error;
use crate::twin::{TwinCapture, WantedTables, capture_for_twin, fidelity, plans_over, used_tables};
use crate::workload::{Gathered, WorkloadOptions, read_sources};

/// Sessions that plan: one a core of a small machine; more gain nothing (measured on two cores).
const SESSIONS: usize = 2;

/// Plannings for the search. TPC-H's answers take some hundreds; a large workload is ended by its time limit first.
const CALLS: usize = 200_000;

/// What advice is wanted.
#[derive(Clone, Debug)]
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
    let capture =
        TwinCapture { tables: WantedTables::All, foreign_code: options.workload.foreign_code, ..TwinCapture::default() };
    let snapshot = capture_for_twin(database, &capture).await?;
    let session = ReadOnlySession::connect(database).await?;
    let gathered = read_sources(&snapshot, Some(&session), &options.workload).await?;
    drop(session);
    of_gathered(snapshot, gathered, options).await
}

/// What to change in the database of `snapshot`. No other server is asked.
///
/// # Errors
/// A snapshot without what a twin needs, no statements, no server programs for a twin.
pub async fn advise_snapshot(snapshot: &Snapshot, options: &AdviseOptions) -> Result<Advice, Error> {
    let gathered = read_sources(snapshot, None, &options.workload).await?;
    of_gathered(snapshot.clone(), gathered, options).await
}

async fn of_gathered(snapshot: Snapshot, gathered: Gathered, options: &AdviseOptions) -> Result<Advice, Error> {
    let started = Instant::now();
    let inputs = snapshot.planner.as_ref().ok_or(TwinError::NoInputs)?;
    let mut workload = gathered.understood(&snapshot.catalog, &inputs.search_path)?;
    let tables = inputs.families(&used_tables(&workload));
    let raise = RaiseOptions {
        server: options.server.clone(),
        other_major: options.other_major,
        tables: Some(tables.clone()),
        statistics_dump: None,
    };
    let Raised { twin, inexact } = Twin::raise(&snapshot, &raise).await?;
    let fidelity = fidelity(&twin, &plans_over(&snapshot, &tables), &inexact, snapshot.server.version / 10_000).await?;
    let bound = bound::bind(&twin, &mut workload, &snapshot).await?;
    let what_if = TwinWhatIf::open(twin, SESSIONS).await?;
    let mut what_if = BlockingWhatIf::new(what_if, tokio::runtime::Handle::current());
    let options = options.clone();
    let deadline = started + options.time_limit;
    let counters_belong = options.workload.sources.iter().all(|source| source == "pg_stat_statements");
    let advising = tokio::task::spawn_blocking(move || {
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
        };
        let advice = advised(&request, &mut what_if, &mut || Instant::now() < deadline);
        (advice, deadline <= Instant::now())
    });
    let (advice, out_of_time) = advising.await.map_err(|_| Error::Interrupted)?;
    let mut advice = advice?;
    advice.effort.seconds = started.elapsed().as_secs_f64();
    advice.effort.out_of_time = out_of_time;
    advice.notes.extend(bound.notes);
    Ok(advice)
}

/// Seconds over which the recorded statements were collected.
fn window(snapshot: &Snapshot) -> Option<f64> {
    let pgtailor_model::activity::Statements::Recorded { since, .. } = &snapshot.activity.statements else { return None };
    let since = (*since).or(snapshot.activity.since)?;
    let seconds = snapshot.captured_at.as_second().checked_sub(since.as_second())?;
    u64::try_from(seconds).ok().map(count_as_f64)
}
