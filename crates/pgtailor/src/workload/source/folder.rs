//! A folder of `.sql` files, one statement each, with `weights.json` that says how often each is executed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pgtailor_model::workload::SourceReport;

use super::{Answer, Reading, Source};
use crate::error::Error;
use crate::workload::split;

/// Maps file stems to executions.
const WEIGHTS: &str = "weights.json";

/// A folder.
pub(super) struct SqlFolder;

impl Source for SqlFolder {
    fn name(&self) -> &'static str {
        "a folder of .sql files"
    }

    fn takes(&self, argument: &str) -> bool {
        Path::new(argument).is_dir()
    }

    fn read<'a>(&'a self, argument: &'a str, reading: &'a mut Reading<'_>) -> Answer<'a> {
        Box::pin(async move { read(Path::new(argument), reading) })
    }
}

fn read(folder: &Path, reading: &mut Reading<'_>) -> Result<SourceReport, Error> {
    let mut report = SourceReport { name: folder.display().to_string(), ..SourceReport::default() };
    let mut weights = weights(&folder.join(WEIGHTS))?;
    let files = files(folder)?;
    if files.is_empty() {
        report.notes.push(format!("{} holds no .sql file", folder.display()));
    }
    for file in files {
        let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let calls = weights.remove(&stem).unwrap_or(1);
        let place = file.display().to_string();
        let bytes = std::fs::read(&file).map_err(|source| Error::ReadFile { path: file.clone(), source })?;
        let sql = split::text(bytes, &place, &mut report.notes);
        let added = split::add(&mut reading.collector, &sql, &place, calls);
        report.calls = report.calls.saturating_add(added.statements.saturating_mul(calls));
        report.notes.extend(added.notes);
        if added.statements != 1 {
            report.notes.push(format!("{place} holds {} statements instead of one; each counts {calls} times", added.statements));
        }
    }
    for stem in weights.keys() {
        report.notes.push(format!("{WEIGHTS} names {}, and there is no such file", pgtailor_model::name::printable(stem)));
    }
    Ok(report)
}

/// The `.sql` files of `folder`, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::ReadFile { path: folder.to_path_buf(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_file() && path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("sql")) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn weights(path: &Path) -> Result<BTreeMap<String, u64>, Error> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(source) => return Err(Error::ReadFile { path: path.to_path_buf(), source }),
    };
    serde_json::from_str(&text).map_err(|error| Error::Weights {
        path: path.to_path_buf(),
        line: error.line(),
        column: error.column(),
    })
}
