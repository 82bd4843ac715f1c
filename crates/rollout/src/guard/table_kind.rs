//! Only tables that can be built on concurrently.

use pgtailor_model::catalog;
use pgtailor_model::change::{Change, ChangeClass};
use pgtailor_model::snapshot::Snapshot;

use super::Guard;

/// Refuses tables that the snapshot does not know, and concurrent builds on partitioned tables (`0A000`).
pub struct TableKind;

impl Guard for TableKind {
    fn name(&self) -> &'static str {
        "table-kind"
    }

    fn refuses(&self, change: &Change, snapshot: &Snapshot) -> Option<String> {
        let (name, oid) = change.table();
        let Some(table) = snapshot.catalog.table_by_oid(oid) else {
            return Some(format!(
                "table {name} is not in the snapshot: it is a system, temporary or extension's table, or it is gone"
            ));
        };
        let partitioned = table.kind == catalog::TableKind::Partitioned;
        (partitioned && change.class() == ChangeClass::CreateIndex).then(|| {
            format!("table {name} is partitioned, and PostgreSQL builds no index concurrently on a partitioned table; declare it on each partition")
        })
    }
}
