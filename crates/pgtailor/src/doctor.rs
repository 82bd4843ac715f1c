//! What can be done here: the database's answers, and this machine's.

use pgtailor_model::diagnosis::{Check, Diagnosis};
use pgtailor_postgres::connect::Database;
use pgtailor_postgres::doctor;
use pgtailor_rollout::settable_parameters;

pub use pgtailor_postgres::doctor::Role;

use crate::error::Error;

/// Examines the role, the server and this machine. Reads only.
pub async fn examine_setup(database: &Database) -> Result<Diagnosis, Error> {
    let mut diagnosis = doctor::examine(database).await?;
    diagnosis.checks.push(local_servers());
    Ok(diagnosis)
}

/// The SQL that makes a least-privilege role for `database`'s version, schemas and owners.
pub async fn least_privilege_script(database: &Database, role: Role) -> Result<String, Error> {
    let settable: Vec<&str> = settable_parameters().collect();
    Ok(doctor::least_privilege(database, role, &settable).await?)
}

/// Labs need the server's programs on this machine.
fn local_servers() -> Check {
    const NAME: &str = "local-server";
    match pgtailor_lab::find_servers().first() {
        Some(server) => Check::ok(NAME, format!("PostgreSQL {} is installed here, so labs can be started", server.version.text)),
        None => Check::limited(
            NAME,
            "no PostgreSQL server is installed on this machine, so `pgtailor demo` cannot run",
            Some("sudo apt-get install postgresql".to_owned()),
        ),
    }
}
