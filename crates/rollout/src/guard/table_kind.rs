//! Only tables that can be built on concurrently.

use pgtailor_model::catalog;
use pgtailor_model::change::Change;
use pgtailor_model::snapshot::Snapshot;

use super::Guard;

/// Refuses tables that the snapshot does not know, and concurrent statements on indexes of partitioned tables (`0A000`).
pub struct TableKind;

impl Guard for TableKind {
    fn name(&self) -> &'static str {
        "table-kind"
    }

    fn refuses(&self, change: &Change, snapshot: &Snapshot) -> Option<String> {
        let (name, oid) = change.table()?;
        let Some(table) = snapshot.catalog.table_by_oid(oid) else {
            return Some(format!(
                "table {name} is not in the snapshot: it is a system, temporary or extension's table, or it is gone"
            ));
        };
        let is_partitioned = table.kind == catalog::TableKind::Partitioned;
        match change {
            Change::CreateIndex { .. } | Change::DropIndex { .. } | Change::RebuildIndex { .. } if is_partitioned => {
                Some(format!(
                    "table {name} is partitioned, and PostgreSQL drops or rebuilds no index of it without locking everybody out"
                ))
            }
            Change::CreatePartitionedIndex { .. } | Change::DropPartitionedIndex { .. } if !is_partitioned => {
                Some(format!("table {name} is not partitioned"))
            }
            _ => None,
        }
    }
}
