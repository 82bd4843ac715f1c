//! `pgtailor audit-sql`: every statement that can be sent.

use pgtailor::report::AuditReport;

use crate::Verdict;
use crate::output::Printer;

/// Prints the list. Connects to nothing.
pub fn run(printer: &Printer) -> anyhow::Result<Verdict> {
    printer.report(&AuditReport { statements: &pgtailor::audited_statements() })?;
    Ok(Verdict::Done)
}
