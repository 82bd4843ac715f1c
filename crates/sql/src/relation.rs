//! Which relation a name in a statement means.
//!
//! The search path is that of the capture, not of the session that sent the statement, which nobody recorded. A name that it does
//! not lead to is therefore still accepted when only one table or view of the database bears it.

use std::cell::OnceCell;

use pg_query::NodeEnum;
use pg_query::protobuf::RangeVar;
use pgtailor_model::catalog::{Catalog, Table};
use pgtailor_model::name::QualifiedName;

/// What a name in a `FROM` clause stands for.
#[derive(Clone, Copy)]
enum Named<'c> {
    Table(&'c Table),
    View(usize),
}

/// What a name in a `FROM` clause stands for.
pub(crate) enum Relation<'c> {
    /// A table of the catalog.
    Table(&'c Table),
    /// A view of the catalog, by its position there.
    View(usize),
    /// A system table or view.
    System,
    /// A relation that exists and is no table: a view without a definition, a foreign table, a sequence.
    Other(String),
    /// A view that a statement writes to, and that is more than a selection from one table.
    NotSimple(String),
    /// Nothing that the catalog knows.
    Unknown(String),
    /// Several relations, and the search path leads to none.
    Ambiguous(String),
}

/// Names to relations.
pub(crate) struct Relations<'c> {
    /// The catalog.
    pub(crate) catalog: &'c Catalog,
    /// Schemas, first to last.
    search_path: &'c [String],
    /// The trees of the catalog's views, by their positions, parsed when first asked for; `None` when that cannot be done.
    view_trees: Vec<OnceCell<Option<NodeEnum>>>,
}

impl<'c> Relations<'c> {
    /// The names of `catalog`, seen along `search_path`.
    pub(crate) fn new(catalog: &'c Catalog, search_path: &'c [String]) -> Self {
        Self { catalog, search_path, view_trees: catalog.views.iter().map(|_| OnceCell::new()).collect() }
    }

    /// What `name` stands for, when no common table expression is called so.
    pub(crate) fn find(&self, name: &RangeVar) -> Relation<'c> {
        if name.schemaname.is_empty() {
            self.find_unqualified(&name.relname)
        } else {
            self.find_in(&name.schemaname, &name.relname)
        }
    }

    /// The `SELECT` of the view at `position`; `None` when the catalog does not have it, or it cannot be read.
    pub(crate) fn view_tree(&self, position: usize) -> Option<&NodeEnum> {
        let parse = || {
            let definition = self.catalog.views[position].definition.as_deref()?;
            let statement = pg_query::parse(definition, 0).ok()?.protobuf.stmts.into_iter().next()?;
            statement.stmt?.node.filter(|node| matches!(node, NodeEnum::SelectStmt(_)))
        };
        self.view_trees[position].get_or_init(parse).as_ref()
    }

    fn find_in(&self, schema: &str, name: &str) -> Relation<'c> {
        let qualified = QualifiedName::new(schema, name);
        if let Some(table) = self.catalog.table(&qualified) {
            Relation::Table(table)
        } else if let Ok(view) = self.catalog.views.binary_search_by(|view| view.name.cmp(&qualified)) {
            Relation::View(view)
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
        let is_one = |found: &Relation<'_>| matches!(found, Relation::Table(_) | Relation::View(_) | Relation::Other(_));
        if let Some(found) = on_path.into_iter().find(is_one) {
            return found;
        }
        let tables = self.catalog.tables.iter().filter(|table| table.name.name == name).map(Named::Table);
        let views = self.catalog.views.iter().enumerate().filter(|(_, view)| view.name.name == name);
        let mut namesakes = tables.chain(views.map(|(position, _)| Named::View(position)));
        let shown = || QualifiedName::new("public", name).to_string();
        match (namesakes.next(), namesakes.next()) {
            (Some(Named::Table(table)), None) => Relation::Table(table),
            (Some(Named::View(position)), None) => Relation::View(position),
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
