//! `pgtailor doctor`: what can be done here.

use pgtailor::report::DoctorReport;
use pgtailor::{Role, examine_setup, least_privilege_script};

use super::database;
use crate::Verdict;
use crate::arguments::{DoctorArguments, RoleName};
use crate::output::{Printer, text};

/// Examines, or prints the script for a role.
pub async fn run(arguments: &DoctorArguments, printer: &Printer) -> anyhow::Result<Verdict> {
    let database = database(&arguments.connection)?;
    if let Some(role) = arguments.role {
        let role = match role {
            RoleName::Read => Role::Read,
            RoleName::Apply => Role::Apply,
        };
        let script = least_privilege_script(&database, role).await?;
        text(&script)?;
        return Ok(Verdict::Done);
    }
    let diagnosis = examine_setup(&database).await?;
    printer.report(&DoctorReport::new(&diagnosis))?;
    Ok(Verdict::Done)
}
