//! Entries that nothing existing answers, beside one another.

use pgtailor_model::catalog::{Catalog, Table, TableKind};
use pgtailor_model::declared::{DeclaredIndex, Verdict};
use pgtailor_model::index::IndexDefinition;

/// An entry that no existing index is equal to or serves.
pub(super) struct Rival<'a> {
    /// Its position in the catalog.
    pub(super) position: usize,
    pub(super) entry: &'a DeclaredIndex,
    pub(super) table: &'a Table,
    pub(super) definition: IndexDefinition,
}

/// A verdict for each of `rivals`, in order.
///
/// Every verdict that names another entry names one that is missing and will be created: of the entries with a free name, those
/// that no other one beats. Beating is a strict order (see [`beats`]), so that two entries never point at each other.
pub(super) fn judge_rivals(rivals: &[Rival<'_>], entries: &[DeclaredIndex], catalog: &Catalog) -> Vec<Verdict> {
    let holders: Vec<Option<String>> = (0..rivals.len()).map(|one| holder_of_name(rivals, one, entries, catalog)).collect();
    let free: Vec<usize> = (0..rivals.len()).filter(|&one| holders[one].is_none()).collect();
    let created: Vec<usize> = free.iter().copied().filter(|&one| !free.iter().any(|&other| beats(rivals, other, one))).collect();
    (0..rivals.len())
        .map(|one| {
            if let Some(verdict) = best_server(rivals, &created, one) {
                return verdict;
            }
            holders[one].clone().map_or(Verdict::Missing, |by| Verdict::NameTaken { by })
        })
        .collect()
}

/// The verdict on an entry that one of `created` makes superfluous.
fn best_server(rivals: &[Rival<'_>], created: &[usize], one: usize) -> Option<Verdict> {
    let serving = created.iter().copied().filter(|&other| other != one && serves(rivals, other, one));
    // The widest; of two alike the earlier.
    let best = serving.min_by_key(|&other| {
        let definition = &rivals[other].definition;
        (std::cmp::Reverse((definition.keys.len(), definition.include.len())), other)
    });
    // A created entry whose equal is created is this one itself; one with a taken name may have a later equal.
    best.map(|other| {
        let (entry, definition) = (rivals[other].entry.name.clone(), &rivals[other].definition);
        if *definition == rivals[one].definition {
            Verdict::DuplicateOfEntry { entry }
        } else {
            Verdict::RedundantBesideEntry { entry, definition: definition.to_string() }
        }
    })
}

/// Whether `winner` makes `loser` superfluous and not the other way round; of two that serve each other, the earlier wins.
fn beats(rivals: &[Rival<'_>], winner: usize, loser: usize) -> bool {
    winner != loser && serves(rivals, winner, loser) && (winner < loser || !serves(rivals, loser, winner))
}

fn serves(rivals: &[Rival<'_>], one: usize, other: usize) -> bool {
    rivals[one].table.oid == rivals[other].table.oid && rivals[one].definition.serves_all_of(&rivals[other].definition)
}

/// Whether the index is declared on the partitioned `table` and waits for partitions, which is no fault: what is missing of it is built.
pub(super) fn is_half_built(table: &Table, name: &str, definition: &IndexDefinition) -> bool {
    let is_it = |found: &IndexDefinition| found.is_same_build(definition);
    let mut indexes = table.indexes.iter().filter(|index| index.name == name && !index.valid);
    table.kind == TableKind::Partitioned && indexes.any(|index| index.definition.as_ref().is_some_and(is_it))
}

/// What holds the name of an entry, as a noun: something that exists, or an earlier entry that is not the same.
///
/// The earlier entry holds it even if it is not created: otherwise the next run would decide differently.
fn holder_of_name(rivals: &[Rival<'_>], one: usize, entries: &[DeclaredIndex], catalog: &Catalog) -> Option<String> {
    let rival = &rivals[one];
    let (schema, name) = (&rival.entry.table.schema, &rival.entry.name);
    if catalog.has_relation(schema, name) && !is_half_built(rival.table, name, &rival.definition) {
        return Some(relation(schema, name, catalog));
    }
    let is_same = |position: usize| {
        let other = rivals[..one].iter().find(|other| other.position == position);
        other.is_some_and(|other| other.table.oid == rival.table.oid && other.definition == rival.definition)
    };
    let mut earlier = entries.iter().enumerate().take(rival.position);
    let holder = earlier.find(|(position, other)| other.name == *name && other.table.schema == *schema && !is_same(*position));
    holder.map(|(_, other)| format!("another entry of the catalog ({})", other.origin))
}

fn relation(schema: &str, name: &str, catalog: &Catalog) -> String {
    if let Some((table, index)) = catalog.indexes().find(|(table, index)| table.name.schema == schema && index.name == name) {
        return match &index.definition {
            Some(definition) => format!("an index on {} {definition}", table.name),
            None => format!("an index on {}", table.name),
        };
    }
    if catalog.tables.iter().any(|table| table.name.schema == schema && table.name.name == name) {
        return "a table".to_owned();
    }
    "another relation".to_owned()
}
