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
        let reason = if let Some(constraint) = &index.constraint {
            format!("implements the constraint {}", printable(&constraint.name))
        } else if index.definition.as_ref().is_some_and(|definition| definition.unique) {
            "is unique: it refuses duplicates, and statements with ON CONFLICT may name its columns".to_owned()
        } else if index.replica_identity {
            "is the table's replica identity: without it updates of a published table fail".to_owned()
        } else if index.clustered {
            "is the one that the table is clustered on".to_owned()
        } else if index.attached_to.is_some() {
            "is a part of the one on the partitioned table".to_owned()
        } else {
            return None;
        };
        Some(format!("index {} {reason}", printable(name)))
    }
}
