//! Constraints and indexes of tables, in the order in which the source made them: that is the order in which the planner tries indexes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use pgtailor_model::catalog::TableKind;
use pgtailor_model::index::Build;
use pgtailor_model::name::{Oid, QualifiedName, quote_identifier};
use pgtailor_model::planner::{SchemaObject, SchemaObjectKind};
use tokio_postgres::Transaction;

use super::super::guard::Wanted;
use super::super::query::{rows, stream};
use super::{Reading, tables};
use crate::error::Error;

const CONSTRAINTS: &str = r"SELECT /* pgtailor */ k.oid AS oid, k.conrelid AS table, k.conname::text AS name, k.contype AS kind, k.confrelid AS referenced,
       k.convalidated AS validated, k.conindid AS index
  FROM pg_catalog.pg_constraint k
 WHERE k.conrelid <> 0 AND k.contype IN ('p', 'u', 'x', 'c', 'f')
   AND (k.contype <> 'c' OR k.coninhcount = 0) AND (k.contype <> 'f' OR k.conparentid = 0)
 ORDER BY k.oid";

const TEXTS: &str =
    "SELECT /* pgtailor */ k.oid AS oid, pg_get_constraintdef(k.oid) AS definition FROM unnest($1::oid[]) AS k (oid)";

const INDEX_OPTIONS: &str = r"SELECT /* pgtailor */ c.oid AS oid, c.reloptions AS options, i.inhparent AS parent
  FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid
 WHERE c.relkind IN ('i', 'I') AND (c.reloptions IS NOT NULL OR i.inhparent IS NOT NULL)";

/// A constraint before its text is known.
struct Raw {
    oid: Oid,
    table: Oid,
    name: String,
    kind: u8,
    referenced: Oid,
    validated: bool,
    index: Oid,
}

/// Adds constraints and indexes.
pub(super) async fn read_definitions(transaction: &mut Transaction<'_>, reading: &mut Reading<'_>) -> Result<(), Error> {
    let left_out = reading.left_out.clone();
    let mut known = tables(reading.catalog);
    known.retain(|table, _| !left_out.contains(table));
    let mut constraints = Vec::new();
    stream(transaction, "read the constraints", CONSTRAINTS, &[], |row| {
        let table = Oid(row.get("table"));
        if known.contains_key(&table) {
            constraints.push(Raw {
                oid: Oid(row.get("oid")),
                table,
                name: row.get("name"),
                kind: row.get::<_, i8>("kind").cast_unsigned(),
                referenced: Oid(row.get("referenced")),
                validated: row.get("validated"),
                index: Oid(row.get("index")),
            });
        }
    })
    .await?;
    let wanted: Vec<Wanted> = constraints.iter().map(|raw| Wanted { object: raw.oid, opens: raw.table }).collect();
    let texts = reading
        .guard
        .read(transaction, "read the definitions of constraints", TEXTS, &wanted, |row| {
            (Oid(row.get("oid")), row.get::<_, Option<String>>("definition"))
        })
        .await?;
    let mut of_index: BTreeMap<Oid, String> = BTreeMap::new();
    for raw in constraints {
        let name = &known[&raw.table].name;
        let Some(text) = texts.found.get(&raw.oid) else {
            let reason = texts.refused.get(&raw.oid).cloned().unwrap_or_default();
            reading.missing(format!("constraint {} of {name}", raw.name), Some(raw.table), reason);
            continue;
        };
        match raw.kind {
            b'c' | b'f' => {
                let sql = format!("ALTER TABLE {} ADD CONSTRAINT {} {text}", name.sql(), quote_identifier(&raw.name));
                let (kind, needs) = if raw.kind == b'f' {
                    (SchemaObjectKind::ForeignKey, vec![raw.referenced])
                } else {
                    (SchemaObjectKind::Check, Vec::new())
                };
                let name = format!("{} of {name}", raw.name);
                let object = SchemaObject::new(kind, name, sql);
                reading.schema.push(SchemaObject { table: Some(raw.table), needs, validated: raw.validated, ..object });
            }
            _ => drop(of_index.insert(raw.index, text.clone())),
        }
    }
    read_indexes(transaction, reading, &of_index, &left_out).await
}

