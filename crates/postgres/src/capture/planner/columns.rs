//! Tables with their columns, what makes some of them partitions, and the defaults of columns.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use pgtailor_model::name::{Oid, quote_identifier};
use pgtailor_model::planner::{ColumnSql, SchemaObject, SchemaObjectKind};
use tokio_postgres::Transaction;

use super::super::guard::Wanted;
use super::super::query::{rows, stream};
use super::{Reading, tables};
use crate::error::Error;

const TABLES: &str = r"SELECT /* pgtailor */ c.oid AS oid, c.reloptions AS options, m.amname::text AS method, c.relkind = 'p' AS partitioned,
       c.relrowsecurity AS row_security,
       ARRAY(SELECT i.inhparent FROM pg_catalog.pg_inherits i
              WHERE i.inhrelid = c.oid AND NOT c.relispartition ORDER BY i.inhseqno) AS inherits,
       (SELECT i.inhparent FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid AND c.relispartition) AS parent
  FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam
 WHERE c.relkind IN ('r', 'p', 'm')";

/// A collation only where it is not the type's own; identity and expressions with their kind. Dropped columns have no type any more.
const COLUMNS: &str = r"SELECT /* pgtailor */ a.attrelid AS table, a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type,
       CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation END AS collation,
       a.attnotnull AS not_null, a.attidentity AS identity, a.attgenerated AS generated, a.atthasdef AS has_expression, a.attnum AS number,
       a.attisdropped AS dropped
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
  LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
 WHERE c.relkind IN ('r', 'p', 'm') AND a.attnum > 0
 ORDER BY a.attrelid, a.attnum";

/// Opens the table; one row a table.
const EXPRESSIONS: &str = r"SELECT /* pgtailor */ t.oid AS oid,
       ARRAY(SELECT d.adnum FROM pg_catalog.pg_attrdef d WHERE d.adrelid = t.oid ORDER BY d.adnum) AS numbers,
       ARRAY(SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_catalog.pg_attrdef d WHERE d.adrelid = t.oid ORDER BY d.adnum) AS texts
  FROM unnest($1::oid[]) AS t (oid)";

/// Opens the table and, for a partition, its parent.
const BOUNDS: &str = r"SELECT /* pgtailor */ c.oid AS oid, pg_get_partkeydef(c.oid) AS key, pg_get_expr(c.relpartbound, c.oid) AS bound
  FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1)";

/// A column as the catalogs have it.
struct Raw {
    number: i16,
    name: String,
    type_name: String,
    collation: Option<u32>,
    not_null: bool,
    identity: u8,
    generated: u8,
    has_expression: bool,
    dropped: bool,
}

/// Partition key and bound, where there are.
type Bounds = (Option<String>, Option<String>);

