//! Whether there is enough evidence to drop an index: another that serves all that it serves, or disuse as `model::disuse` has it.

use pgtailor_model::catalog::{Index, Table};
use pgtailor_model::change::Change;
use pgtailor_model::disuse::DropEvidence;
use pgtailor_model::index::IndexDefinition;
use pgtailor_model::name::Oid;
use pgtailor_model::snapshot::Snapshot;

use crate::plan::Request;

/// Why there is not enough evidence to carry out `change`, which is one of `requests`, all of which would be carried out; `None` for what drops no index.
pub(crate) fn refusal(change: &Change, requests: &[&Request], snapshot: &Snapshot, evidence: &DropEvidence) -> Option<String> {
    let Change::DropIndex { table_oid, index_oid, definition, .. } = change else { return None };
    let table = snapshot.catalog.table_by_oid(*table_oid)?;
    let index = table.indexes.iter().find(|index| index.oid == *index_oid)?;
    if !index.valid || is_served(table, index, definition, requests) {
        return None;
    }
    evidence.doubt(index, snapshot)
}

/// Whether an index that stays, or one that is built before, serves all that `index` serves.
fn is_served(table: &Table, index: &Index, definition: &IndexDefinition, requests: &[&Request]) -> bool {
    let is_dropped = |oid: Oid| {
        requests.iter().any(|request| matches!(request.change, Change::DropIndex { index_oid, .. } if index_oid == oid))
    };
    let serves = |other: &Index| other.definition.as_ref().is_some_and(|other| other.serves_all_of(definition));
    let stays = |other: &Index| other.oid != index.oid && other.valid && !is_dropped(other.oid);
    let is_built = |request: &&Request| {
        matches!(&request.change, Change::CreateIndex { table_oid, definition: new, .. }
            if *table_oid == table.oid && new.serves_all_of(definition))
    };
    table.indexes.iter().any(|other| stays(other) && serves(other)) || requests.iter().any(is_built)
}
