//! Rollouts that went through a file: nothing in it is believed that does not follow from its changes.
//!
//! A person may look at the file for a day, and anybody may have edited it. So only its changes are taken over; their statements,
//! limits and inverses are made again, and must be those that the file shows.

use pgtailor_model::rollout::{ROLLOUT_VERSION, Rollout, RolloutFile};
use pgtailor_model::snapshot::Snapshot;

use crate::plan::Request;
use crate::step::step;

/// Why a rollout's file is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Another program wrote it.
    #[error("the rollout has format {found}, and this pgtailor carries out format {ROLLOUT_VERSION}; make it again")]
    Version {
        /// The file's format.
        found: u32,
    },
    /// It was decided for another database.
    #[error("the rollout was made for database {made_for} of another server or another copy of it, not for this one")]
    OtherServer {
        /// The name of the database that it was made for.
        made_for: String,
    },
    /// The server does not say who it is, so that nothing can be compared.
    #[error("this role may not read `pg_control_system()`, so the server cannot be told from a copy of it")]
    UnknownServer,
    /// A step that does not follow from its change.
    #[error("step {number} of the rollout was edited: its {what} is not what its change needs")]
    Edited {
        /// Its position, from 1.
        number: usize,
        /// Which part: `statement`, `inverse`, `lock or limits`.
        what: &'static str,
    },
}

/// The file of `rollout`, which was decided from `snapshot`.
///
/// # Errors
///
/// [`FileError::UnknownServer`] when the snapshot cannot say of which server it is.
pub fn file_of(rollout: &Rollout, snapshot: &Snapshot) -> Result<RolloutFile, FileError> {
    Ok(RolloutFile {
        rollout_version: ROLLOUT_VERSION,
        server_fingerprint: snapshot.server.fingerprint().ok_or(FileError::UnknownServer)?,
        database: snapshot.server.database.clone(),
        decided_at: snapshot.captured_at,
        rollout: rollout.clone(),
    })
}

/// The changes of `file`, to be planned once more on the database of `snapshot` as it is now.
///
/// # Errors
///
/// [`FileError`] when the file is of another format, of another database, or was edited.
pub fn requests_of(file: &RolloutFile, snapshot: &Snapshot) -> Result<Vec<Request>, FileError> {
    if file.rollout_version != ROLLOUT_VERSION {
        return Err(FileError::Version { found: file.rollout_version });
    }
    if snapshot.server.fingerprint().ok_or(FileError::UnknownServer)? != file.server_fingerprint {
        return Err(FileError::OtherServer { made_for: file.database.clone() });
    }
    let request = |(position, found): (usize, &pgtailor_model::rollout::Step)| {
        let request = Request { change: found.change.clone(), reason: found.reason.clone(), estimate: found.estimate };
        let made = step(&request);
        let edited = |what| Err(FileError::Edited { number: position + 1, what });
        if made.sql != found.sql {
            edited("statement")
        } else if made.inverse != found.inverse {
            edited("inverse")
        } else if made != *found {
            edited("lock or limits")
        } else {
            Ok(request)
        }
    };
    file.rollout.steps.iter().enumerate().map(request).collect()
}
