//! `pgtailor capture`: writes a snapshot.

use anyhow::Context as _;
use pgtailor::model::unit::{Bytes, Rows};

use super::database;
use crate::Verdict;
use crate::arguments::CaptureArguments;
use crate::output::Printer;

/// Captures and writes the file.
pub async fn run(arguments: &CaptureArguments, printer: &Printer) -> anyhow::Result<Verdict> {
    let database = database(&arguments.connection)?;
    let snapshot = pgtailor::capture(&database).await?;
    pgtailor::write_snapshot(&snapshot, &arguments.output)
        .with_context(|| format!("cannot write {}", arguments.output.display()))?;
    let tables = Rows(u64::try_from(snapshot.catalog.tables.len())?);
    let indexes = Rows(u64::try_from(snapshot.catalog.indexes().count())?);
    let size = Bytes(std::fs::metadata(&arguments.output)?.len());
    printer.note(&format!("{tables} tables and {indexes} indexes of {database} in {} ({size})", arguments.output.display()));
    for missing in &snapshot.not_examined {
        printer.note(&format!("not examined: {}: {}", missing.object, missing.reason));
    }
    printer.note(&format!("next: pgtailor check {}", arguments.output.display()));
    Ok(Verdict::Done)
}
