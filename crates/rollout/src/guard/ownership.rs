//! Index builds, drops and `ANALYZE` need the table's owner.

use pgtailor_model::change::Change;
use pgtailor_model::name::quote_identifier;
use pgtailor_model::snapshot::Snapshot;

use super::Guard;

/// Refuses changes of tables whose owner this role may not act as, and names the one `GRANT` that helps.
pub struct Ownership;

impl Guard for Ownership {
    fn name(&self) -> &'static str {
        "ownership"
    }

    fn refuses(&self, change: &Change, snapshot: &Snapshot) -> Option<String> {
        let (name, oid) = change.table()?;
        let table = snapshot.catalog.table_by_oid(oid)?;
        (!table.ours).then(|| {
            format!(
                "role {role} may not change table {name}; `GRANT {owner} TO {role}` lets it",
                role = quote_identifier(&snapshot.capabilities.role),
                owner = quote_identifier(&table.owner),
            )
        })
    }
}
