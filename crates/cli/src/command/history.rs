//! `pgtailor history`: what was done.

use pgtailor::report::HistoryReport;

use super::database;
use crate::Verdict;
use crate::arguments::Connection;
use crate::output::Printer;

/// Lists the ledger.
pub async fn run(connection: &Connection, printer: &Printer) -> anyhow::Result<Verdict> {
    let entries = pgtailor::history(&database(connection)?).await?;
    printer.report(&HistoryReport::new(&entries))?;
    Ok(Verdict::Done)
}
