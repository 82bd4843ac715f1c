//! What can go wrong between this program and a database, each naming the object and the operation.
//!
//! Server messages are kept for connections, catalog queries and our own statements. They are dropped, with DETAIL, HINT and CONTEXT, where
//! they may quote rows (classes 22 and 23).

use pgtailor_model::name::printable;

use crate::connect::{ConnectError, Refusal};

/// Oldest server that is supported (`server_version_num`).
pub const OLDEST_SERVER: u32 = 130_000;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The target could not be worked out; nothing was contacted.
    #[error(transparent)]
    Target(#[from] ConnectError),
    /// No session could be opened.
    #[error("cannot connect to {database}: {refusal}")]
    Connect {
        /// `host:port/database as user`.
        database: String,
        /// Why.
        refusal: Box<Refusal>,
    },
    /// The server is older than 13.
    #[error("the server is PostgreSQL {version}, older than 13, the oldest supported")]
    ServerTooOld {
        /// `server_version`, or the number when that is all there is.
        version: String,
    },
    /// Something between us and the server shares server sessions among clients: what is set here would stay for others.
    #[error("{database} is behind a pooler that shares server sessions among its clients")]
    Pooled {
        /// `host:port/database as user`.
        database: String,
    },
    /// The server answered a statement with an error.
    #[error("cannot {operation}: {message} (SQLSTATE {sqlstate})")]
    Server {
        /// What was attempted, so that "cannot …" reads well: `read the indexes of database shop`.
        operation: String,
        /// The server's code.
        sqlstate: String,
        /// The server's words, or what is said in their place when they might quote data.
        message: String,
    },
    /// The connection ended; whether the statement took effect is not known.
    #[error("connection lost while trying to {operation}")]
    ConnectionLost {
        /// What was attempted.
        operation: String,
        /// How it was noticed.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The client refused the server's answer: a bug, or a server that is none.
    #[error("cannot {operation}: unexpected answer from the server")]
    Answer {
        /// What was attempted.
        operation: String,
        /// What was unexpected.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A setting of the session could not be made to hold.
    #[error("setting {name} is \"{found}\" after it was set to \"{wanted}\"")]
    SettingNotHeld {
        /// The setting.
        name: String,
        /// What it was set to.
        wanted: String,
        /// What it is.
        found: String,
    },
}

impl Error {
    /// Wraps an error of the client, met while trying to `operation` ("read the catalog": it reads well after "cannot").
    pub fn query(operation: impl Into<String>, error: tokio_postgres::Error) -> Self {
        let operation = operation.into();
        match error.as_db_error() {
            Some(said) => {
                let sqlstate = said.code().code().to_owned();
                let quotes_data = sqlstate.starts_with("22") || sqlstate.starts_with("23");
                let message = if quotes_data { "the data does not allow it".to_owned() } else { printable(said.message()) };
                Self::Server { operation, sqlstate, message }
            }
            None if error.is_closed() || has_io_cause(&error) => Self::ConnectionLost { operation, source: error },
            None => Self::Answer { operation, source: error },
        }
    }

    /// The server's code, when the server answered.
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Server { sqlstate, .. } => Some(sqlstate),
            Self::Connect { refusal, .. } => refusal.sqlstate(),
            _ => None,
        }
    }

    /// Whether the session is gone and, for a statement already sent, its outcome unknown: no answer, or SQLSTATE class 08, 57P01 to 57P03,
    /// 57P05, 25P03.
    pub fn is_connection_lost(&self) -> bool {
        match self {
            Self::ConnectionLost { .. } => true,
            Self::Server { sqlstate, .. } => {
                sqlstate.starts_with("08") || matches!(sqlstate.as_str(), "57P01" | "57P02" | "57P03" | "57P05" | "25P03")
            }
            _ => false,
        }
    }

    /// Whether it may be gone a little later without anybody doing anything: the server starts, restarts, or has no connection left.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect { refusal, .. } => refusal.is_temporary(),
            _ => self.is_connection_lost() || matches!(self.sqlstate(), Some("53300")),
        }
    }

    /// What to do about it; printed apart from the message.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Target(error) => error.hint(),
            Self::Connect { refusal, .. } => refusal.hint(),
            Self::ServerTooOld { .. } => Some("upgrade the server; PostgreSQL 12 and older get no fixes any more".to_owned()),
            Self::Server { sqlstate, .. } => hint_for(sqlstate).map(str::to_owned),
            Self::Pooled { .. } | Self::SettingNotHeld { .. } => {
                Some("connect to the server's own host and port, or to a pooler in session mode".to_owned())
            }
            Self::ConnectionLost { .. } => {
                Some("run the same command again: it reads from the database what was done and goes on from there".to_owned())
            }
            Self::Answer { .. } => None,
        }
    }
}

fn hint_for(sqlstate: &str) -> Option<&'static str> {
    Some(match sqlstate {
        "42501" => "pgtailor doctor prints the GRANT that helps",
        "57014" => "something cancelled it, or it took longer than its time limit",
        "55P03" => "another session holds a lock; try again later",
        "53100" => "free space on the server's disk first",
        "25006" => "the server or the session is read-only; connect to the primary",
        _ => return None,
    })
}

fn has_io_cause(error: &tokio_postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
}
