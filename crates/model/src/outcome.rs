//! What became of the steps of a rollout, as the catalog confirms it; never what was merely sent.

use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::unit::{Bytes, Milliseconds};

/// One step of a rollout, or of an undo, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepOutcome {
    /// The step's entry in the ledger; `None` when it was never written down.
    pub entry_id: Option<i64>,
    /// What the step was to do.
    pub change: Change,
    /// The statement, exactly as it was sent or would have been.
    pub sql: String,
    /// What became of it.
    pub result: StepResult,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum StepResult {
    /// The catalog confirms that it is done.
    Applied {
        /// The index's size, measured after the build; `None` for changes without one, or where it could not be read.
        size: Option<Bytes>,
        /// From the statement's start to its end, waiting included, measured.
        duration: Milliseconds,
    },
    /// The catalog was as the step wanted it before anything was sent, so nothing was sent.
    NothingToDo {
        /// What the catalog holds, as a sentence without a period.
        reason: String,
    },
    /// It failed, and nothing of it is left in the database.
    Failed {
        /// Why, as a sentence without a period.
        reason: String,
        /// The server's SQLSTATE, when the server said one.
        sqlstate: Option<String>,
    },
    /// It failed, and something of ours that it left behind could not be removed yet; the next run removes it.
    LeftOver {
        /// What is left and why, as a sentence without a period.
        reason: String,
    },
    /// It was never begun.
    NotReached {
        /// Why, as a sentence without a period.
        reason: String,
    },
    /// Its state is ambiguous, and only a person should touch it.
    NeedsHuman {
        /// What is ambiguous and where to look, as a sentence without a period.
        reason: String,
    },
}

impl StepResult {
    /// Its name in the JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Applied { .. } => "applied",
            Self::NothingToDo { .. } => "nothing-to-do",
            Self::Failed { .. } => "failed",
            Self::LeftOver { .. } => "left-over",
            Self::NotReached { .. } => "not-reached",
            Self::NeedsHuman { .. } => "needs-human",
        }
    }

    /// Whether the database is now as the step wanted it.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Applied { .. } | Self::NothingToDo { .. })
    }
}
