//! Which relation a name in a statement means.
//!
//! The search path is that of the capture, not of the session that sent the statement, which nobody recorded. A name that it does
//! not lead to is therefore still accepted when only one table of the database bears it.

use pg_query::protobuf::RangeVar;
use pgtailor_model::catalog::{Catalog, Table};
use pgtailor_model::name::QualifiedName;

/// What a name in a `FROM` clause stands for.
pub(crate) enum Relation<'c> {
    /// A table of the catalog.
    Table(&'c Table),
    /// A system table or view.
    System,
    /// A relation that exists and is no table: a view, a foreign table, a sequence.
    Other(String),
    /// Nothing that the catalog knows.
    Unknown(String),
    /// Several tables, and the search path leads to none.
    Ambiguous(String),
}

/// Names to relations.
pub(crate) struct Relations<'c> {
    /// The catalog.
    pub(crate) catalog: &'c Catalog,
    /// Schemas, first to last.
    pub(crate) search_path: &'c [String],
}

impl<'c> Relations<'c> {
    /// What `name` stands for, when no common table expression is called so.
    pub(crate) fn find(&self, name: &RangeVar) -> Relation<'c> {
        if name.schemaname.is_empty() {
            self.find_unqualified(&name.relname)
        } else {
            self.find_in(&name.schemaname, &name.relname)
        }
    }

    fn find_in(&self, schema: &str, name: &str) -> Relation<'c> {
        let qualified = QualifiedName::new(schema, name);
        if let Some(table) = self.catalog.table(&qualified) {
            Relation::Table(table)
        } else if is_system(schema) {
            Relation::System
        } else if self.catalog.has_relation(schema, name) {
            Relation::Other(qualified.to_string())
        } else {
            Relation::Unknown(qualified.to_string())
        }
    }

    fn find_unqualified(&self, name: &str) -> Relation<'c> {
        let on_path = self.search_path.iter().map(|schema| self.find_in(schema, name));
        if let Some(found) = on_path.into_iter().find(|found| matches!(found, Relation::Table(_) | Relation::Other(_))) {
            return found;
        }
        let mut namesakes = self.catalog.tables.iter().filter(|table| table.name.name == name);
        let shown = || QualifiedName::new("public", name).to_string();
        match (namesakes.next(), namesakes.next()) {
            (Some(table), None) => Relation::Table(table),
            (Some(_), Some(_)) => Relation::Ambiguous(shown()),
            // Every name that begins so belongs to the system, in `pg_catalog`, which is always searched.
            (None, _) if name.starts_with("pg_") => Relation::System,
            (None, _) => Relation::Unknown(shown()),
        }
    }
}

fn is_system(schema: &str) -> bool {
    schema.starts_with("pg_") || schema == "information_schema"
}
