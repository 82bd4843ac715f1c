//! What checks of indexes have in common: how often one is scanned, which other one serves instead, and the changes that remedies are.

use std::cmp::Reverse;

use jiff::SignedDuration;
use pgtailor_model::catalog::{Index, Table, TableKind};
use pgtailor_model::change::Change;
use pgtailor_model::index::{IndexDefinition, KeyPart};
use pgtailor_model::name::{printable, quote_identifier};
use pgtailor_model::snapshot::{NotExamined, Snapshot};
use pgtailor_model::unit::Bytes;

use crate::threshold::SMALL_INDEX_PAGES;
use crate::unexamined::unexamined;

/// The indexes that may be told about one by one: valid, and not a partition's part of another.
pub(crate) fn standing(snapshot: &Snapshot) -> impl Iterator<Item = (&Table, &Index)> {
    snapshot.catalog.indexes().filter(|(_, index)| index.valid && index.attached_to.is_none())
}

/// The index itself, or, of a partitioned table's, the indexes of partitions that hold entries.
pub(crate) fn parts<'s>(table: &Table, index: &'s Index, snapshot: &'s Snapshot) -> Vec<&'s Index> {
    if table.kind != TableKind::Partitioned {
        return vec![index];
    }
    // An index is attached to one of the table that its own is a partition of; most tables are passed over by that.
    let partitions = snapshot.catalog.tables.iter().filter(|other| other.partition_of == Some(table.oid));
    let attached = partitions.flat_map(|partition| partition.indexes.iter().map(move |part| (partition, part)));
    attached
        .filter(|(_, part)| part.attached_to == Some(index.oid))
        .flat_map(|(partition, part)| parts(partition, part, snapshot))
        .collect()
}

/// Scans of the index, with those of its parts; `None` when one is not counted.
pub(crate) fn scans(table: &Table, index: &Index, snapshot: &Snapshot) -> Option<u64> {
    let counted = |part: &Index| snapshot.activity.indexes.get(&part.oid).map(|activity| activity.scans);
    parts(table, index, snapshot).into_iter().map(counted).try_fold(0_u64, |sum, scans| Some(sum.saturating_add(scans?)))
}

/// Size of the index with its parts; `None` when one is not known.
pub(crate) fn size(table: &Table, index: &Index, snapshot: &Snapshot) -> Option<Bytes> {
    let mut sizes = parts(table, index, snapshot).into_iter().map(|part| part.size);
    sizes.try_fold(0_u64, |sum, size| Some(sum.saturating_add(size?.0))).map(Bytes)
}

/// Whether an index of this size is not worth a word about its space.
pub(crate) fn is_small(size: Option<Bytes>, snapshot: &Snapshot) -> bool {
    size.is_none_or(|size| size.0 < SMALL_INDEX_PAGES * u64::from(snapshot.server.block_size))
}

/// Whether another valid index of the table serves all that `index` serves, and is not the same.
pub(crate) fn is_served_by_wider(table: &Table, index: &Index) -> bool {
    table.indexes.iter().any(|other| other.oid != index.oid && serves_more(other, index))
}

/// Whether `wide` is valid, serves all that `narrow` serves, and is another definition.
pub(crate) fn serves_more(wide: &Index, narrow: &Index) -> bool {
    let (Some(one), Some(other)) = (&wide.definition, &narrow.definition) else { return false };
    wide.valid && one != other && one.serves_all_of(other)
}

/// Whether some other valid index of the table is the same.
pub(crate) fn has_twin(table: &Table, index: &Index) -> bool {
    let is_same = |other: &Index| other.oid != index.oid && other.valid && other.definition == index.definition;
    index.definition.is_some() && table.indexes.iter().any(is_same)
}

