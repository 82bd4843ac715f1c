//! Tables as their users see them: a partitioned table and its partitions are one.

use std::collections::{BTreeMap, BTreeSet};

use crate::unexamined::unexamined;
use pgtailor_model::activity::TableActivity;
use pgtailor_model::catalog::{Table, TableKind};
use pgtailor_model::name::Oid;
use pgtailor_model::snapshot::{NotExamined, Snapshot};
use pgtailor_model::unit::Rows;

/// A table, or a partitioned table with everything below it.
pub(crate) struct Family<'s> {
    /// The one that statements name.
    pub(crate) root: &'s Table,
    /// Those that hold rows: the table itself, or all partitions that are not partitioned again.
    pub(crate) leaves: Vec<&'s Table>,
    /// Every OID in it.
    pub(crate) members: BTreeSet<Oid>,
}

/// The family of each table, by the table's OID.
pub(crate) fn by_member<'f, 's>(families: &'f [Family<'s>]) -> BTreeMap<Oid, &'f Family<'s>> {
    families.iter().flat_map(|family| family.members.iter().map(move |member| (*member, family))).collect()
}

/// All tables that are no partitions, with their partitions.
pub(crate) fn families(snapshot: &Snapshot) -> Vec<Family<'_>> {
    let parents: BTreeMap<Oid, Oid> =
        snapshot.catalog.tables.iter().filter_map(|table| Some((table.oid, table.partition_of?))).collect();
    let mut by_root: BTreeMap<Oid, Vec<&Table>> = BTreeMap::new();
    for table in &snapshot.catalog.tables {
        by_root.entry(root_of(table.oid, &parents)).or_default().push(table);
    }
    let of = |root| {
        let tables = by_root.get(&root)?;
        Some(Family {
            root: tables.iter().find(|table| table.oid == root)?,
            leaves: tables.iter().filter(|table| table.kind != TableKind::Partitioned).copied().collect(),
            members: tables.iter().map(|table| table.oid).collect(),
        })
    };
    // In the catalog's order, which is by name.
    snapshot.catalog.tables.iter().filter_map(|table| of(table.oid)).collect()
}

impl Family<'_> {
    /// The leaves' counters; `None` when one has none, or when there is no leaf.
    pub(crate) fn counters<'s>(&self, snapshot: &'s Snapshot) -> Option<Vec<&'s TableActivity>> {
        let counters: Vec<_> = self.leaves.iter().map(|leaf| snapshot.activity.tables.get(&leaf.oid)).collect::<Option<_>>()?;
        (!counters.is_empty()).then_some(counters)
    }

    /// Pages of all leaves.
    pub(crate) fn pages(&self) -> u64 {
        self.leaves.iter().map(|leaf| leaf.pages.0).sum()
    }
}

/// The tables by their OIDs, for those who look up many.
pub(crate) fn by_oid(snapshot: &Snapshot) -> BTreeMap<Oid, &Table> {
    snapshot.catalog.tables.iter().map(|table| (table.oid, table)).collect()
}

/// Live rows: the greater of the counter, which a reset sets to 0, and the planner's estimate.
pub(crate) fn rows(table: &Table, counters: &TableActivity) -> Rows {
    counters.live_rows.max(table.estimated_rows.unwrap_or_default())
}

/// The top of `oid`'s ancestors. A parent outside the catalog does not count; neither does a loop, which no catalog has.
fn root_of(oid: Oid, parents: &BTreeMap<Oid, Oid>) -> Oid {
    let mut root = oid;
    for _ in 0..parents.len() {
        match parents.get(&root) {
            Some(parent) => root = *parent,
            None => break,
        }
    }
    root
}

/// The tables whose counters were not captured, as something that could not be examined.
pub(crate) fn without_counters(snapshot: &Snapshot) -> Vec<NotExamined> {
    let has_rows = snapshot.catalog.tables.iter().filter(|table| table.kind != TableKind::Partitioned);
    let unknown = has_rows.filter(|table| !snapshot.activity.tables.contains_key(&table.oid)).map(|table| table.name.to_string());
    unexamined(unknown, ("table", "tables"), "no counters were captured").into_iter().collect()
}
