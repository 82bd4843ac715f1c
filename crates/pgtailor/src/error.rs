//! One error for all use cases: what was being done, and what to do about it.

use std::path::PathBuf;

use pgtailor_postgres::executor::ApplyError;
use pgtailor_rollout::{FileError, UndoError};

/// Why a use case could not be carried out. The text says what and where; [`Error::hint`] says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address of the database cannot be understood.
    #[error(transparent)]
    Address(#[from] pgtailor_postgres::connect::ConnectError),
    /// No session, or a question that the server refused.
    #[error(transparent)]
    Postgres(#[from] pgtailor_postgres::error::Error),
    /// Nothing (more) was changed.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    ReadFile {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A catalog or a blueprint is wrong.
    #[error(transparent)]
    Blueprint(#[from] pgtailor_blueprint::Error),
    /// No such built-in catalog, and no such file.
    #[error("there is no catalog `{name}`: no file of this name, and the built-in ones are {known}")]
    NoCatalog {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A source of statements that is none.
    #[error("there is no workload `{argument}`: no file or folder of this name, and it is none of {known}")]
    NoSource {
        /// What was asked for.
        argument: String,
        /// What there is.
        known: String,
    },
    /// A name under which no table is.
    #[error("there is no table `{pattern}` in this database")]
    NoTables {
        /// What was asked for.
        pattern: String,
    },
    /// No twin.
    #[error(transparent)]
    Twin(#[from] pgtailor_twin::TwinError),
    /// No twin of this identifier runs here, or several do.
    #[error("{} twin called `{id}` runs here", if *ambiguous { "more than one" } else { "no" })]
    NoTwin {
        /// What was asked for.
        id: String,
        /// Whether several are called so.
        ambiguous: bool,
        /// Those that run.
        known: Vec<String>,
    },
    /// A statement of a change that the twin's server refuses.
    #[error("cannot apply {place}: {reason} (SQLSTATE {sqlstate})")]
    Change {
        /// File and line.
        place: String,
        /// Why, as a clause.
        reason: String,
        /// The server's code.
        sqlstate: String,
    },
    /// A source that a snapshot cannot stand in for.
    #[error("workload `{argument}` needs the database itself, and a snapshot is all there is")]
    NeedsDatabase {
        /// What was asked for.
        argument: String,
    },
    /// No source has any statement.
    #[error("no statement is known: {reason}")]
    NoStatements {
        /// Why.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// The capture that a window begins with cannot be read.
    #[error("cannot read the earlier capture {}", path.display())]
    EarlierSnapshot {
        /// Which.
        path: PathBuf,
        /// Why.
        source: Box<pgtailor_postgres::capture::SnapshotFileError>,
    },
    /// A server log that cannot be read.
    #[error("{name}")]
    Log {
        /// Which.
        name: String,
        /// Why.
        source: pgtailor_log::LogError,
    },
    /// A file of positions that is none.
    #[error("{} does not hold the positions of logs", path.display())]
    Positions {
        /// Which.
        path: PathBuf,
    },
    /// A rollout's file that is not to be carried out.
    #[error(transparent)]
    RolloutFile(#[from] FileError),
    /// A standby was named that is none.
    #[error("{database} is no standby: it reads from no other server")]
    NotAStandby {
        /// What was named.
        database: String,
    },
    /// A file that is no rollout. What it holds instead is not repeated.
    #[error("{}, line {line}, column {column}: not a rollout that `pgtailor optimize --dry-run --output` wrote", path.display())]
    NotARollout {
        /// Which.
        path: PathBuf,
        /// Where.
        line: usize,
        /// Where in the line.
        column: usize,
    },
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    WriteFile {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file of accepted findings that cannot be understood.
    #[error("{}:{line}: {reason}", path.display())]
    Accepted {
        /// Which.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Why, without a period.
        reason: String,
    },
    /// A name that no check has.
    #[error("there is no check `{name}`")]
    NoCheck {
        /// What was asked for.
        name: String,
        /// The check whose name is most alike.
        nearest: String,
    },
    /// A file of weights that is not what it should be. What it holds instead is not repeated.
    #[error("{}, line {line}, column {column}: not an object that maps file stems to whole numbers", path.display())]
    Weights {
        /// Which.
        path: PathBuf,
        /// Where.
        line: usize,
        /// Where in the line.
        column: usize,
    },
    /// Entries of a catalog that do not fit this database.
    #[error("{}", mistakes.join("\n"))]
    CatalogMistakes {
        /// A sentence each, with file and line.
        mistakes: Vec<String>,
    },
    /// An entry of the ledger cannot be taken back.
    #[error(transparent)]
    Undo(#[from] UndoError),
    /// The blueprint's data or workload cannot be used.
    #[error(transparent)]
    Bench(#[from] pgtailor_postgres::bench::BenchError),
    /// No private server.
    #[error(transparent)]
    Lab(#[from] pgtailor_lab::LabError),
    /// The demo was interrupted.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// What to do about it, when there is one thing to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Address(error) => error.hint(),
            Self::Postgres(error) => error.hint(),
            Self::Apply(error) => error.hint(),
            Self::NoStatements { remedy, .. } => Some(remedy.clone()),
            Self::Positions { .. } => Some("name another file, or remove it to read the logs from their beginning".to_owned()),
            Self::NeedsDatabase { .. } => Some("leave the snapshot out and name the database with -d".to_owned()),
            Self::Weights { .. } => Some("write it like {\"slow-report\": 40, \"login\": 100000}".to_owned()),
            Self::NoCheck { nearest, .. } => Some(format!("perhaps `{nearest}` is meant; findings name their check")),
            Self::Accepted { .. } => Some(
                "an entry is [[accepted]] with check, table and reason, and object and until (2027-05-31) where they are wanted".to_owned(),
            ),
            Self::NoTables { .. } => {
                Some("name it like `orders`, `app.orders` or `app.*`; pgtailor check lists the tables".to_owned())
            }
            Self::NoTwin { known, .. } if known.is_empty() => Some("pgtailor twin start FILE starts one".to_owned()),
            Self::NoTwin { known, .. } => Some(format!("these run: {}", known.join(", "))),
            Self::Change { .. } => Some(
                "the file is carried out by a role that owns the schema and nothing else; capture again when the schema is older \
                 than the change expects"
                    .to_owned(),
            ),
            Self::Twin(error) => error.hint(),
            Self::RolloutFile(FileError::Edited { .. }) => {
                Some("make the rollout again; steps can be left out of the file, and not be edited".to_owned())
            }
            Self::RolloutFile(FileError::OtherServer { .. }) => {
                Some("make it again on this database, or name the other one with -d; nothing was changed".to_owned())
            }
            Self::CatalogMistakes { .. } => Some("correct the catalog; nothing was changed".to_owned()),
            _ => None,
        }
    }

    /// The server's SQLSTATE, when there was one.
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Postgres(error) => error.sqlstate(),
            Self::Apply(error) => error.sqlstate(),
            _ => None,
        }
    }
}
