//! A new index needs `CREATE` on its table's schema, even for the table's owner.

use pgtailor_model::change::{Change, ChangeClass};
use pgtailor_model::name::quote_identifier;
use pgtailor_model::snapshot::Snapshot;

use super::Guard;

/// Refuses builds in schemas where this role may not create, and names the one `GRANT` that helps. (Since server 15 the owner of a table
/// in `public` may not create there by default.)
pub struct SchemaPrivilege;

impl Guard for SchemaPrivilege {
    fn name(&self) -> &'static str {
        "schema-privilege"
    }

    fn refuses(&self, change: &Change, snapshot: &Snapshot) -> Option<String> {
        let (name, _) = change.table()?;
        let capabilities = &snapshot.capabilities;
        if change.class() != ChangeClass::CreateIndex
            || capabilities.superuser
            || capabilities.create_in_schemas.contains(&name.schema)
        {
            return None;
        }
        Some(format!(
            "role {role} may not create an index in schema {schema}; `GRANT CREATE ON SCHEMA {schema} TO {role}` lets it",
            role = quote_identifier(&capabilities.role),
            schema = quote_identifier(&name.schema),
        ))
    }
}
