//! A small catalog, and shapes as text: `orders: = customer_id; < created_at; by created_at desc; limit`.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;

use pgtailor_model::activity::StatementActivity;
use pgtailor_model::catalog::{Catalog, Column, Persistence, Table, TableKind};
use pgtailor_model::index::{Direction, Nulls};
use pgtailor_model::name::{Oid, QualifiedName};
use pgtailor_model::shape::Shape;
use pgtailor_model::unit::{Bytes, Milliseconds, Pages, Rows};
use pgtailor_model::workload::Workload;

/// A schema, a table's name, and its columns with their types.
type TableText = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const TABLES: &[TableText] = &[
    ("archive", "orders", &[("id", "bigint"), ("customer_id", "bigint")]),
    (
        "public",
        "customers",
        &[
            ("id", "bigint"),
            ("email", "character varying(255)"),
            ("name", "text"),
            ("region", "text"),
            ("is_active", "boolean"),
            ("tags", "jsonb"),
        ],
    ),
    ("public", "items", &[("id", "bigint"), ("order_id", "bigint"), ("product", "text"), ("quantity", "integer")]),
    (
        "public",
        "orders",
        &[
            ("id", "bigint"),
            ("customer_id", "bigint"),
            ("status", "text"),
            ("total", "numeric(10,2)"),
            ("created_at", "timestamp with time zone"),
            ("is_paid", "boolean"),
            ("paid_at", "timestamp with time zone"),
        ],
    ),
    ("sales", "leads", &[("id", "bigint"), ("owner", "text")]),
];

pub fn catalog() -> Catalog {
    let tables: Vec<Table> = TABLES
        .iter()
        .zip(1..)
        .map(|((schema, name, columns), number)| Table {
            oid: Oid(number),
            name: QualifiedName::new(*schema, *name),
            kind: TableKind::Table,
            persistence: Persistence::Permanent,
            owner: "app".to_owned(),
            ours: true,
            estimated_rows: Some(Rows(1000)),
            pages: Pages(10),
            size: None,
            partition_of: None,
            inherits: Vec::new(),
            columns: columns
                .iter()
                .zip(1..)
                .map(|((name, type_name), number)| Column {
                    number,
                    name: (*name).to_owned(),
                    type_name: (*type_name).to_owned(),
                    not_null: false,
                    statistics: None,
                })
                .collect(),
            indexes: Vec::new(),
        })
        .collect();
    let mut relation_names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for table in &tables {
        relation_names.entry(table.name.schema.clone()).or_default().push(table.name.name.clone());
    }
    relation_names.entry("public".to_owned()).or_default().push("order_view".to_owned());
    Catalog { tables, relation_names, ..Catalog::default() }
}

pub fn recorded(text: &str, calls: u64, total_time: f64) -> StatementActivity {
    StatementActivity {
        query_id: 42,
        text: text.to_owned(),
        calls,
        total_time: Milliseconds(total_time),
        rows: Rows(1),
        blocks_accessed: Bytes(8192),
        planning_time: None,
        wal: None,
        tags: BTreeMap::new(),
    }
}

pub fn understand(statements: &[StatementActivity]) -> Workload {
    pgtailor_sql::understand(statements, &catalog(), &["public".to_owned()])
}

/// The shapes of one statement, one line each.
pub fn shapes(sql: &str) -> Vec<String> {
    let workload = understand(&[recorded(sql, 1, 1.0)]);
    assert!(workload.skipped.is_empty(), "{sql}\n{:?}", workload.skipped);
    workload.queries[0].shapes.iter().map(line).collect()
}

fn line(shape: &Shape) -> String {
    let catalog = catalog();
    let table = catalog.table_by_oid(shape.table).expect("shapes name tables of the catalog");
    let mut parts = Vec::new();
    for (sign, columns) in [
        ("=", shape.equality()),
        ("<", shape.range()),
        ("join", shape.join()),
        ("writes", shape.written().iter().map(String::as_str).collect()),
    ] {
        if !columns.is_empty() {
            let all = columns.len() == table.columns.len();
            parts.push(format!("{sign} {}", if all && sign == "writes" { "all".to_owned() } else { columns.join(" ") }));
        }
    }
    parts.extend(shape.not_sargable().iter().map(|(column, reason)| format!("no {column}: {reason}")));
    if !shape.order_by.is_empty() {
        let keys: Vec<String> = shape
            .order_by
            .iter()
            .map(|key| {
                let direction = if key.direction == Direction::Descending { " desc" } else { "" };
                let nulls = match key.nulls {
                    nulls if nulls == Nulls::default_for(key.direction) => "",
                    Nulls::First => " nulls first",
                    Nulls::Last => " nulls last",
                };
                format!("{}{direction}{nulls}", key.subject.text())
            })
            .collect();
        parts.push(format!("by {}", keys.join(", ")));
    }
    if shape.limited {
        parts.push("limit".to_owned());
    }
    format!("{}: {}", table.name, parts.join("; ")).trim_end().to_owned()
}

/// Checks the shapes of one statement.
#[track_caller]
pub fn check(sql: &str, expected: &[&str]) {
    assert_eq!(shapes(sql), expected, "{sql}");
}
