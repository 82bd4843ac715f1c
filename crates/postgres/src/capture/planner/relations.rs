//! `pg_class` and sizes of files.

use std::collections::{BTreeMap, BTreeSet};

use pgtailor_model::catalog::TableKind;
use pgtailor_model::name::{Oid, QualifiedName};
use pgtailor_model::planner::Relation;
use pgtailor_model::unit::Bytes;
use tokio_postgres::Transaction;

use super::super::query::stream;
use super::Reading;
use crate::error::Error;

const COUNTERS: &str = "\
SELECT /* pgtailor */ c.oid AS oid, c.relpages AS pages, c.reltuples AS tuples, c.relallvisible AS all_visible
  FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'm', 'p', 'i', 'I')";

/// Every table of the catalog and its valid indexes, as `pg_class` has them; those of no interest to a twin are left out.
pub(super) async fn read_relations(transaction: &Transaction<'_>, reading: &mut Reading<'_>) -> Result<Vec<Relation>, Error> {
    let mut counters: BTreeMap<Oid, (i32, f32, i32)> = BTreeMap::new();
    stream(transaction, "read the planner's counters", COUNTERS, &[], |row| {
        counters.insert(Oid(row.get("oid")), (row.get("pages"), row.get("tuples"), row.get("all_visible")));
    })
    .await?;
    let block_size = u64::from(reading.server.block_size.max(1));
    let mut unmeasured = BTreeSet::new();
    let mut relation = |oid: Oid, name: QualifiedName, table: Oid, kind: TableKind, size: Option<Bytes>| {
        let (pages, tuples, all_visible) = *counters.get(&oid)?;
        let blocks = match size {
            _ if kind == TableKind::Partitioned => None,
            Some(size) => Some(size.0 / block_size),
            None => {
                unmeasured.insert(table);
                u64::try_from(pages).ok()
            }
        };
        Some(Relation { oid, name, table, pages, tuples, all_visible, blocks, head: None })
    };
    let left_out = reading.left_out.clone();
    let mut relations = Vec::new();
    for table in reading.catalog.tables.iter().filter(|table| !left_out.contains(&table.oid)) {
        relations.extend(relation(table.oid, table.name.clone(), table.oid, table.kind, table.size));
        for index in table.indexes.iter().filter(|index| index.valid && index.definition.is_some()) {
            let name = QualifiedName::new(&table.name.schema, &index.name);
            relations.extend(relation(index.oid, name, table.oid, table.kind, index.size));
        }
    }
    for table in unmeasured {
        let name = reading.catalog.table_by_oid(table).map(|table| table.name.to_string()).unwrap_or_default();
        let reason = "they could not be measured, for example behind a lock: taken as they were when last vacuumed or analyzed";
        reading.missing(format!("sizes of {name}"), Some(table), reason);
    }
    Ok(relations)
}