/// An index that implements a constraint is made by the constraint, whose text is in `of_index`.
async fn read_indexes(
    transaction: &Transaction<'_>,
    reading: &mut Reading<'_>,
    of_index: &BTreeMap<Oid, String>,
    left_out: &BTreeSet<Oid>,
) -> Result<(), Error> {
    let mut options: BTreeMap<Oid, Vec<String>> = BTreeMap::new();
    let mut parents: BTreeMap<Oid, Oid> = BTreeMap::new();
    for row in rows(transaction, "read the options of indexes", INDEX_OPTIONS, &[]).await? {
        let oid = Oid(row.get("oid"));
        if let Some(found) = row.get::<_, Option<Vec<String>>>("options") {
            options.insert(oid, found);
        }
        if let Some(parent) = row.get::<_, Option<u32>>("parent") {
            parents.insert(oid, Oid(parent));
        }
    }
    let catalog = reading.catalog;
    let mut indexes: Vec<_> = catalog.indexes().filter(|(table, index)| index.valid && !left_out.contains(&table.oid)).collect();
    indexes.sort_by_key(|(_, index)| index.oid);
    let names: BTreeMap<Oid, QualifiedName> =
        indexes.iter().map(|(table, index)| (index.oid, QualifiedName::new(&table.name.schema, &index.name))).collect();
    for (table, index) in indexes {
        let only = if table.kind == TableKind::Partitioned { "ONLY " } else { "" };
        let name = QualifiedName::new(&table.name.schema, &index.name);
        let object = |kind, needs, sql: String| SchemaObject {
            table: Some(table.oid),
            needs,
            ..SchemaObject::new(kind, name.to_string(), sql)
        };
        let mut made = match (&index.constraint, of_index.get(&index.oid), &index.definition) {
            (Some(constraint), Some(text), _) => {
                let sql = format!(
                    "ALTER TABLE {only}{} ADD CONSTRAINT {} {text}",
                    table.name.sql(),
                    quote_identifier(&constraint.name)
                );
                object(SchemaObjectKind::Constraint, Vec::new(), sql)
            }
            (None, _, Some(definition)) if only.is_empty() => {
                let sql = definition.create_sql(&index.name, &table.name, Build::Blocking);
                object(SchemaObjectKind::Index, Vec::new(), sql)
            }
            (None, _, Some(definition)) => {
                let unique = if definition.unique { "UNIQUE " } else { "" };
                let sql =
                    format!("CREATE {unique}INDEX {} ON ONLY {} {definition}", quote_identifier(&index.name), table.name.sql());
                object(SchemaObjectKind::Index, Vec::new(), sql)
            }
            _ => {
                reading.missing(format!("index {name}"), Some(table.oid), "its definition could not be read");
                continue;
            }
        };
        let own = options.get(&index.oid).map(|options| index_options(options)).unwrap_or_default();
        if !own.is_empty() && made.kind == SchemaObjectKind::Index && only.is_empty() {
            let _ = write!(made.sql, "; ALTER INDEX {} SET ({own})", name.sql());
        }
        reading.schema.push(made);
        // The server attaches no index of an exclusion constraint (`CompareIndexInfo` in `index.c`), and no plan depends on it.
        let is_exclusion = of_index.get(&index.oid).is_some_and(|text| text.starts_with("EXCLUDE"));
        if let Some(above) = parents.get(&index.oid).and_then(|parent| names.get(parent)).filter(|_| !is_exclusion) {
            let sql = format!("ALTER INDEX {} ATTACH PARTITION {}", above.sql(), name.sql());
            let parent = table.partition_of.into_iter().collect();
            reading.schema.push(object(SchemaObjectKind::IndexPartition, parent, sql));
        }
    }
    Ok(())
}

fn index_options(options: &[String]) -> String {
    let pairs = options.iter().filter_map(|option| option.split_once('='));
    let written =
        pairs.map(|(name, value)| format!("{} = {}", quote_identifier(name), pgtailor_model::name::quote_literal(value)));
    written.collect::<Vec<_>>().join(", ")
}
