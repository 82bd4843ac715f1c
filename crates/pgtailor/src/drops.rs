//! Gathering what entitles to drop an index: how often it was scanned on every node, and earlier.

use std::path::PathBuf;
use std::time::Duration;

use pgtailor_postgres::capture::{CaptureOptions, read_snapshot};
use pgtailor_postgres::connect::Database;
use pgtailor_postgres::session::ReadOnlySession;
use pgtailor_rollout::{Counters, DropEvidence};

use crate::error::Error;

/// Reads the counters of `standbys` and of the captures at `earlier`. Read-only. Who says how long an index must have been unused vouches that
/// it is older than that.
///
/// # Errors
///
/// [`Error::NotAStandby`] when one of them reads from nobody, and what cannot be connected to or read.
pub async fn drop_evidence(
    unused_for: Option<Duration>,
    standbys: &[Database],
    earlier: &[PathBuf],
) -> Result<DropEvidence, Error> {
    let mut evidence = DropEvidence::default();
    if let Some(unused_for) = unused_for {
        evidence = DropEvidence { unused_for, vouched: true, ..evidence };
    }
    for standby in standbys {
        let mut session = ReadOnlySession::connect(standby).await?;
        let snapshot = pgtailor_postgres::capture::capture(&mut session, &CaptureOptions::default()).await?;
        if !snapshot.server.in_recovery {
            return Err(Error::NotAStandby { database: standby.to_string() });
        }
        evidence.standbys.push(Counters { server: standby.to_string(), ..Counters::of(&snapshot) });
    }
    for path in earlier {
        let snapshot =
            read_snapshot(path).map_err(|source| Error::EarlierSnapshot { path: path.clone(), source: Box::new(source) })?;
        evidence.earlier.push(Counters::of(&snapshot));
    }
    Ok(evidence)
}
