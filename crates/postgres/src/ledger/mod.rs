//! The ledger: intent first, durable before its statement is sent.
//!
//! It lives in tables beside the data, because then any crash, standby or restore that contains an index of ours contains the row that
//! says so; where no schema may be made for it, in a file. This module reads and writes entries; it must not decide what a state means (the
//! executor does). Entries are only added and moved, by compare-and-set: nothing moved means that someone else holds the change, and the
//! mover must stop. Start with `Ledger`.

mod file;
mod tables;

use std::path::PathBuf;

use jiff::Timestamp;
use pgtailor_model::change::Change;
use pgtailor_model::index::IndexDefinition;
use pgtailor_model::ledger::{Builder, Entry, State};
use pgtailor_model::name::Oid;
use tokio_postgres::Client;

pub(crate) use self::tables::fingerprint;
use crate::connect::Database;
use crate::session::ReadOnlySession;

/// Where the ledger is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LedgerPlace {
    /// In schema `pgtailor` of the database.
    #[default]
    Schema,
    /// In this file, which only ever grows.
    File(PathBuf),
}

/// The ledger of a database, with a session of it.
#[derive(Clone, Copy)]
pub(crate) struct Ledger<'a> {
    pub client: &'a Client,
    pub place: &'a LedgerPlace,
}

/// What is known before a statement is sent.
pub(crate) struct NewEntry<'a> {
    pub undoes: Option<i64>,
    pub server_fingerprint: &'a str,
    pub change: &'a Change,
    pub do_sql: &'a str,
    pub undo_sql: Option<&'a str>,
    pub indexes_before: &'a [Oid],
    pub builder: Builder,
}

/// What a move adds to an entry; fields that are `None` stay as they are.
#[derive(Default)]
pub(crate) struct Move<'a> {
    pub index_oid: Option<Oid>,
    pub built: Option<&'a IndexDefinition>,
    pub sqlstate: Option<&'a str>,
    pub note: Option<&'a str>,
}

/// Every entry of `database`'s ledger, oldest first, by a session that cannot write; `None` when there is none.
pub async fn entries_of(database: &Database, session: &ReadOnlySession) -> Result<Option<Vec<Entry>>, LedgerError> {
    Ledger { client: &session.client, place: database.ledger_place() }.entries().await
}

impl Ledger<'_> {
    /// Every entry, oldest first; `None` when there is no ledger.
    pub async fn entries(self) -> Result<Option<Vec<Entry>>, LedgerError> {
        match self.place {
            LedgerPlace::Schema => tables::entries(self.client).await,
            LedgerPlace::File(path) => file::entries(path),
        }
    }

    /// Makes it where there is none. The caller holds the advisory lock, so that nobody else does the same.
    pub async fn install(self) -> Result<(), LedgerError> {
        match self.place {
            LedgerPlace::Schema => tables::install(self.client).await,
            LedgerPlace::File(path) => {
                if tables::is_installed(self.client).await? {
                    return Err(LedgerError::AlsoInSchema);
                }
                file::install(path)
            }
        }
    }

    /// Removes it, once nothing in the database depends on it any more: every entry is taken back or failed.
    pub async fn remove(self) -> Result<(), LedgerError> {
        let settled = |state| matches!(state, State::RolledBack | State::Failed);
        let entries = self.entries().await?.unwrap_or_default();
        let in_use =
            entries.iter().find(|entry| !settled(entry.state) && entry.undoes.is_none() && entry.change.inverse().is_ok());
        if let Some(entry) = in_use {
            return Err(LedgerError::InUse { id: entry.id, state: entry.state.to_string() });
        }
        match self.place {
            LedgerPlace::Schema => tables::remove(self.client).await,
            LedgerPlace::File(path) => file::remove(path),
        }
    }

    /// Writes the intent down and returns its number and time. When this returns, it is durable.
    pub async fn record_intent(self, entry: &NewEntry<'_>) -> Result<(i64, Timestamp), LedgerError> {
        match self.place {
            LedgerPlace::Schema => tables::record_intent(self.client, entry).await,
            LedgerPlace::File(path) => file::record_intent(path, entry, tables::now(self.client).await?),
        }
    }

    /// Moves an entry on, if it still is where it is believed to be.
    pub async fn advance(self, id: i64, from: State, to: State, add: &Move<'_>) -> Result<(), LedgerError> {
        match self.place {
            LedgerPlace::Schema => tables::advance(self.client, id, from, to, add).await,
            LedgerPlace::File(path) => file::advance(path, (id, from, to), add, tables::now(self.client).await?),
        }
    }
}

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
    /// The file cannot be read or written.
    #[error("cannot {doing} the ledger {}", path.display())]
    File {
        /// `read` or `write`.
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There must be one ledger.
    #[error("this database has a ledger in schema `pgtailor` already")]
    AlsoInSchema,
    /// A line of the file is no entry.
    #[error("{}, line {line}: not an entry of a ledger; nothing was done", path.display())]
    BadLine {
        /// Which.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
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
