//! What is written to each table while the workload runs, from the statements that write and from the server's counters.

use std::collections::BTreeMap;

use pgtailor_model::catalog::Table;
use pgtailor_model::name::Oid;
use pgtailor_model::shape::{Shape, WriteKind};
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::unit::{Rows, count_as_f64};
use pgtailor_model::workload::{Query, Workload};

use super::columns;

/// The share of updates that are HOT where no counter says: they need room on the page, which a table with the default fill factor has for
/// about half of them once it is in use.
const USUAL_HOT_SHARE: f64 = 0.5;

/// What is written to one table, for all executions of the workload.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableWrites {
    /// Rows inserted.
    pub inserted: f64,
    /// By statement.
    pub updates: Vec<Update>,
    /// Rows deleted.
    pub deleted: f64,
    /// Of updates that change nothing indexed, the share that is HOT, 0 to 1.
    pub hot_share: f64,
    /// Indexes that the table has.
    pub indexes: f64,
}

/// What one statement updates.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// The columns that it sets.
    pub columns: Vec<String>,
    /// Rows, for all executions.
    pub rows: f64,
    /// Whether none of the columns is indexed now.
    pub is_hot_possible: bool,
}

/// By table.
///
/// Rows come from the statements; where they write none of a table but its counters have grown since they were reset, from those, since then
/// the statements came from somewhere that does not see them all. What such updates set is not known, so they only count as updates that change
/// nothing indexed. Counters count only when `counters_belong`: when the statements are those of the same period, and no file's.
pub fn writes(workload: &Workload, snapshot: &Snapshot, counters_belong: bool) -> BTreeMap<Oid, TableWrites> {
    let mut all: BTreeMap<Oid, TableWrites> = BTreeMap::new();
    for query in &workload.queries {
        for shape in &query.shapes {
            let Some(table) = snapshot.catalog.table_by_oid(shape.table) else { continue };
            if shape.write.is_some() {
                let written = all.entry(shape.table).or_insert_with(|| nothing(table, snapshot));
                add(written, query, shape, table);
            }
        }
    }
    for table in snapshot.catalog.tables.iter().filter(|_| counters_belong) {
        let Some(activity) = snapshot.activity.tables.get(&table.oid) else { continue };
        if all.contains_key(&table.oid) || activity.inserted + activity.updated + activity.deleted == 0 {
            continue;
        }
        let mut written = nothing(table, snapshot);
        written.inserted = count_as_f64(activity.inserted);
        written.deleted = count_as_f64(activity.deleted);
        let update = Update { columns: Vec::new(), rows: count_as_f64(activity.updated), is_hot_possible: true };
        written.updates.push(update);
        all.insert(table.oid, written);
    }
    all
}

fn nothing(table: &Table, snapshot: &Snapshot) -> TableWrites {
    let activity = snapshot.activity.tables.get(&table.oid).filter(|activity| activity.updated > 0);
    let hot_share = activity.map_or(USUAL_HOT_SHARE, |activity| {
        (count_as_f64(activity.hot_updated) / count_as_f64(activity.updated)).clamp(0.0, 1.0)
    });
    TableWrites { hot_share, indexes: count_as_f64(table.indexes.len() as u64), ..TableWrites::default() }
}

fn add(written: &mut TableWrites, query: &Query, shape: &Shape, table: &Table) {
    let Some(write) = &shape.write else { return };
    let rows = query.rows.map_or(count_as_f64(query.calls), Rows::as_f64);
    match write.kind {
        WriteKind::Insert | WriteKind::Copy | WriteKind::Upsert | WriteKind::Merge => written.inserted += rows,
        WriteKind::Delete => written.deleted += rows,
        WriteKind::Update => {
            let definitions = table.indexes.iter().filter_map(|index| index.definition.as_ref());
            let indexed: Vec<&str> = definitions.flat_map(columns).collect();
            let is_hot_possible = !write.columns.iter().any(|column| indexed.contains(&column.as_str()));
            written.updates.push(Update { columns: write.columns.clone(), rows, is_hot_possible });
        }
    }
}
