//! What the database did: counters of the `pg_stat_*` views. (The planner's numbers are *statistics*; these are *activity*.)

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::name::Oid;
use crate::spread::Spread;
use crate::unit::{Bytes, Milliseconds, Rows};

/// Counters since `since`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Activity {
    /// When the database's counters began (`pg_stat_database.stats_reset`, else the server's start).
    pub since: Option<Timestamp>,
    /// Time that sessions spent executing statements in this database since then (`pg_stat_database.active_time`); `None` before
    /// server 14.
    pub active_time: Option<Milliseconds>,
    /// Of the database as a whole.
    pub database: DatabaseActivity,
    /// By table.
    pub tables: BTreeMap<Oid, TableActivity>,
    /// By index.
    pub indexes: BTreeMap<Oid, IndexActivity>,
    /// Servers that stream from this one (`pg_stat_replication`); `None` when this role may not see them.
    #[serde(default)]
    pub standbys: Option<u32>,
    /// Statements, when the server records them.
    pub statements: Statements,
}

/// One row of `pg_stat_database`, and what stands still.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseActivity {
    /// Transactions since the oldest row that is not frozen (`age(datfrozenxid)`).
    pub frozen_age: u64,
    /// The same of multixacts (`mxid_age(datminmxid)`).
    pub multixact_age: u64,
    /// Transactions that wrote, since the cluster was made (`pg_snapshot_xmax`), in all of its databases.
    pub transactions: u64,
    /// Files written for sorts and hashes that memory did not hold.
    pub temporary_files: u64,
    /// What was written to them.
    pub temporary_bytes: Bytes,
    /// The oldest transaction of any session, prepared transaction, slot or standby, by how many transactions it is behind; what
    /// vacuum may not remove. 0 when there is none.
    pub horizon_age: u64,
}

/// One row of `pg_stat_all_tables`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableActivity {
    /// Sequential scans begun.
    pub sequential_scans: u64,
    /// Live rows fetched by them.
    pub sequential_rows: Rows,
    /// Index scans begun.
    pub index_scans: u64,
    /// Live rows fetched by them.
    pub index_rows: Rows,
    /// Estimated live rows.
    pub live_rows: Rows,
    /// Estimated dead rows.
    pub dead_rows: Rows,
    /// Rows inserted.
    pub inserted: u64,
    /// Rows updated, HOT updates included.
    pub updated: u64,
    /// Rows updated without a new index entry.
    pub hot_updated: u64,
    /// Rows deleted.
    pub deleted: u64,
    /// Rows changed since the last analyze.
    pub modified_since_analyze: Rows,
    /// Rows inserted since the last vacuum; 0 before server 13.
    pub inserted_since_vacuum: Rows,
    /// The later of the last manual and automatic vacuum.
    pub last_vacuum: Option<Timestamp>,
    /// The later of the last manual and automatic analyze.
    pub last_analyze: Option<Timestamp>,
}

/// One row of `pg_stat_all_indexes`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexActivity {
    /// Index scans begun.
    pub scans: u64,
    /// Index entries returned.
    pub entries_read: u64,
    /// Live rows fetched by simple index scans.
    pub rows_fetched: Rows,
    /// When it was last scanned; `None` when never, and before server 16.
    pub last_scan: Option<Timestamp>,
}

/// What `pg_stat_statements` says, or why it says nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Statements {
    /// Recorded.
    Recorded {
        /// This database's statements by total time, longest first; utility statements are left out.
        statements: Vec<StatementActivity>,
        /// How many entries the extension had to forget for want of room; `None` when this version does not say.
        evicted: Option<u64>,
        /// When recording began; `None` when this version does not say.
        since: Option<Timestamp>,
        /// Utility statements, which are recorded and not kept: they may hold passwords.
        utility: Rest,
        /// Statements that are recorded and could not be kept: their text is hidden from this role or lost, or they are past the limit of
        /// the capture. Our own are counted nowhere.
        unseen: Rest,
    },
    /// Not recorded, or not readable.
    Unavailable {
        /// Why, as a sentence without a period.
        reason: String,
        /// The one thing to do.
        remedy: String,
    },
}

/// Recorded statements that were not kept, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rest {
    /// Executions.
    pub calls: u64,
    /// Total execution time.
    pub total_time: Milliseconds,
}

/// One normalized statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatementActivity {
    /// The server's `queryid`.
    pub query_id: i64,
    /// The text with constants replaced by `$n`; never literals.
    pub text: String,
    /// Executions.
    pub calls: u64,
    /// Total execution time.
    pub total_time: Milliseconds,
    /// Rows returned or affected.
    pub rows: Rows,
    /// How the times of its executions differ; `None` when the server does not say.
    pub spread: Option<Spread>,
    /// Shared blocks read from the cache and from outside it, as bytes.
    pub blocks_accessed: Bytes,
    /// Shared blocks read from outside the cache, as bytes; the operating system may have had them in memory.
    pub blocks_read: Bytes,
    /// Blocks written to temporary files, as bytes: what sorts, hashes and materialized rows could not keep in memory.
    pub temp_written: Bytes,
    /// Total planning time; `None` when the server does not record it (`pg_stat_statements.track_planning`).
    pub planning_time: Option<Milliseconds>,
    /// Write-ahead log written; `None` before version 1.8 of the extension.
    pub wal: Option<Bytes>,
    /// Attribution in the text's comments (sqlcommenter): tag to value. The server keeps the comments of the first execution only, so it
    /// is one sender of maybe several.
    pub tags: BTreeMap<String, String>,
}

impl Default for Statements {
    fn default() -> Self {
        Self::Unavailable { reason: "not captured".to_owned(), remedy: "capture again".to_owned() }
    }
}
