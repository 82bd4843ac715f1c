//! Why a twin could not be raised or asked.

use std::path::PathBuf;

use pgtailor_lab::LabError;
use pgtailor_postgres::error::Error;

/// An error of a twin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TwinError {
    /// The snapshot has nothing to raise one from.
    #[error("the snapshot holds nothing for a twin")]
    NoInputs,
    /// No server program of the source's major version.
    #[error("a twin of PostgreSQL {wanted} needs server programs of that major version, and {found}")]
    NoServer {
        /// The source's major version.
        wanted: u32,
        /// What is there, as a clause.
        found: String,
    },
    /// Its pages are of another size than those of the servers here.
    #[error("the source has pages of {source_bytes} bytes, and servers here have pages of 8192: sizes would not be the same")]
    BlockSize {
        /// The source's.
        source_bytes: u32,
    },
    /// A file of statistics for a server that cannot read any.
    #[error("a statistics dump needs a twin of PostgreSQL 18 or newer, and this one is of {version}")]
    NoDumps {
        /// The twin's major version.
        version: u32,
    },
    /// A file of statistics that has none.
    #[error("the statistics dump restores no statistics")]
    NotADump,
    /// The server could not be started.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// Our own server refused something, or is gone.
    #[error(transparent)]
    Postgres(#[from] Error),
    /// A file of the twin's server.
    #[error("cannot change {} of the twin", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl TwinError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoInputs => {
                Some("capture again with `pgtailor capture -o FILE`; the file was written without what a twin needs".to_owned())
            }
            Self::NoServer { wanted, .. } => Some(format!(
                "install the server, for example the package postgresql-{wanted}, or use another version with --other-major: costs are then \
                 approximate"
            )),
            Self::NotADump => {
                Some("write it with `pg_dump --statistics-only` of PostgreSQL 18 or newer, in plain text".to_owned())
            }
            Self::Postgres(error) => error.hint(),
            _ => None,
        }
    }
}
