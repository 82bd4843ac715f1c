//! `pgtailor capture`: writes a snapshot.

use anyhow::Context as _;
use pgtailor::model::planner::StatisticsLevel;
use pgtailor::model::unit::{Bytes, Rows};
use pgtailor::{ForeignCode, TwinCapture, WantedTables};

use super::database;
use crate::Verdict;
use crate::arguments::{CaptureArguments, StatisticsName};
use crate::output::Printer;

/// Captures and writes the file.
pub async fn run(arguments: &CaptureArguments, printer: &Printer) -> anyhow::Result<Verdict> {
    let database = database(&arguments.connection)?;
    let options = TwinCapture {
        level: match arguments.statistics {
            StatisticsName::Exact => StatisticsLevel::Exact,
            StatisticsName::Anonymized => StatisticsLevel::Anonymized,
            StatisticsName::None => StatisticsLevel::None,
        },
        tables: match (arguments.used_tables, arguments.tables.as_slice()) {
            (true, _) => WantedTables::Used,
            (false, []) => WantedTables::All,
            (false, names) => WantedTables::Named(names.to_vec()),
        },
        foreign_code: if arguments.trust_functions { ForeignCode::Allow } else { ForeignCode::Refuse },
    };
    let snapshot = pgtailor::capture_for_twin(&database, &options).await?;
    pgtailor::write_snapshot(&snapshot, &arguments.output)
        .with_context(|| format!("cannot write {}", arguments.output.display()))?;
    let tables = Rows(u64::try_from(snapshot.catalog.tables.len())?);
    let indexes = Rows(u64::try_from(snapshot.catalog.indexes().count())?);
    let size = Bytes(std::fs::metadata(&arguments.output)?.len());
    printer.note(&format!("{tables} tables and {indexes} indexes of {database} in {} ({size})", arguments.output.display()));
    for missing in &snapshot.not_examined {
        printer.note(&format!("not examined: {}: {}", missing.object, missing.reason));
    }
    if let Some(inputs) = &snapshot.planner {
        for inexact in &inputs.inexact {
            printer.note(&format!("not like the source in a twin: {}: {}", inexact.object, inexact.reason));
        }
        printer.note(match inputs.level {
            StatisticsLevel::Exact => "statistics are exact: the file holds values of columns; keep it as you keep the data, or capture with --statistics anonymized",
            StatisticsLevel::Anonymized => "statistics hold pseudonyms in place of values; names of tables, columns and labels are as they are",
            StatisticsLevel::None => "statistics hold no value of any column: a twin plans approximately",
        });
    }
    printer.note(&format!("next: pgtailor check {}", arguments.output.display()));
    Ok(Verdict::Done)
}
