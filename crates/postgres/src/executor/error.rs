//! What stops a rollout before or between its steps. What becomes of a step itself is an outcome, not an error.

use tokio_postgres::error::SqlState;

use crate::error::Error;
use crate::ledger::LedgerError;

/// Why nothing (more) was changed.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// No session, or a session that does not hold its settings.
    #[error(transparent)]
    Session(#[from] Error),
    /// A question of the executor's was refused.
    #[error("cannot {doing}")]
    Server {
        /// What was being done.
        doing: &'static str,
        /// The server's word.
        source: tokio_postgres::Error,
    },
    /// The ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Another pgtailor is at work.
    #[error("another pgtailor is changing this database")]
    Busy,
    /// Sessions are shared by a pooler.
    #[error("the connection goes through a pooler that shares sessions between clients")]
    Pooled,
    /// A standby.
    #[error("this server is a standby")]
    Standby,
    /// The second session cannot stop the first.
    #[error("the watchdog session cannot cancel the builder session, so a build could not be stopped")]
    NoWatchdog,
    /// The role may not create the ledger's schema.
    #[error("role {role} may not create the ledger's schema in database {database} (42501)")]
    NoLedger {
        /// The role, quoted.
        role: String,
        /// The database, quoted.
        database: String,
    },
    /// A name meant another index than the one to be dropped.
    #[error("the index was renamed or replaced a moment ago")]
    NotThatIndex,
    /// The ledger came here with a copy of another server's data.
    #[error("the ledger in this database was written on another server or database")]
    ForeignLedger,
    /// The connection was lost and no new one could be had.
    #[error("the connection was lost and could not be opened again within {seconds} s")]
    Gone {
        /// How long was tried.
        seconds: u64,
    },
}

impl ApplyError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Session(error) => return error.hint(),
            Self::Busy => "wait for it to end, or see what it does with `pgtailor history`".to_owned(),
            Self::Pooled => "give the address of the server itself; changes need a session of their own".to_owned(),
            Self::Standby => "connect to the primary".to_owned(),
            Self::NoWatchdog => "both sessions must be of the same role, and not behind a proxy".to_owned(),
            Self::NoLedger { role, database } => {
                format!("run `GRANT CREATE ON DATABASE {database} TO {role}`, or keep it in a file with --ledger FILE")
            }
            Self::Ledger(LedgerError::AlsoInSchema) => "leave --ledger out".to_owned(),
            Self::Ledger(LedgerError::BadLine { .. }) => {
                "restore the file from a copy; without it nothing that it holds can be taken back".to_owned()
            }
            Self::ForeignLedger => {
                "if this is a copy, remove the copied ledger: `DROP SCHEMA pgtailor CASCADE`; nothing of it was acted upon"
                    .to_owned()
            }
            Self::NotThatIndex => "run the same command again; nothing was dropped".to_owned(),
            Self::Gone { .. } => {
                "run pgtailor again when the server is back: it finds out what became of the open step".to_owned()
            }
            Self::Ledger(LedgerError::ForeignSchema { .. }) => {
                "pgtailor keeps its ledger in a schema of this name; rename or remove the one that is there".to_owned()
            }
            Self::Ledger(LedgerError::NoAnswer { .. }) => "a synchronous standby that is gone makes every commit wait".to_owned(),
            Self::Ledger(LedgerError::InUse { .. }) => "take it back first: `pgtailor undo --all`".to_owned(),
            Self::Server { .. } | Self::Ledger(_) => return None,
        })
    }

    /// The server's SQLSTATE, when there was one.
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Session(error) => error.sqlstate(),
            Self::Server { source, .. } => source.code().map(SqlState::code),
            Self::Ledger(error) => error.sqlstate(),
            Self::NoLedger { .. } => Some("42501"),
            _ => None,
        }
    }
}

/// Wraps a server's refusal with what was being done.
pub(super) fn while_doing(doing: &'static str) -> impl Fn(tokio_postgres::Error) -> ApplyError {
    move |source| ApplyError::Server { doing, source }
}

/// `None` when the server refused the question: a right that is missing, or a lock that could not be had. A lost session stays an error.
pub(super) fn unless_refused<T>(asked: Result<T, ApplyError>) -> Result<Option<T>, ApplyError> {
    match asked {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.sqlstate().is_some_and(|code| !code.starts_with("08") && !code.starts_with("57P")) => Ok(None),
        Err(error) => Err(error),
    }
}
