//! Indexes that are never dropped, whatever counters say (`faults` F74 to F79).

use pgtailor_model::change::Change;
use pgtailor_model::name::printable;
use pgtailor_model::snapshot::Snapshot;

use super::Guard;

/// Refuses to drop an index that does more than serve queries. Scans say nothing of that: an index that refuses duplicates is never scanned
/// for it.
pub struct KeptIndex;

impl Guard for KeptIndex {
    fn name(&self) -> &'static str {
        "kept-index"
    }

    fn refuses(&self, change: &Change, snapshot: &Snapshot) -> Option<String> {
        let Change::DropIndex { table_oid, index_oid, name, .. } = change else { return None };
        let table = snapshot.catalog.table_by_oid(*table_oid)?;
        let index = table.indexes.iter().find(|index| index.oid == *index_oid)?;
        let duty = index.duty()?;
        Some(format!("index {} {duty}", printable(name)))
    }
}
