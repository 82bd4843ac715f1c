//! Taking changes back, and listing them.

use pgtailor_model::ledger::Entry;
use pgtailor_model::moment::Conditions;
use pgtailor_model::outcome::StepOutcome;
use pgtailor_model::rollout::LeftOut;
use pgtailor_postgres::connect::Database;
use pgtailor_postgres::executor::{self, Events, Task};
use pgtailor_postgres::ledger;
use pgtailor_postgres::session::ReadOnlySession;
use pgtailor_rollout::{UndoStep, Which, undo_steps};
use tokio_util::sync::CancellationToken;

use crate::error::Error;

/// What [`undo`] did.
#[derive(Clone, Debug, PartialEq)]
pub struct Undone {
    /// What became of each step, newest entry first.
    pub outcomes: Vec<StepOutcome>,
}

/// Every entry of the ledger, oldest first; empty when the database has none. Reads only.
pub async fn history(database: &Database) -> Result<Vec<Entry>, Error> {
    let session = ReadOnlySession::connect(database).await?;
    Ok(ledger::entries_of(database, &session).await.map_err(executor::ApplyError::from)?.unwrap_or_default())
}

/// The steps that would take `which` back. Reads only.
pub async fn undo_preview(database: &Database, which: &Which) -> Result<Vec<UndoStep>, Error> {
    Ok(undo_steps(&history(database).await?, which)?)
}

/// What taking everything back would leave in the database, and why. Reads only.
pub async fn undo_leaves(database: &Database) -> Result<Vec<LeftOut>, Error> {
    Ok(pgtailor_rollout::undo_leaves(&history(database).await?))
}

/// Takes `which` back, newest first; each undo is an entry of the ledger itself.
pub async fn undo(
    database: &Database,
    which: &Which,
    conditions: &Conditions,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Undone, Error> {
    // Entries that were left open may be applied, or not: that is found out first.
    executor::reconcile(database, events).await?;
    let steps = undo_preview(database, which).await?;
    if steps.is_empty() {
        return Ok(Undone { outcomes: Vec::new() });
    }
    let tasks: Vec<Task> = steps.into_iter().map(|step| Task { step: step.step, undoes: Some(step.undoes) }).collect();
    Ok(Undone { outcomes: executor::apply(database, &tasks, conditions, events, cancel).await? })
}

/// Removes the ledger's schema, once everything in it is taken back: then nothing of pgtailor is left in the database.
pub async fn remove_ledger(database: &Database) -> Result<(), Error> {
    Ok(executor::remove_ledger(database).await?)
}
