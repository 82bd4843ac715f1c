//! An index is built over columns that are there (`faults` F37).

use pgtailor_model::change::Change;
use pgtailor_model::index::KeyPart;
use pgtailor_model::name::quote_identifier;
use pgtailor_model::snapshot::Snapshot;

use super::Guard;

/// Refuses indexes over columns that the table does not have (any more). Columns inside expressions are the server's business.
pub struct Columns;

impl Guard for Columns {
    fn name(&self) -> &'static str {
        "columns"
    }

    fn refuses(&self, change: &Change, snapshot: &Snapshot) -> Option<String> {
        let Change::CreateIndex { table, table_oid, definition, .. } = change else { return None };
        let found = snapshot.catalog.table_by_oid(*table_oid)?;
        let keys = definition.keys.iter().filter_map(|key| match &key.part {
            KeyPart::Column(name) => Some(name),
            KeyPart::Expression(_) => None,
        });
        let missing = keys.chain(&definition.include).find(|name| found.column(name).is_none())?;
        Some(format!("table {table} has no column {}", quote_identifier(missing)))
    }
}
