//! Where to connect and as whom, as psql would decide it.
//!
//! [`Database::resolve`] turns what a person or an environment says into a [`Database`]; nothing is contacted before
//! [`crate::session`] does it. Start with `resolve`; the formats that it reads have a file each. Passwords never leave
//! this module by `Debug` or `Display`.

mod endpoint;
pub mod error;
mod establish;
mod key;
mod keyword;
mod parameter;
mod passfile;
mod refusal;
mod resolve;
mod service;
#[cfg(test)]
mod tests;
mod tls;
mod url;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use pgtailor_model::name::printable;

use crate::ledger::LedgerPlace;

use endpoint::Endpoint;
pub use error::ConnectError;
pub(crate) use establish::establish;
pub(crate) use key::announced_process;
pub use refusal::Refusal;
pub use tls::TlsMode;
use tls::TlsSettings;

/// What decides where to connect: what the person said, and what the process was given.
#[derive(Clone)]
pub struct ConnectionInput {
    /// A URL, a `key=value` string or a database's name; the value of `-d`.
    pub database: Option<String>,
    /// The environment's variables.
    pub environment: BTreeMap<String, String>,
    /// The home folder, where `.pgpass`, `.pg_service.conf` and `.postgresql/` are looked for.
    pub home: Option<PathBuf>,
    /// Name of the operating system's user, the default of the role.
    pub local_user: String,
}

/// A target to connect to, with everything resolved: hosts, role, password, TLS.
#[derive(Clone)]
pub struct Database {
    /// Tried in this order.
    pub(crate) endpoints: Vec<Endpoint>,
    /// No host was given: the endpoints are the places where a local server usually listens.
    pub(crate) is_local_default: bool,
    pub(crate) name: String,
    pub(crate) user: String,
    pub(crate) tls: TlsSettings,
    /// Limit for one endpoint, from the first packet to a session that is ready.
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) session_target: SessionTarget,
    pub(crate) channel_binding: tokio_postgres::config::ChannelBinding,
    pub(crate) keepalive: Keepalive,
    /// Startup options (`PGOPTIONS`); given up when a pooler refuses them.
    pub(crate) options: Option<String>,
    pub(crate) warnings: Vec<String>,
    /// Where what is done to it is written down.
    pub(crate) ledger: LedgerPlace,
}

/// What kind of server is wanted (`target_session_attrs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionTarget {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

/// TCP keep-alive, by default the operating system's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keepalive {
    pub(crate) is_off: bool,
    pub(crate) idle: Option<Duration>,
    pub(crate) interval: Option<Duration>,
    pub(crate) count: Option<u32>,
}

impl ConnectionInput {
    /// What this process was given; `database` is what the person said.
    pub fn from_process(database: Option<String>) -> Self {
        // Variables that are not UTF-8 cannot be any of those that are read.
        let environment: BTreeMap<String, String> =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect();
        let home = std::env::home_dir();
        let local_user = resolve::local_user(&environment);
        Self { database, environment, home, local_user }
    }
}

impl Database {
    /// With its ledger in another place than a schema of its own.
    #[must_use]
    pub fn with_ledger(mut self, place: LedgerPlace) -> Self {
        self.ledger = place;
        self
    }

    /// Where what is done to it is written down.
    pub fn ledger_place(&self) -> &LedgerPlace {
        &self.ledger
    }

    /// Works out the target as libpq does: the explicit string (`input.database`, else `DATABASE_URL`), then the service file,
    /// then the `PG…` variables, then the defaults; passwords also from the password file.
    ///
    /// # Errors
    /// [`ConnectError`] when something given cannot be read or honoured. Nothing is contacted.
    pub fn resolve(input: &ConnectionInput) -> Result<Self, ConnectError> {
        resolve::resolve(input)
    }

    /// The target of a URL (or a key=value string) alone: no environment, no service file, no password file.
    ///
    /// # Errors
    /// [`ConnectError`] when it cannot be read.
    pub fn from_url(url: &str) -> Result<Self, ConnectError> {
        let nothing_else = ConnectionInput {
            database: Some(url.to_owned()),
            environment: BTreeMap::new(),
            home: None,
            local_user: "postgres".to_owned(),
        };
        Self::resolve(&nothing_else)
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The role.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The same server and role, but the database `name`. The password stays, also when a password file gave it.
    #[must_use]
    pub fn with_name(&self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self.clone() }
    }

    /// The same target, but another role and password; for tools that connect as several roles.
    #[must_use]
    pub fn with_user(&self, user: impl Into<String>, password: Option<&str>) -> Self {
        let mut other = Self { user: user.into(), ..self.clone() };
        for endpoint in &mut other.endpoints {
            endpoint.password = password.map(endpoint::Password::new);
        }
        other
    }

    /// What a careful person should know about this target: weak TLS to a distant host, a password file that others may read.
    /// Sentences without a period.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// `host:port` of the first endpoint, for people.
    pub(crate) fn place(&self) -> String {
        if self.is_local_default {
            return format!("localhost:{}", self.endpoints.first().map_or(5432, |endpoint| endpoint.port));
        }
        self.endpoints.iter().map(Endpoint::to_string).collect::<Vec<_>>().join(",")
    }
}

/// `host:port/database as user`.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} as {}", self.place(), printable(&self.name), printable(&self.user))
    }
}

/// As `Display`: a password has no place in a log.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({self})")
    }
}

/// Without values: a variable or the string may hold a password.
impl fmt::Debug for ConnectionInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionInput").field("local_user", &self.local_user).finish_non_exhaustive()
    }
}
