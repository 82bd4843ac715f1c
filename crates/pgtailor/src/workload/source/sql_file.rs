//! An `.sql` file: each statement in it is executed once.

use std::path::Path;

use pgtailor_model::workload::SourceReport;

use super::{Answer, Reading, Source};
use crate::error::Error;
use crate::workload::split;

/// A file whose name ends in `.sql`.
pub(super) struct SqlFile;

impl Source for SqlFile {
    fn name(&self) -> &'static str {
        "an .sql file"
    }

    fn takes(&self, argument: &str) -> bool {
        let path = Path::new(argument);
        path.is_file() && path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("sql"))
    }

    fn read<'a>(&'a self, argument: &'a str, reading: &'a mut Reading<'_>) -> Answer<'a> {
        Box::pin(async move {
            let bytes = std::fs::read(argument).map_err(|source| Error::ReadFile { path: argument.into(), source })?;
            let mut report = SourceReport { name: argument.to_owned(), ..SourceReport::default() };
            let sql = split::text(bytes, argument, &mut report.notes);
            let added = split::add(&mut reading.collector, &sql, argument, 1);
            report.calls = added.statements;
            report.notes.extend(added.notes);
            if added.statements == 0 {
                report.notes.push(format!("{argument} holds no statement"));
            }
            Ok(report)
        })
    }
}
