//! A small catalog, and declared entries for it: `public.t (a, b, c, name)`, `public.u` alike, a partitioned table and a sequence.

use std::collections::BTreeMap;

use pgtailor_model::catalog::{Catalog, Column, Constraint, ConstraintKind, Index, OperatorClass, Table, TableKind};
use pgtailor_model::declared::{DeclaredIndex, DeclaredKey, Origin};
use pgtailor_model::index::{Direction, IndexDefinition, KeyPart};
use pgtailor_model::name::{Oid, QualifiedName};
use pgtailor_model::unit::{Pages, Rows};

pub fn table_named(name: &str) -> QualifiedName {
    QualifiedName::new("public", name)
}

pub fn catalog() -> Catalog {
    let tables = [("parts", TableKind::Partitioned), ("t", TableKind::Table), ("u", TableKind::Table)];
    let class = |method: &str, name: &str, is_default| OperatorClass {
        method: method.to_owned(),
        schema: "pg_catalog".to_owned(),
        name: name.to_owned(),
        is_default,
    };
    Catalog {
        tables: tables.iter().zip(100..).map(|((name, kind), oid)| table(name, *kind, oid)).collect(),
        relation_names: BTreeMap::from([("public".to_owned(), ["parts", "seq", "t", "u"].map(str::to_owned).to_vec())]),
        operator_classes: vec![
            class("btree", "int4_ops", true),
            class("btree", "text_ops", true),
            class("btree", "text_pattern_ops", false),
            class("gin", "jsonb_ops", true),
            class("hash", "int4_ops", true),
        ],
        ..Catalog::default()
    }
}

fn table(name: &str, kind: TableKind, oid: u32) -> Table {
    let columns = [("a", "integer"), ("b", "integer"), ("c", "integer"), ("name", "text")];
    let column =
        |((name, type_name), number): (&(&str, &str), i16)| Column::new(number, (*name).to_owned(), (*type_name).to_owned());
    Table {
        kind,
        estimated_rows: Some(Rows(1000)),
        pages: Pages(10),
        columns: columns.iter().zip(1..).map(column).collect(),
        ..Table::new(Oid(oid), table_named(name))
    }
}

/// A valid index of `public.t`.
pub fn existing(name: &str, definition: IndexDefinition) -> Index {
    Index::new(Oid(1), name, definition)
}

pub fn invalid(index: Index) -> Index {
    Index { valid: false, ..index }
}

pub fn constraint(name: &str, kind: ConstraintKind, definition: IndexDefinition) -> Index {
    Index { constraint: Some(Constraint { name: name.to_owned(), kind }), ..existing(name, definition) }
}

/// `catalog` with `index` on `public.t`.
pub fn with_index(mut catalog: Catalog, index: Index) -> Catalog {
    let names = catalog.relation_names.entry("public".to_owned()).or_default();
    names.push(index.name.clone());
    names.sort();
    let table = catalog.tables.iter_mut().find(|table| table.name == table_named("t")).expect("it is there");
    table.indexes.push(index);
    table.indexes.sort_by(|one, other| one.name.cmp(&other.name));
    catalog
}

/// A plain entry on `public.t`.
pub fn declared(name: &str, columns: &[&str]) -> DeclaredIndex {
    let key = |column: &&str| DeclaredKey {
        part: KeyPart::Column((*column).to_owned()),
        operator_class: None,
        collation: None,
        direction: Direction::Ascending,
        nulls: None,
    };
    DeclaredIndex {
        name: name.to_owned(),
        table: table_named("t"),
        keys: columns.iter().map(key).collect(),
        include: Vec::new(),
        predicate: None,
        method: "btree".to_owned(),
        unique: false,
        description: String::new(),
        group: String::new(),
        origin: Origin::Code,
    }
}
