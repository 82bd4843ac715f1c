//! Reads from the catalog what became of a change, and brings its entry to an end.
//!
//! The same code runs after every statement and for entries that an earlier run left open: a reply, a lost connection and a dead process
//! are told apart only by the words. What the catalog must look like is said by each kind of change in `class/`.

use std::time::Duration;

use pgtailor_model::change::Change;
use pgtailor_model::ledger::{Entry, State};
use pgtailor_model::name::Oid;
use pgtailor_model::outcome::StepResult;
use pgtailor_model::unit::{Bytes, Milliseconds};

use super::class;
use super::error::ApplyError;
use super::event::Events;
use super::sessions::Sessions;
use crate::ledger::Move;

/// An entry on its way to an end.
pub(super) struct Open<'a> {
    pub id: i64,
    pub undoes: Option<i64>,
    pub change: &'a Change,
    pub indexes_before: &'a [Oid],
    pub index_oid: Option<Oid>,
    pub state: State,
    pub created_at: jiff::Timestamp,
}

/// Why the statement did not simply succeed, in our words.
pub(super) struct Trouble {
    pub reason: String,
    pub sqlstate: Option<String>,
}

/// Everything that an end needs.
pub(super) struct Settling<'a> {
    pub open: Open<'a>,
    pub sessions: &'a Sessions,
    pub events: &'a Events,
    /// What the statement took.
    took: Duration,
    /// Why it did not simply succeed.
    trouble: Option<&'a Trouble>,
}

impl<'a> Open<'a> {
    pub fn of(entry: &'a Entry) -> Self {
        Self {
            id: entry.id,
            undoes: entry.undoes,
            change: &entry.change,
            indexes_before: &entry.indexes_before,
            index_oid: entry.index_oid,
            state: entry.state,
            created_at: entry.created_at,
        }
    }
}

/// Brings `open` to an end; `took` is what the statement took, `trouble` why it did not simply succeed.
pub(super) async fn settle(
    open: Open<'_>,
    sessions: &Sessions,
    took: Duration,
    trouble: Option<&Trouble>,
    events: &Events,
) -> Result<StepResult, ApplyError> {
    sessions.act_for(open.change).await?;
    let mut settling = Settling { open, sessions, events, took, trouble };
    let next = if trouble.is_some() { State::Reconciling } else { State::Verifying };
    if settling.open.state != State::CleanupPending {
        let add = Move {
            sqlstate: trouble.and_then(|trouble| trouble.sqlstate.as_deref()),
            note: trouble.map(|trouble| trouble.reason.as_str()),
            ..Move::default()
        };
        settling.go(next, add).await?;
    }
    class::settle(settling).await
}

impl Settling<'_> {
    /// Moves the entry on.
    pub async fn go(&mut self, to: State, add: Move<'_>) -> Result<(), ApplyError> {
        self.sessions.ledger().advance(self.open.id, self.open.state, to, &add).await?;
        self.open.state = to;
        Ok(())
    }

    /// The catalog confirms it. The entry that it takes back, if it does, is taken back with this.
    pub async fn applied(mut self, size: Option<Bytes>, add: Move<'_>) -> Result<StepResult, ApplyError> {
        if let Some(undone) = self.open.undoes {
            // Before its own end: whoever finds this entry open does both once more, and finds the other one moved.
            let moved = self.sessions.ledger().advance(undone, State::Applied, State::RolledBack, &Move::default()).await;
            moved.or_else(|error| if error.is_moved() { Ok(()) } else { Err(error) })?;
        }
        self.go(State::Applied, add).await?;
        Ok(StepResult::Applied { size, duration: Milliseconds(self.took.as_secs_f64() * 1_000.0) })
    }

    /// Nothing of it is in the database; `otherwise` says so where the statement itself seemed to succeed.
    pub async fn failed(mut self, otherwise: &str) -> Result<StepResult, ApplyError> {
        self.go(State::Failed, Move::default()).await?;
        let sqlstate = self.trouble.and_then(|trouble| trouble.sqlstate.clone());
        Ok(StepResult::Failed { reason: self.words(otherwise), sqlstate })
    }

    /// Why the statement did not simply succeed, else `otherwise`.
    pub fn words(&self, otherwise: &str) -> String {
        self.trouble.map_or_else(|| otherwise.to_owned(), |trouble| trouble.reason.clone())
    }

    /// Whether the statement did not simply succeed.
    pub fn has_trouble(&self) -> bool {
        self.trouble.is_some()
    }
}