/// The index that is kept of the valid ones that are the same as `index`; `None` when it is the only one, or the one that is kept.
pub(crate) fn twin_to_keep<'s>(table: &'s Table, index: &Index, snapshot: &Snapshot) -> Option<&'s Index> {
    index.definition.as_ref()?;
    let alike = table.indexes.iter().filter(|other| other.valid && other.definition == index.definition);
    let best = alike.min_by_key(|one| {
        let scans = scans(table, one, snapshot).unwrap_or_default();
        // OIDs grow, so the smaller one is the older, unless they wrapped around.
        (one.constraint.is_none(), !(one.replica_identity || one.clustered || one.attached_to.is_some()), Reverse(scans), one.oid)
    })?;
    (best.oid != index.oid).then_some(best)
}

/// Whether `column` is anywhere in the index: a key, included, or named by an expression or the predicate.
pub(crate) fn contains(definition: &IndexDefinition, column: &str) -> bool {
    definition.include.contains(column)
        || definition.predicate.as_deref().is_some_and(|sql| mentions(sql, column))
        || definition.keys.iter().any(|key| match &key.part {
            KeyPart::Column(name) => name == column,
            KeyPart::Expression(sql) => mentions(sql, column),
        })
}

/// The column that leads the index; `None` for an expression.
pub(crate) fn leading_column(definition: &IndexDefinition) -> Option<&str> {
    match &definition.keys.first()?.part {
        KeyPart::Column(name) => Some(name),
        KeyPart::Expression(_) => None,
    }
}

/// The index with its schema, for a statement.
pub(crate) fn sql_name(table: &Table, index: &Index) -> String {
    printable(&format!("{}.{}", quote_identifier(&table.name.schema), quote_identifier(&index.name)))
}

/// The statement that a person drops the index with.
pub(crate) fn drop_statement(table: &Table, index: &Index) -> String {
    let concurrently = if table.kind == TableKind::Partitioned { "" } else { "CONCURRENTLY " };
    format!("DROP INDEX {concurrently}{}", sql_name(table, index))
}

/// Dropping the index; `None` where it has a duty, where PostgreSQL would lock everybody out, or where it could not be built again.
pub(crate) fn drop_change(table: &Table, index: &Index) -> Option<Change> {
    if index.duty().is_some() || table.kind == TableKind::Partitioned {
        return None;
    }
    Some(Change::DropIndex {
        table: table.name.clone(),
        table_oid: table.oid,
        name: index.name.clone(),
        index_oid: index.oid,
        definition: index.definition.clone()?,
        carries: index.carries.clone(),
    })
}

/// Building the index anew; `None` on a partitioned table, whose parts are rebuilt one by one.
pub(crate) fn rebuild_change(table: &Table, index: &Index) -> Option<Change> {
    if table.kind == TableKind::Partitioned {
        return None;
    }
    Some(Change::RebuildIndex {
        table: table.name.clone(),
        table_oid: table.oid,
        name: index.name.clone(),
        index_oid: index.oid,
        definition: index.definition.clone()?,
        size: index.size,
    })
}

/// How long the server has counted; `None` when that is not known.
pub(crate) fn counted_for(snapshot: &Snapshot) -> Option<SignedDuration> {
    Some(snapshot.captured_at.duration_since(snapshot.activity.since?).max(SignedDuration::ZERO))
}

/// One entry for indexes that could not be examined; nothing when there is none.
pub(crate) fn unexamined_indexes<'s>(indexes: impl IntoIterator<Item = &'s Index>, reason: &str) -> Option<NotExamined> {
    unexamined(indexes.into_iter().map(|index| printable(&index.name)), ("index", "indexes"), reason)
}

/// The indexes of no counter, as something that could not be examined.
pub(crate) fn without_scans(snapshot: &Snapshot) -> Option<NotExamined> {
    let has_entries = standing(snapshot).filter(|(table, _)| table.kind != TableKind::Partitioned);
    let uncounted = has_entries.filter(|(_, index)| !snapshot.activity.indexes.contains_key(&index.oid));
    unexamined_indexes(uncounted.map(|(_, index)| index), "no scans of them are counted")
}

fn mentions(sql: &str, column: &str) -> bool {
    sql.split(|letter: char| !letter.is_alphanumeric() && letter != '_').any(|word| word == column)
}
