//! How tables are read: what the guide calls table performance.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::name::{Oid, QualifiedName};
use crate::unit::{Bytes, Rows};

/// How one table is read and kept, over the window of the activity counters. A number that was not captured is `None`, never 0.
///
/// For a partitioned table the numbers are the sums over its partitions (and the earliest of their times), or `None` as soon as one
/// partition's is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TablePerformance {
    /// The table.
    pub table: QualifiedName,
    /// Its OID.
    pub oid: Oid,
    /// The planner's row estimate.
    pub estimated_rows: Option<Rows>,
    /// Size of the main fork.
    pub size: Option<Bytes>,
    /// Size of all its indexes.
    pub index_size: Option<Bytes>,
    /// Sequential scans begun.
    pub sequential_scans: Option<u64>,
    /// Live rows read by them.
    pub sequential_rows: Option<Rows>,
    /// Index scans begun.
    pub index_scans: Option<u64>,
    /// Live rows read by them.
    pub index_rows: Option<Rows>,
    /// Fraction of all rows read that sequential scans read, 0 to 1; `None` also when nothing was read.
    pub sequential_share: Option<f64>,
    /// Estimated live rows.
    pub live_rows: Option<Rows>,
    /// Estimated dead rows.
    pub dead_rows: Option<Rows>,
    /// Fraction of updates that were HOT, 0 to 1; `None` also when nothing was updated.
    pub hot_share: Option<f64>,
    /// The last vacuum of any kind.
    pub last_vacuum: Option<Timestamp>,
    /// The last analyze of any kind.
    pub last_analyze: Option<Timestamp>,
    /// What the numbers mean; `None` without counters.
    pub assessment: Option<Assessment>,
    /// Why, as a sentence without a period.
    pub reason: String,
}

/// What a table's numbers mean, from harmless to harmful.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Assessment {
    /// Not read at all in the window.
    Unused,
    /// Nothing to do.
    Good,
    /// Worth a look.
    Watch,
    /// Costs much.
    Poor,
}

impl Assessment {
    /// Its name in the JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unused => "unused",
            Self::Good => "good",
            Self::Watch => "watch",
            Self::Poor => "poor",
        }
    }
}

impl fmt::Display for Assessment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
