//! Everything known about one database at one moment; no rows of data.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::activity::Activity;
use crate::catalog::Catalog;
use crate::planner::PlannerInputs;

/// Version of the snapshot file's format. A reader refuses other versions with a clear sentence.
pub const SNAPSHOT_VERSION: u32 = 4;

/// One database at one moment. Enough to repeat any decision offline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// [`SNAPSHOT_VERSION`] of the writer.
    pub snapshot_version: u32,
    /// The server's clock when the capture's transaction began.
    pub captured_at: Timestamp,
    /// Which server and database.
    pub server: Server,
    /// What the role that captured may do.
    pub capabilities: Capabilities,
    /// Settings by name, in the server's own units.
    pub settings: BTreeMap<String, Setting>,
    /// Tables and indexes.
    pub catalog: Catalog,
    /// Counters.
    pub activity: Activity,
    /// What the planner reads, when it was captured for a twin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planner: Option<PlannerInputs>,
    /// What could not be read, with the reason; everything else was.
    pub not_examined: Vec<NotExamined>,
}

/// The server and the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// `server_version_num`, for example 150018.
    pub version: u32,
    /// `server_version`, for people.
    pub version_text: String,
    /// The database's name.
    pub database: String,
    /// The database's OID; part of the fingerprint that the ledger carries.
    pub database_oid: u32,
    /// `pg_control_system().system_identifier`, when readable.
    pub system_identifier: Option<String>,
    /// Size of a page in bytes.
    pub block_size: u32,
    /// Whether it is a standby.
    pub in_recovery: bool,
    /// When the server was started.
    pub started_at: Option<Timestamp>,
}

impl Server {
    /// Which server and database this is: `system identifier/database OID`; `None` when the identifier could not be read.
    ///
    /// Equal on a standby and on what it is promoted to, different on another cluster and on a copy of the database within the cluster.
    pub fn fingerprint(&self) -> Option<String> {
        self.system_identifier.as_ref().map(|identifier| format!("{identifier}/{}", self.database_oid))
    }
}

/// What this role can do on this server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// The current role.
    pub role: String,
    /// Whether it is a superuser.
    pub superuser: bool,
    /// Whether it may create schemas in this database (the ledger needs one).
    pub create_in_database: bool,
    /// Whether it may read other roles' statements and progress (`pg_read_all_stats`).
    pub read_all_stats: bool,
    /// Whether it may read every setting (`pg_read_all_settings`).
    pub read_all_settings: bool,
    /// Schemas in which it may create objects.
    pub create_in_schemas: Vec<String>,
    /// Installed extensions: name to schema and version.
    pub extensions: BTreeMap<String, Extension>,
    /// Extensions that could be installed: name to default version.
    pub available_extensions: BTreeMap<String, String>,
}

/// An installed extension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// The schema of its objects.
    pub schema: String,
    /// Its version.
    pub version: String,
}

/// One row of `pg_settings`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// The value, in `unit`.
    pub value: String,
    /// The unit, when there is one (`8kB`, `ms`, …).
    pub unit: Option<String>,
    /// Where the value comes from (`default`, `configuration file`, `database`, `user` …).
    pub source: String,
}

/// Something that the capture had to leave out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NotExamined {
    /// What, for example a table's or an index's name.
    pub object: String,
    /// Why, as a sentence without a period.
    pub reason: String,
}
