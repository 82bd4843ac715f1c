//! The part of a database that some tables need: with their partitions, parents and ancestors, and with nothing else.

use std::collections::BTreeSet;

use super::{PlannerInputs, SchemaObject, SchemaObjectKind};
use crate::name::Oid;

impl PlannerInputs {
    /// `tables` and those that belong together with them: what inherits from them or is a partition, and what they inherit from.
    pub fn families(&self, tables: &BTreeSet<Oid>) -> BTreeSet<Oid> {
        families(&self.schema, tables)
    }

    /// What is left when only `tables` are wanted, which must be whole families: what belongs to another table goes, what belongs to
    /// none stays, and so do foreign keys with both ends in `tables`.
    #[must_use]
    pub fn subset(mut self, tables: &BTreeSet<Oid>) -> Self {
        let wanted = |table: &Oid| tables.contains(table);
        self.schema.retain(|object| object.table.iter().all(wanted) && object.needs.iter().all(wanted));
        self.relations.retain(|relation| wanted(&relation.table));
        let relations: BTreeSet<Oid> = self.relations.iter().map(|relation| relation.oid).collect();
        self.statistics.retain(|statistic| relations.contains(&statistic.relation) || wanted(&statistic.relation));
        self.extended.retain(|extended| wanted(&extended.table));
        self.extremes.retain(|extremes| wanted(&extremes.table));
        self.inexact.retain(|inexact| inexact.table.as_ref().is_none_or(wanted));
        self
    }
}

/// See [`PlannerInputs::families`].
pub(super) fn families(schema: &[SchemaObject], tables: &BTreeSet<Oid>) -> BTreeSet<Oid> {
    // A table needs those that it inherits from, and a partition its parent.
    let is_kin = |object: &&SchemaObject| matches!(object.kind, SchemaObjectKind::Table | SchemaObjectKind::Partition);
    let links: Vec<(Oid, Oid)> = schema
        .iter()
        .filter(is_kin)
        .filter_map(|object| Some((object.table?, object)))
        .flat_map(|(table, object)| object.needs.iter().map(move |needed| (table, *needed)))
        .collect();
    let mut family = tables.clone();
    loop {
        let before = family.len();
        for (one, other) in &links {
            if family.contains(one) || family.contains(other) {
                family.insert(*one);
                family.insert(*other);
            }
        }
        if family.len() == before {
            return family;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(kind: SchemaObjectKind, table: u32, needs: &[u32]) -> SchemaObject {
        let needs = needs.iter().copied().map(Oid).collect();
        SchemaObject { table: Some(Oid(table)), needs, ..SchemaObject::new(kind, table.to_string(), "") }
    }

    #[test]
    fn a_partition_brings_its_parent_and_its_siblings_and_a_foreign_key_brings_nothing() {
        let schema = [
            object(SchemaObjectKind::Table, 1, &[]),
            object(SchemaObjectKind::Table, 2, &[]),
            object(SchemaObjectKind::Table, 3, &[]),
            object(SchemaObjectKind::Table, 4, &[]),
            object(SchemaObjectKind::Partition, 2, &[1]),
            object(SchemaObjectKind::Partition, 3, &[1]),
            object(SchemaObjectKind::ForeignKey, 2, &[4]),
        ];
        let family = families(&schema, &BTreeSet::from([Oid(2)]));
        assert_eq!(family, BTreeSet::from([Oid(1), Oid(2), Oid(3)]));
        assert_eq!(families(&schema, &BTreeSet::from([Oid(4)])), BTreeSet::from([Oid(4)]));
    }
}
