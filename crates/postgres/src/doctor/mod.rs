//! What this role can do with this server, and the one command that cures each thing that it cannot.
//!
//! [`examine`] asks (`facts`); the judging functions are pure, one file a subject. What the local machine offers (server programs for a
//! lab) is the caller's to add.

mod access;
mod facts;
mod privilege;
mod server;
mod statements;

use std::collections::BTreeSet;

use pgtailor_model::diagnosis::Diagnosis;

pub use privilege::{Role, least_privilege_script};

use crate::connect::Database;
use crate::error::Error;

/// Examines the target in read-only sessions (two connections more for a moment, to recognise a pooler).
///
/// # Errors
/// [`Error`] when no session can be opened or the catalogs cannot be read. What the role may not do is no error but a check.
pub async fn examine(database: &Database) -> Result<Diagnosis, Error> {
    let facts = facts::gather(database).await?;
    let mut checks = server::checks(&facts);
    checks.extend(access::checks(&facts));
    checks.extend(statements::checks(&facts));
    Ok(Diagnosis { target: database.to_string(), checks })
}

/// The script of [`least_privilege_script`] for this database, its schemas and its owners; `settable` are the parameters that a rollout
/// may set.
///
/// # Errors
/// As [`examine`].
pub async fn least_privilege(database: &Database, role: Role, settable: &[&str]) -> Result<String, Error> {
    let facts = facts::gather(database).await?;
    let unique = |of: fn(&facts::TableGroup) -> &String| -> Vec<String> {
        facts.tables.iter().map(of).collect::<BTreeSet<_>>().into_iter().cloned().collect()
    };
    let (schemas, owners) = (unique(|group| &group.schema), unique(|group| &group.owner));
    Ok(least_privilege_script(role, facts.version, &facts.database, &schemas, &owners, settable))
}
