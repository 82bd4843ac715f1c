//! `pgtailor history`: what was done.

use pgtailor::report::HistoryReport;

use super::changed_database;
use crate::Verdict;
use crate::arguments::HistoryArguments;
use crate::output::Printer;

/// Lists the ledger.
pub async fn run(arguments: &HistoryArguments, printer: &Printer) -> anyhow::Result<Verdict> {
    let entries = pgtailor::history(&changed_database(&arguments.connection, &arguments.ledger)?).await?;
    printer.report(&HistoryReport::new(&entries))?;
    Ok(Verdict::Done)
}
