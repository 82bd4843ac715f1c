//! The look-ups of foreign keys: who deletes a row, or changes its key, has the server look for the rows that refer to it.
//!
//! No plan shows them, since they run in triggers (`ri_triggers.c`), so they are questions of their own: the statement that the trigger
//! executes, once for each row that is written. Start reading at [`look_ups`].

use std::collections::BTreeSet;

use pgtailor_model::catalog::{Table, TableKind};
use pgtailor_model::name::{Oid, quote_identifier};
use pgtailor_model::planner::SchemaObjectKind;
use pgtailor_model::shape::{Write, WriteKind};
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::unit::{Rows, count_as_f64};
use pgtailor_model::workload::{Query, Workload};

use super::Statement;
use crate::candidate::ForeignKey;

/// What one statement has the server look for.
pub(super) struct LookUp {
    /// The table that refers.
    pub table: Oid,
    /// What is asked of it.
    pub statement: Statement,
    /// How often, for all executions.
    pub times: f64,
}

/// Tables that the workload's statements read or write, and those that refer to rows which they delete or of which they change the key: what a
/// twin must have.
pub fn needed_tables(workload: &Workload, snapshot: &Snapshot) -> BTreeSet<Oid> {
    let mut tables = BTreeSet::new();
    for query in &workload.queries {
        tables.extend(query.shapes.iter().map(|shape| shape.table));
        tables.extend(asking(query, snapshot).into_iter().map(|key| key.table));
    }
    tables
}

/// The look-ups of `query`.
pub(super) fn look_ups(query: &Query, snapshot: &Snapshot) -> Vec<LookUp> {
    let times = query.rows.map_or(count_as_f64(query.calls), Rows::as_f64);
    let look_up = |key: ForeignKey| {
        let table = snapshot.catalog.table_by_oid(key.table)?;
        Some(LookUp { table: key.table, statement: statement(table, &key)?, times })
    };
    asking(query, snapshot).into_iter().filter_map(look_up).collect()
}

/// The foreign keys of which `query` has referring rows looked for.
fn asking(query: &Query, snapshot: &Snapshot) -> Vec<ForeignKey> {
    let writes: Vec<(Oid, &Write)> = query.shapes.iter().filter_map(|shape| Some((shape.table, shape.write.as_ref()?))).collect();
    let is_asked = |key: &ForeignKey| {
        writes.iter().any(|(table, write)| {
            key.referenced == *table
                && match write.kind {
                    WriteKind::Delete => true,
                    WriteKind::Update => key.is_changed_by(&write.columns),
                    WriteKind::Insert | WriteKind::Copy | WriteKind::Upsert | WriteKind::Merge => false,
                }
        })
    };
    if writes.is_empty() {
        return Vec::new();
    }
    let objects = snapshot.planner.iter().flat_map(|planner| &planner.schema);
    let keys = objects.filter(|object| object.kind == SchemaObjectKind::ForeignKey).filter_map(ForeignKey::read);
    keys.filter(is_asked).collect()
}

/// `SELECT 1 FROM ONLY child WHERE $1 = parent FOR KEY SHARE`, as `RI_FKey_noaction_del` asks; a cascade's `DELETE` finds its rows alike.
/// The planner knows no value: a prepared plan is kept for all of them.
fn statement(table: &Table, key: &ForeignKey) -> Option<Statement> {
    let types: Option<Vec<String>> =
        key.columns.iter().map(|column| table.column(column).map(|column| column.type_name.clone())).collect();
    let equal: Vec<String> =
        (1..).zip(&key.columns).map(|(number, column)| format!("${number} = x.{}", quote_identifier(column))).collect();
    let only = if table.kind == TableKind::Partitioned { "" } else { "ONLY " };
    let text =
        format!("SELECT /* pgtailor */ 1 FROM {only}{} x WHERE {} FOR KEY SHARE OF x", table.name.sql(), equal.join(" AND "));
    Some(Statement { text, types: types? })
}
