//! The kinds of sources, behind one trait, and which of them an argument of `--workload` names.

mod activity;
mod folder;
mod input;
mod log;
mod recorded;
mod sql_file;

use std::future::Future;
use std::path::Path;
use std::pin::Pin;

use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::workload::{Coverage, SourceReport};
use pgtailor_postgres::session::ReadOnlySession;
use pgtailor_sql::Collector;

use super::WorkloadOptions;
use super::position::Positions;
use crate::error::Error;

/// A kind of place that statements come from.
pub(crate) trait Source: Sync {
    /// How an argument names it, for people.
    fn name(&self) -> &'static str;

    /// Whether `argument` names it.
    fn takes(&self, argument: &str) -> bool;

    /// Adds its statements to the collector, and says what it gave.
    fn read<'a>(&'a self, argument: &'a str, reading: &'a mut Reading<'_>) -> Answer<'a>;
}

/// What a source gave, once it was read.
pub(crate) type Answer<'a> = Pin<Box<dyn Future<Output = Result<SourceReport, Error>> + Send + 'a>>;

/// What sources read into, and what they may look at.
pub(crate) struct Reading<'r> {
    /// Gathers the statements.
    pub(crate) collector: Collector,
    /// The database.
    pub(crate) snapshot: &'r Snapshot,
    /// The database earlier.
    pub(crate) since: Option<&'r Snapshot>,
    /// A session, unless a snapshot is all there is.
    pub(crate) session: Option<&'r ReadOnlySession>,
    /// How to read.
    pub(crate) options: &'r WorkloadOptions,
    /// Where logs were left, and are left now, when the next reading is to go on there.
    pub(crate) positions: Option<Positions>,
    /// How much of the work was seen.
    pub(crate) coverage: Coverage,
    /// Why a source has nothing, and what to do.
    pub(crate) unavailable: Option<(String, String)>,
}

/// All kinds, in the order in which they are asked: names first, then what the file system says.
static ALL: &[&dyn Source] = &[
    &input::StandardInput,
    &recorded::Recorded,
    &activity::SampledActivity,
    &folder::SqlFolder,
    &sql_file::SqlFile,
    &log::ServerLog,
];

/// The kind of source that `argument` names.
pub(crate) fn find(argument: &str) -> Result<&'static dyn Source, Error> {
    ALL.iter().find(|source| source.takes(argument)).copied().ok_or_else(|| {
        let known: Vec<&str> = ALL.iter().map(|source| source.name()).collect();
        Error::NoSource { argument: argument.to_owned(), known: known.join(", ") }
    })
}

/// Reads the earlier capture of a window.
pub(crate) fn read_earlier(path: &Path) -> Result<Snapshot, Error> {
    pgtailor_postgres::capture::read_snapshot(path)
        .map_err(|source| Error::EarlierSnapshot { path: path.to_path_buf(), source: Box::new(source) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_lead_to_their_source() {
        let names: std::collections::BTreeSet<&str> = ALL.iter().map(|source| source.name()).collect();
        assert_eq!(names.len(), ALL.len());
        let found = |argument: &str| find(argument).map(Source::name).ok();
        assert_eq!(found("-"), Some("- (standard input)"));
        assert_eq!(found("pg_stat_statements"), Some("pg_stat_statements"));
        assert_eq!(found("pg_stat_activity"), Some("pg_stat_activity"));
        assert_eq!(found("no such file"), None);
    }
}
