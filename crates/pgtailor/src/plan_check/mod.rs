//! The statements of a change, planned at production's size without production: which would read too much, which got worse, and which
//! index would cure them.
//!
//! A twin is raised from the snapshot with the tables that the statements use. When the change brings DDL, a second one is raised with it, and
//! both plan the same statements for the same values: what differs is the change. Start reading at [`check_plans`]. What a plan reads is
//! `scan`, what DDL does `change`, what would help `cure`.

mod change;
mod cure;
mod judge;
mod planning;
mod scan;

use std::collections::BTreeSet;
use std::path::PathBuf;

use pgtailor_model::name::Oid;
use pgtailor_model::plan_check::{PlanCheck, PlanLimits, ScanLimit, Unplanned};
use pgtailor_model::planner::Inexact;
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::unit::Rows;
use pgtailor_model::workload::{Skipped, SourceReport};
use pgtailor_twin::{OtherMajor, RaiseOptions, TwinError};

use crate::error::Error;
use crate::twin::{fidelity, plans_over, used_tables};
use crate::workload::{WorkloadOptions, read_sources};

use self::judge::Judge;
use self::planning::{Planning, raised};

/// What to check, and what is too much.
#[derive(Clone, Debug)]
pub struct PlanCheckOptions {
    /// Where the statements come from; without sources, those that the snapshot recorded.
    pub workload: WorkloadOptions,
    /// Files of DDL that come with the change, in the order in which they are applied.
    pub apply: Vec<PathBuf>,
    /// What is too much.
    pub limits: PlanLimits,
    /// Folder of server programs; `None` for the newest here of the source's major version.
    pub server: Option<PathBuf>,
    /// What to do when there are none of that version.
    pub other_major: OtherMajor,
}

/// Reading 100,000 rows in order takes some ten milliseconds and a few hundred to a few thousand pages: what a request can afford once and
/// what a busy server cannot afford a thousand times a second.
pub const MOST_SCANNED_ROWS: Rows = Rows(100_000);

/// Twins plan exactly, so growth is the change's; half as much again leaves room for an index that became a little larger.
pub const MOST_GROWTH: f64 = 1.5;

/// The defaults: 100,000 rows and half as much again.
impl Default for PlanCheckOptions {
    fn default() -> Self {
        Self {
            workload: WorkloadOptions::default(),
            apply: Vec::new(),
            limits: PlanLimits { scan: ScanLimit::Rows(MOST_SCANNED_ROWS), growth: MOST_GROWTH },
            server: None,
            other_major: OtherMajor::Refuse,
        }
    }
}

/// Plans the statements of a change in a twin of the database in `snapshot`. No other server is asked.
///
/// # Errors
/// A snapshot without what a twin needs, no server for it, a source that cannot be read, DDL that is refused. A statement that cannot be
/// planned is named in the result.
pub async fn check_plans(snapshot: &Snapshot, options: &PlanCheckOptions) -> Result<PlanCheck, Error> {
    let inputs = snapshot.planner.as_ref().ok_or(TwinError::NoInputs)?;
    let changes = change::read(&options.apply)?;
    let gathered = read_sources(snapshot, None, &options.workload).await?;
    let named = gathered.clone().understood(&snapshot.catalog, &inputs.search_path)?;
    let mut tables = used_tables(&named);
    tables.extend(change::tables_named(&snapshot.catalog, &changes));
    let tables = inputs.families(&tables);
    let raise = RaiseOptions {
        server: options.server.clone(),
        other_major: options.other_major,
        tables: Some(tables.clone()),
        statistics_dump: None,
    };

    let (twin, mut inexact) = raised(snapshot, &raise).await?;
    let plans = plans_over(snapshot, &tables);
    let fidelity = fidelity(&twin, &plans, &inexact, snapshot.server.version / 10_000).await?;
    let first = Planning::open(twin).await?;
    let (mut before, mut after) = if changes.is_empty() {
        (None, first)
    } else {
        let (twin, more) = raised(&change::with(snapshot, &changes), &raise).await?;
        inexact.extend(change::outcome(&changes, more)?);
        let mut after = Planning::open(twin).await?;
        after.move_new_indexes(inputs).await?;
        (Some(first), after)
    };

    let mut workload = gathered.understood(after.catalog(), &inputs.search_path)?;
    let bound = after.bind(&mut workload, &inputs.search_path, snapshot.captured_at).await?;
    let mut judge = Judge { inputs, limits: options.limits, before: before.as_mut(), after: &mut after, snapshot };
    let (mut statements, mut unplanned) = judge.statements(&workload, &bound).await?;
    statements.sort_by(|one, other| {
        let key = |statement: &pgtailor_model::plan_check::CheckedStatement| (statement.problems.is_empty(), -statement.cost);
        key(one).0.cmp(&key(other).0).then(key(one).1.total_cmp(&key(other).1))
    });
    inexact.sort();
    inexact.dedup();
    let (skipped, planless): (Vec<&Skipped>, Vec<&Skipped>) =
        workload.skipped.iter().partition(|skipped| asks_for_a_plan(skipped));
    unplanned.extend(skipped.into_iter().map(unplanned_for));
    if statements.is_empty() && unplanned.is_empty() {
        return Err(Error::NoStatements {
            reason: "none of the sources has one that reads or writes a table".to_owned(),
            remedy: "name a file, a folder of .sql files or a log by --workload".to_owned(),
        });
    }
    let notes_of =
        |source: &SourceReport| -> Vec<String> { source.notes.iter().map(|note| named_note(&source.name, note)).collect() };
    let mut notes: Vec<String> = workload.sources.iter().flat_map(notes_of).collect();
    if !planless.is_empty() {
        let count = planless.len();
        notes.push(format!("statements that read no table of the database have no plan to check, and were left out: {count}"));
    }
    Ok(PlanCheck {
        database: snapshot.server.database.clone(),
        version: snapshot.server.version_text.clone(),
        captured_at: snapshot.captured_at,
        fidelity,
        limits: options.limits,
        applied: options.apply.iter().map(|path| path.display().to_string()).collect(),
        statements,
        unplanned,
        inexact: concerning(inexact, &tables),
        notes,
    })
}

/// Whether a plan of the statement would say anything: `BEGIN` and `SELECT 1` of a log are no failures.
fn asks_for_a_plan(skipped: &Skipped) -> bool {
    const PLANLESS: [&str; 3] =
        ["it is a utility statement", "it reads no table of this database", "it reads only system tables"];
    !PLANLESS.contains(&skipped.reason.as_str())
}

fn unplanned_for(skipped: &Skipped) -> Unplanned {
    Unplanned { statement: skipped.statement.clone(), reason: skipped.reason.clone() }
}

/// What has nothing to do with these tables is nobody's concern here.
fn concerning(mut inexact: Vec<Inexact>, tables: &BTreeSet<Oid>) -> Vec<Inexact> {
    inexact.retain(|inexact| inexact.table.is_none_or(|table| tables.contains(&table)));
    inexact
}

fn named_note(source: &str, note: &str) -> String {
    if note.starts_with(source) { note.to_owned() } else { format!("{source}: {note}") }
}