/// Adds the tables of the catalog.
pub(super) async fn read_tables(transaction: &mut Transaction<'_>, reading: &mut Reading<'_>) -> Result<(), Error> {
    let found = rows(transaction, "read the tables for a twin", TABLES, &[]).await?;
    let by_oid: BTreeMap<Oid, &tokio_postgres::Row> = found.iter().map(|row| (Oid(row.get("oid")), row)).collect();
    let known = tables(reading.catalog);
    let mut columns: BTreeMap<Oid, Vec<Raw>> = BTreeMap::new();
    stream(transaction, "read the columns for a twin", COLUMNS, &[], |row| {
        let table = Oid(row.get("table"));
        if known.contains_key(&table) {
            columns.entry(table).or_default().push(Raw {
                number: row.get("number"),
                name: row.get("name"),
                type_name: row.get::<_, Option<String>>("type").unwrap_or_default(),
                collation: row.get("collation"),
                not_null: row.get("not_null"),
                identity: row.get::<_, i8>("identity").cast_unsigned(),
                generated: row.get::<_, i8>("generated").cast_unsigned(),
                has_expression: row.get("has_expression"),
                dropped: row.get("dropped"),
            });
        }
    })
    .await?;
    let with_expressions = columns.iter().filter(|(_, columns)| columns.iter().any(|column| column.has_expression));
    let wanted: Vec<Wanted> = with_expressions.map(|(table, _)| Wanted { object: *table, opens: *table }).collect();
    let expressions = reading
        .guard
        .read(transaction, "read the defaults of columns", EXPRESSIONS, &wanted, |row| {
            let texts: Vec<Option<String>> = row.get("texts");
            let texts: BTreeMap<i16, String> = row
                .get::<_, Vec<i16>>("numbers")
                .into_iter()
                .zip(texts)
                .filter_map(|(number, text)| Some((number, text?)))
                .collect();
            (Oid(row.get("oid")), Some(texts))
        })
        .await?;
    let partitioning =
        |row: &&tokio_postgres::Row| row.get::<_, bool>("partitioned") || row.get::<_, Option<u32>>("parent").is_some();
    let wanted: Vec<Wanted> = found
        .iter()
        .filter(partitioning)
        .map(|row| Oid(row.get("oid")))
        .filter(|oid| known.contains_key(oid))
        .map(|oid| Wanted { object: oid, opens: oid })
        .collect();
    let bounds = reading
        .guard
        .read(transaction, "read the bounds of partitions", BOUNDS, &wanted, |row| {
            (Oid(row.get("oid")), Some::<Bounds>((row.get("key"), row.get("bound"))))
        })
        .await?;

    let empty = BTreeMap::new();
    // In the order in which they were made: scans of inheritance children go by identifier.
    for (oid, table) in &known {
        let Some(row) = by_oid.get(oid) else { continue };
        let object = format!("table {}", table.name);
        if let Some(method) = row.get::<_, Option<String>>("method").filter(|method| method != "heap") {
            reading.missing(object, Some(*oid), format!("access method {method} is not carried to a twin"));
            reading.left_out.insert(*oid);
            continue;
        }
        if let Some(reason) = expressions.refused.get(oid).or(bounds.refused.get(oid)) {
            reading.missing(object, Some(*oid), reason.clone());
            reading.left_out.insert(*oid);
            continue;
        }
        if row.get("row_security") {
            reading.missing(format!("policies of {}", table.name), Some(*oid), "row-level security is not carried to a twin");
        }
        let (key, bound) = bounds.found.get(oid).cloned().unwrap_or_default();
        let own = columns.get(oid).map(Vec::as_slice).unwrap_or_default();
        let texts = expressions.found.get(oid).unwrap_or(&empty);
        let inherits: Vec<Oid> = row.get::<_, Vec<u32>>("inherits").into_iter().map(Oid).collect();
        let mut tail = String::new();
        let parents: Vec<String> = inherits.iter().filter_map(|parent| Some(known.get(parent)?.name.sql())).collect();
        if !parents.is_empty() {
            let _ = write!(tail, " INHERITS ({})", parents.join(", "));
        }
        if let Some(key) = &key {
            let _ = write!(tail, " PARTITION BY {key}");
        }
        if let Some(options) = row.get::<_, Option<Vec<String>>>("options").filter(|_| key.is_none()) {
            tail.push_str(&storage_options(&options));
        }
        // Dropped columns leave a null of four bytes in rows that are inserted (`expand_insert_targetlist` in `preptlist.c`).
        for column in own.iter().filter(|column| column.dropped) {
            let _ = write!(tail, "; ALTER TABLE ONLY {} DROP COLUMN {}", table.name.sql(), quote_identifier(&column.name));
        }
        let member = |kind, needs, sql: String| SchemaObject {
            table: Some(*oid),
            needs,
            ..SchemaObject::new(kind, table.name.to_string(), sql)
        };
        let columns =
            own.iter().map(|column| ColumnSql { name: column.name.clone(), sql: column_sql(column, texts, reading) }).collect();
        let beginning = format!("CREATE TABLE {}", table.name.sql());
        reading.schema.push(SchemaObject { columns, tail, ..member(SchemaObjectKind::Table, inherits, beginning) });
        let parent = row.get::<_, Option<u32>>("parent").map(Oid);
        if let (Some(parent), Some(bound)) = (parent, bound)
            && let Some(above) = known.get(&parent)
        {
            let sql = format!("ALTER TABLE ONLY {} ATTACH PARTITION {} {bound}", above.name.sql(), table.name.sql());
            reading.schema.push(member(SchemaObjectKind::Partition, vec![parent], sql));
        }
        for column in own.iter().filter(|column| column.generated == 0) {
            if let Some(text) = texts.get(&column.number) {
                let name = quote_identifier(&column.name);
                let sql = format!("ALTER TABLE ONLY {} ALTER COLUMN {name} SET DEFAULT {text}", table.name.sql());
                reading.schema.push(member(SchemaObjectKind::Default, Vec::new(), sql));
            }
        }
    }
    Ok(())
}

fn column_sql(column: &Raw, expressions: &BTreeMap<i16, String>, reading: &Reading<'_>) -> String {
    if column.dropped {
        return format!("{} integer", quote_identifier(&column.name));
    }
    let mut sql = format!("{} {}", quote_identifier(&column.name), column.type_name);
    if let Some(collation) = column.collation.and_then(|oid| reading.dictionary.collation(oid)) {
        let _ = write!(sql, " COLLATE {}", collation.sql());
    }
    let expression = expressions.get(&column.number);
    match (column.generated, column.identity, expression) {
        (b's', _, Some(text)) => drop(write!(sql, " GENERATED ALWAYS AS ({text}) STORED")),
        (b'v', _, Some(text)) => drop(write!(sql, " GENERATED ALWAYS AS ({text}) VIRTUAL")),
        (_, b'a', _) => sql.push_str(" GENERATED ALWAYS AS IDENTITY"),
        (_, b'd', _) => sql.push_str(" GENERATED BY DEFAULT AS IDENTITY"),
        _ => {}
    }
    if column.not_null {
        sql.push_str(" NOT NULL");
    }
    sql
}

/// `reloptions` of a table as SQL: those that plans depend on.
fn storage_options(options: &[String]) -> String {
    let kept: Vec<String> = options
        .iter()
        .filter_map(|option| option.split_once('='))
        .filter(|(name, _)| matches!(*name, "parallel_workers" | "fillfactor"))
        .map(|(name, value)| format!("{name} = {}", pgtailor_model::name::quote_literal(value)))
        .collect();
    if kept.is_empty() { String::new() } else { format!(" WITH ({})", kept.join(", ")) }
}
