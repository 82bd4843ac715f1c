//! An index on a partitioned table, without blocking anybody for longer than a moment (`faults` F58 to F65).
//!
//! The server builds none concurrently there. So it is declared on the parent alone, built concurrently on each partition, and attached
//! one by one; with the last one the parent's turns valid. What is there already is used, so that a rollout that was cut short is taken
//! up by planning it again. Partitions that are made meanwhile get the index from the server.

use std::collections::BTreeSet;

use pgtailor_model::catalog::{Index, Table, TableKind};
use pgtailor_model::change::{Carried, Change};
use pgtailor_model::index::IndexDefinition;
use pgtailor_model::name::free_name;
use pgtailor_model::rollout::Estimate;
use pgtailor_model::snapshot::Snapshot;

use crate::plan::Request;

/// The requests that carry `request` out: itself, unless it builds an index on a partitioned table. New names are added to `names`.
pub(crate) fn over_partitions(request: &Request, snapshot: &Snapshot, names: &mut BTreeSet<String>) -> Vec<Request> {
    let Change::CreateIndex { table_oid, name, definition, .. } = &request.change else { return vec![request.clone()] };
    let table = snapshot.catalog.table_by_oid(*table_oid);
    let Some(table) = table.filter(|table| table.kind == TableKind::Partitioned) else { return vec![request.clone()] };
    let mut dance = Dance { request, snapshot, names, rows: rows_below(table, snapshot).max(1.0), steps: Vec::new() };
    dance.cover(table, name, definition);
    dance.steps
}

struct Dance<'a> {
    request: &'a Request,
    snapshot: &'a Snapshot,
    names: &'a mut BTreeSet<String>,
    /// Rows of all partitions, for sharing the estimate out.
    rows: f64,
    steps: Vec<Request>,
}

impl Dance<'_> {
    /// Puts the index on a partitioned table and everything below it; returns what it is called there.
    fn cover(&mut self, table: &Table, name: &str, definition: &IndexDefinition) -> String {
        let existing = alike(table, name, definition);
        let name = existing.map_or(name, |index| index.name.as_str()).to_owned();
        self.push(
            Change::CreatePartitionedIndex {
                table: table.name.clone(),
                table_oid: table.oid,
                name: name.clone(),
                definition: definition.clone(),
            },
            0.0,
        );
        if existing.is_some_and(|index| index.valid) {
            return name;
        }
        let partitions = self.snapshot.catalog.tables.iter().filter(|below| below.partition_of == Some(table.oid));
        for below in partitions {
            let usual_name = free_name(words_below(below, table, &name), |_| true);
            let found = alike(below, &usual_name, definition);
            if found.is_some_and(|index| index.valid && index.attached_to.is_some()) {
                continue;
            }
            let below_name = match found {
                Some(index) => index.name.clone(),
                None => self.name_below(below, table, &name),
            };
            if below.kind == TableKind::Partitioned {
                self.cover(below, &below_name, definition);
            } else {
                self.build(below, found, &below_name, definition);
            }
            self.push(
                Change::AttachIndex {
                    table: below.name.clone(),
                    table_oid: below.oid,
                    name: below_name,
                    parent: table.name.clone(),
                    parent_oid: table.oid,
                    parent_index: name.clone(),
                },
                0.0,
            );
        }
        name
    }

    fn build(&mut self, table: &Table, found: Option<&Index>, name: &str, definition: &IndexDefinition) {
        let (name, definition, table_oid) = (name.to_owned(), definition.clone(), table.oid);
        let (table, share) = (table.name.clone(), rows_of(table) / self.rows);
        match found {
            Some(index) if index.valid => {}
            // Attached while it was invalid: it can only be mended in place (F61).
            Some(index) => {
                self.push(
                    Change::RebuildIndex { table, table_oid, name, index_oid: index.oid, definition, size: index.size },
                    share,
                );
            }
            None => {
                self.push(Change::CreateIndex { table, table_oid, name, definition, carries: Carried::default() }, share);
            }
        }
    }

    /// `orders_2025_customer_id_idx` for the partition `orders_2025` and the index `orders_customer_id_idx` of `orders`.
    fn name_below(&mut self, partition: &Table, parent: &Table, parent_index: &str) -> String {
        let catalog = &self.snapshot.catalog;
        let words = words_below(partition, parent, parent_index);
        let name = free_name(words, |name| !catalog.has_relation(&partition.name.schema, name) && !self.names.contains(name));
        self.names.insert(name.clone());
        name
    }

    fn push(&mut self, change: Change, share: f64) {
        let part = |quantity: Option<pgtailor_model::quantity::Quantity>| {
            let mut quantity = quantity.filter(|_| share > 0.0)?;
            quantity.value *= share;
            Some(quantity)
        };
        let estimate = Estimate { size: part(self.request.estimate.size), duration: part(self.request.estimate.duration) };
        self.steps.push(Request { change, reason: self.request.reason.clone(), estimate });
    }
}

fn words_below(partition: &Table, parent: &Table, parent_index: &str) -> Vec<String> {
    let rest = parent_index.strip_prefix(&parent.name.name).map_or(parent_index, |rest| rest.trim_start_matches('_'));
    vec![partition.name.name.clone(), rest.to_owned()]
}

/// The index of this definition, a valid one before others; where expressions are spelled otherwise by the server, the one of this name.
fn alike<'t>(table: &'t Table, name: &str, definition: &IndexDefinition) -> Option<&'t Index> {
    let same = table.indexes.iter().filter(|index| {
        let found = index.definition.as_ref();
        found == Some(definition) || (index.name == name && found.is_some_and(|found| definition.is_same_build(found)))
    });
    same.max_by_key(|index| index.valid)
}

fn rows_of(table: &Table) -> f64 {
    table.estimated_rows.map_or(0.0, pgtailor_model::unit::Rows::as_f64)
}

fn rows_below(table: &Table, snapshot: &Snapshot) -> f64 {
    let below = snapshot.catalog.tables.iter().filter(|below| below.partition_of == Some(table.oid));
    below.map(|below| if below.kind == TableKind::Partitioned { rows_below(below, snapshot) } else { rows_of(below) }).sum()
}
