//! What was done: one entry a change, moved from state to state by compare-and-set.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::index::IndexDefinition;
use crate::name::Oid;

/// One change in the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number, unique in the database.
    pub id: i64,
    /// The entry that this one takes back.
    pub undoes: Option<i64>,
    /// The server and database that it was carried out on.
    pub server_fingerprint: String,
    /// The change.
    pub change: Change,
    /// The statement that was sent.
    pub do_sql: String,
    /// The statement that takes it back, or nothing.
    pub undo_sql: Option<String>,
    /// The table's indexes before: what is in this list is never ours to clean up.
    pub indexes_before: Vec<Oid>,
    /// The index that it made, once seen.
    pub index_oid: Option<Oid>,
    /// What it made, as the catalog shows it: what a later undo must find again.
    pub built: Option<IndexDefinition>,
    /// Where it stands.
    pub state: State,
    /// Since when.
    pub state_since: Timestamp,
    /// When it was planned.
    pub created_at: Timestamp,
    /// The session that carried it out: backend process id and its start, for telling a live builder from a reused number.
    pub builder: Option<Builder>,
    /// SQLSTATE of the last error.
    pub sqlstate: Option<String>,
    /// In our words only; never text of the server.
    pub note: Option<String>,
}

/// Entries that end with the index `name` of the partitioned table `table`: indexes that were attached to it, directly or not, with
/// their being attached.
///
/// PostgreSQL drops them together, so they are taken back together.
pub fn parts_of<'e>(entries: &'e [Entry], table: Oid, name: &str) -> Vec<&'e Entry> {
    let mut parts = Vec::new();
    let applied = || entries.iter().filter(|entry| entry.state == State::Applied && entry.undoes.is_none());
    for entry in applied() {
        let Change::AttachIndex { table_oid: below, name: below_name, parent_oid, parent_index, .. } = &entry.change else {
            continue;
        };
        if *parent_oid != table || parent_index != name {
            continue;
        }
        parts.push(entry);
        parts.extend(applied().filter(|made| match &made.change {
            Change::CreateIndex { table_oid, name, .. } | Change::CreatePartitionedIndex { table_oid, name, .. } => {
                table_oid == below && name == below_name
            }
            _ => false,
        }));
        parts.extend(parts_of(entries, *below, below_name));
    }
    parts
}

/// A backend process: the number alone may be reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Builder {
    /// Its process id.
    pub process_id: i32,
    /// When it was started.
    pub started_at: Timestamp,
}

/// Where a change stands.
///
/// ```text
/// intent -> running -> verifying -> applied -> rolled-back (by an entry that undoes it)
///              |            |
///              v            v
///          reconciling -> cleanup-pending -> failed
///              |
///              v
///          needs-human
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Written down, nothing sent yet.
    Intent,
    /// The statement was sent, or is about to be.
    Running,
    /// The statement succeeded; the catalog is being asked.
    Verifying,
    /// The catalog confirms it.
    Applied,
    /// The outcome is unknown: an error, a lost connection, a death.
    Reconciling,
    /// A leftover of ours waits to be dropped.
    CleanupPending,
    /// Nothing of it is left in the database.
    Failed,
    /// Taken back by a later entry.
    RolledBack,
    /// Ambiguous: nobody but a person should touch it.
    NeedsHuman,
}

/// A state that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no ledger state `{0}`")]
pub struct UnknownState(pub String);

impl State {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Intent,
        Self::Running,
        Self::Verifying,
        Self::Applied,
        Self::Reconciling,
        Self::CleanupPending,
        Self::Failed,
        Self::RolledBack,
        Self::NeedsHuman,
    ];

    /// Its name in the ledger's table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Running => "running",
            Self::Verifying => "verifying",
            Self::Applied => "applied",
            Self::Reconciling => "reconciling",
            Self::CleanupPending => "cleanup-pending",
            Self::Failed => "failed",
            Self::RolledBack => "rolled-back",
            Self::NeedsHuman => "needs-human",
        }
    }

    /// Whether nothing more will happen to it by itself.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Applied | Self::Failed | Self::RolledBack | Self::NeedsHuman)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|state| state.name() == name).ok_or_else(|| UnknownState(name.to_owned()))
    }
}
