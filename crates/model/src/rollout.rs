//! What will be done: ordered steps, each with its lock, its limits and its inverse.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::quantity::Quantity;

/// Format of rollout files that this program writes and reads.
pub const ROLLOUT_VERSION: u32 = 1;

/// A rollout kept in a file, to be looked at, reviewed, and carried out later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RolloutFile {
    /// [`ROLLOUT_VERSION`] of the program that wrote it.
    pub rollout_version: u32,
    /// The server and database that it was decided for: `system identifier/database OID`.
    pub server_fingerprint: String,
    /// The database's name then, for people.
    pub database: String,
    /// When what it rests on was captured.
    pub decided_at: Timestamp,
    /// What will be done.
    pub rollout: Rollout,
}

/// Ordered, guarded, reversible steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// One statement each, carried out one after the other.
    pub steps: Vec<Step>,
    /// Changes that were asked for but are not carried out, with the reason.
    pub left_out: Vec<LeftOut>,
}

/// One statement, with everything that must be known before it is sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What it does.
    pub change: Change,
    /// Why it is done, as a sentence without a period.
    pub reason: String,
    /// The statement, exactly as it is sent.
    pub sql: String,
    /// The strongest lock on the table.
    pub lock: Lock,
    /// How long it may wait and run.
    pub limits: Limits,
    /// How to take it back.
    pub inverse: Inverse,
    /// What it will probably take.
    pub estimate: Estimate,
}

/// A lock mode of PostgreSQL, weakest first (`lockdefs.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lock {
    /// None on any table.
    None,
    /// `SHARE UPDATE EXCLUSIVE`: reads and writes go on; other schema changes and vacuums of the table wait.
    ShareUpdateExclusive,
    /// `SHARE`: writes wait.
    Share,
    /// `ACCESS EXCLUSIVE`: everything waits.
    AccessExclusive,
}

/// Time limits of a step. `lock_timeout` and `statement_timeout` are pinned on the session; the others are kept by the watchdog.
///
/// A step with a `lock_timeout` is a short statement in a transaction of its own, tried again until its budget is spent; one without is
/// supervised, since cutting it off would leave something behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// `lock_timeout` of the session; zero is none, as a supervised concurrent build demands.
    #[serde(with = "milliseconds")]
    pub lock_timeout: Duration,
    /// `statement_timeout` of the session; zero is none.
    #[serde(with = "milliseconds")]
    pub statement_timeout: Duration,
    /// How long the watchdog lets it wait for its first lock.
    #[serde(with = "milliseconds")]
    pub first_lock_budget: Duration,
    /// How long the watchdog lets it wait for other transactions, in all.
    #[serde(with = "milliseconds")]
    pub wait_budget: Duration,
    /// How long the watchdog lets it run, waiting included.
    #[serde(with = "milliseconds")]
    pub run_budget: Duration,
}

/// How a step is taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Inverse {
    /// By this statement (shown to people; `undo` makes its own from what the catalog says by then).
    Statement(String),
    /// Not at all, and why that does no harm.
    Irreversible(String),
}

/// What a step will probably take; every number says that it is an estimate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Disk space in bytes.
    pub size: Option<Quantity>,
    /// Duration in milliseconds.
    pub duration: Option<Quantity>,
}

/// A change that was asked for and is not carried out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The change.
    pub change: Change,
    /// Why, as a sentence without a period.
    pub reason: String,
}

impl Lock {
    /// As SQL writes it.
    pub fn sql(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            Self::Share => "SHARE",
            Self::AccessExclusive => "ACCESS EXCLUSIVE",
        }
    }

    /// What it blocks, for people.
    pub fn blocks(self) -> &'static str {
        match self {
            Self::None => "nothing",
            Self::ShareUpdateExclusive => "no reads, no writes; vacuum and other schema changes of the table wait",
            Self::Share => "writes",
            Self::AccessExclusive => "reads and writes",
        }
    }
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sql())
    }
}

/// Durations as whole milliseconds in files.
mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
