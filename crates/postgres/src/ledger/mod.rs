//! The ledger's tables in the target database: intent first, in the same write-ahead log as the effect.
//!
//! It lives beside the data because then any crash, standby or restore that contains an index of ours contains the row that says so.
//! This module reads and writes rows; it must not decide what a state means (the executor does). Rows are only added and moved, by
//! compare-and-set: zero rows moved means that someone else holds the change, and the mover must stop.

mod read;
mod write;

pub use read::entries_of;
pub(crate) use read::{entries, fingerprint};
pub(crate) use write::{Move, NewEntry, advance, install, record_intent, remove};

/// The comment on the schema, by which its version is known.
const VERSION_COMMENT: &str = "pgtailor ledger, version 1";

/// Something about the ledger that stops every change.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The server refused, or the connection broke.
    #[error("cannot {doing}")]
    Server {
        /// What was being done.
        doing: &'static str,
        /// The server's word.
        source: tokio_postgres::Error,
    },
    /// The server did not answer in time (a synchronous standby that is gone makes commits wait without end).
    #[error("the server did not answer within {seconds} s while pgtailor tried to {doing}")]
    NoAnswer {
        /// What was being done.
        doing: &'static str,
        /// How long was waited.
        seconds: u64,
    },
    /// The schema is not ours, or not of this version.
    #[error("schema `pgtailor` exists but is not a ledger of this version (its comment is {found:?})")]
    ForeignSchema {
        /// The comment that was found.
        found: Option<String>,
    },
    /// A row cannot be understood.
    #[error("entry {id} of the ledger cannot be read: {problem}")]
    BadEntry {
        /// The row.
        id: i64,
        /// What is wrong with it.
        problem: String,
    },
    /// Compare-and-set failed.
    #[error("entry {id} of the ledger is no longer in state {expected}: another pgtailor moved it")]
    Moved {
        /// The row.
        id: i64,
        /// The state that was expected.
        expected: String,
    },
    /// The ledger still has work to do.
    #[error("the ledger cannot be removed: entry {id} is {state}")]
    InUse {
        /// The row.
        id: i64,
        /// Its state.
        state: String,
    },
}

impl LedgerError {
    /// Whether an entry was not where it was believed to be.
    pub(crate) fn is_moved(&self) -> bool {
        matches!(self, Self::Moved { .. })
    }

    /// The server's SQLSTATE, when there was one.
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Server { source, .. } => source.code().map(tokio_postgres::error::SqlState::code),
            _ => None,
        }
    }
}
