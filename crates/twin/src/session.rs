//! The roles of a twin and their sessions.

use pgtailor_lab::Lab;
use pgtailor_model::name::quote_literal;
use pgtailor_postgres::connect::Database;
use pgtailor_postgres::lab_session::LabSession;
use pgtailor_postgres::planning::{PlanOptions, Server};
use pgtailor_postgres::session::{Limits, ReadOnlySession};

use crate::error::TwinError;

/// The database of every twin.
pub const DATABASE: &str = "twin";

/// Owns the database and everything that definitions make, and has no other right.
pub(crate) const OWNER: &str = "pgtailor_owner";

/// Plans statements; may read and write the twin's tables, owns nothing, and has no other right.
pub const PLANNER: &str = "pgtailor_planner";

const PINNED: &str = "SET search_path = pg_catalog, pg_temp; SET lock_timeout = '10s'; SET client_min_messages = error";

/// How a twin's statements are planned.
pub(crate) fn own_server() -> PlanOptions {
    PlanOptions { server: Server::Own, ..PlanOptions::default() }
}

/// Addresses of a twin's server, by role.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    host: String,
    port: u16,
}

impl Address {
    pub(crate) fn of(lab: &Lab) -> Self {
        Self { host: lab.host(), port: lab.port() }
    }

    /// As a `key=value` string that psql takes, too.
    pub(crate) fn conninfo(&self, user: &str, database: &str) -> String {
        // In a connection string backslashes and quotes are escaped by a backslash; neither is in any of these.
        format!("host={} port={} user={user} dbname={database}", quote_literal(&self.host), self.port)
    }

    fn database(&self, user: &str, database: &str) -> Result<Database, TwinError> {
        Database::from_url(&self.conninfo(user, database)).map_err(|error| TwinError::Postgres(error.into()))
    }

    /// A session that finds nothing but what is built in, whatever the database's owner wants: an operator of his, called by a name of ours,
    /// would run with all rights. It waits for no lock for long, since definitions may leave some behind.
    pub(crate) async fn superuser(&self, database: &str) -> Result<LabSession, TwinError> {
        let session = LabSession::connect(&self.database("postgres", database)?).await?;
        session.run("prepare the superuser's session", PINNED).await?;
        Ok(session)
    }

    pub(crate) async fn owner(&self) -> Result<LabSession, TwinError> {
        Ok(LabSession::connect(&self.database(OWNER, DATABASE)?).await?)
    }

    pub(crate) async fn planner(&self, limits: Limits) -> Result<ReadOnlySession, TwinError> {
        Ok(ReadOnlySession::connect_with(&self.database(PLANNER, DATABASE)?, limits).await?)
    }
}
