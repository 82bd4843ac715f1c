//! A capture from which a twin can be raised.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};

use pgtailor_model::catalog::Catalog;
use pgtailor_model::name::Oid;
use pgtailor_model::planner::StatisticsLevel;
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::workload::Workload;
use pgtailor_postgres::capture::{CaptureOptions, PlannerOptions, capture};
use pgtailor_postgres::connect::Database;
use pgtailor_postgres::planning::ForeignCode;
use pgtailor_postgres::session::ReadOnlySession;

use super::plans::source_plans;
use crate::analysis::recorded_workload;
use crate::error::Error;
use crate::workload::search_path;

/// What to capture for a twin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TwinCapture {
    /// How much of the values in statistics is kept.
    pub level: StatisticsLevel,
    /// Which tables.
    pub tables: WantedTables,
    /// What to do with statements that could call code from outside `pg_catalog`, in a session with power over others.
    pub foreign_code: ForeignCode,
}

/// Which tables a twin will have; their partitions, parents and children come with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WantedTables {
    /// All.
    #[default]
    All,
    /// Those that recorded statements use.
    Used,
    /// Those whose names, with or without schema, are among these; `*` stands for any characters.
    Named(Vec<String>),
}

/// Captures `database` with all that a twin needs, and with plans of its statements to compare with. Read-only.
///
/// # Errors
/// No connection, a catalog that cannot be read, or a name that is no table's ([`Error::NoTables`]).
pub async fn capture_for_twin(database: &Database, options: &TwinCapture) -> Result<Snapshot, Error> {
    let mut session = ReadOnlySession::connect(database).await?;
    let tables = match &options.tables {
        WantedTables::All => None,
        WantedTables::Used => {
            let snapshot = capture(&mut session, &CaptureOptions::default()).await?;
            Some(used_tables(&recorded_workload(&snapshot)))
        }
        WantedTables::Named(patterns) => {
            let snapshot = capture(&mut session, &CaptureOptions::default()).await?;
            Some(named_tables(&snapshot.catalog, patterns)?)
        }
    };
    let planner = Some(PlannerOptions { level: options.level, tables });
    let mut snapshot = capture(&mut session, &CaptureOptions { planner, ..CaptureOptions::default() }).await?;
    let path = search_path(&snapshot);
    let mut workload = recorded_workload(&snapshot);
    let (plans, note) = source_plans(&mut session, &mut workload, &snapshot, options).await?;
    if let Some(inputs) = snapshot.planner.take() {
        let mut inputs = inputs;
        inputs.search_path = path;
        inputs.plans = plans;
        inputs.inexact.extend(note);
        if options.level == StatisticsLevel::Anonymized {
            inputs = pgtailor_workload::anonymize(inputs, RandomState::new().hash_one("pseudonyms"));
        }
        snapshot.planner = Some(inputs);
    }
    Ok(snapshot)
}

/// The tables that a workload names, through views too.
pub(crate) fn used_tables(workload: &Workload) -> BTreeSet<Oid> {
    workload.queries.iter().flat_map(|query| query.shapes.iter().map(|shape| shape.table)).collect()
}

/// The tables whose names are among `patterns`.
pub(crate) fn named_tables(catalog: &Catalog, patterns: &[String]) -> Result<BTreeSet<Oid>, Error> {
    let mut found = BTreeSet::new();
    for pattern in patterns {
        let names = catalog.tables.iter().filter(|table| {
            let qualified = format!("{}.{}", table.name.schema, table.name.name);
            matches(pattern, &table.name.name) || matches(pattern, &qualified)
        });
        let before = found.len();
        found.extend(names.map(|table| table.oid));
        if found.len() == before {
            return Err(Error::NoTables { pattern: pattern.clone() });
        }
    }
    Ok(found)
}

/// Whether `name` is `pattern`, in which `*` stands for any characters.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => {
            let Some(tail) = name.strip_prefix(start) else { return false };
            (0..=tail.len()).filter(|at| tail.is_char_boundary(*at)).any(|at| matches(rest, &tail[at..]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_characters() {
        assert!(matches("orders", "orders") && !matches("orders", "orders_2"));
        assert!(matches("orders*", "orders") && matches("*_log", "app_log") && matches("a*c*e", "abcde"));
        assert!(!matches("a*c", "ab"));
    }
}
