//! A verdict for every declared entry.
//!
//! In this order, the first that holds: mistakes of the entry itself, an equal index that exists, a constraint's index, an existing
//! wider index, indexes that could not be read, other entries, a taken name, missing.

use std::collections::BTreeSet;

use pgtailor_model::catalog::{Catalog, Index, Table, TableKind};
use pgtailor_model::declared::{CatalogPolicy, DeclaredIndex, Judged, Verdict};
use pgtailor_model::index::{IndexDefinition, KeyPart};

use super::canonical::Canonical;
use super::resolve::resolve;
use super::rivals::{Rival, is_half_built, judge_rivals};

/// What each of `entries` is beside `catalog` and the other entries, in the order of `entries`.
///
/// Expressions and predicates are compared as `canonical` writes them, on both sides.
pub fn judge(entries: &[DeclaredIndex], catalog: &Catalog, canonical: &Canonical) -> Vec<Judged> {
    let mut judged: Vec<Option<Judged>> = Vec::with_capacity(entries.len());
    // Entries that nothing existing answers are rivals of one another.
    let mut rivals: Vec<Rival<'_>> = Vec::new();
    for (position, entry) in entries.iter().enumerate() {
        let done = |table: Option<&Table>, definition: Option<IndexDefinition>, verdict| {
            let definition = definition.map(|definition| as_written(definition, entry));
            Some(Judged { entry: entry.clone(), table_oid: table.map(|table| table.oid), definition, verdict })
        };
        let (table, definition) = match resolve(entry, catalog, canonical) {
            Ok(resolved) => resolved,
            Err(mistake) => {
                judged.push(done(catalog.table(&entry.table), None, mistake));
                continue;
            }
        };
        if let Some(verdict) = beside_existing(&definition, table, canonical) {
            judged.push(done(Some(table), Some(definition), verdict));
        } else {
            judged.push(None);
            rivals.push(Rival { position, entry, table, definition });
        }
    }
    let verdicts = judge_rivals(&rivals, entries, catalog);
    for (rival, verdict) in rivals.into_iter().zip(verdicts) {
        judged[rival.position] = Some(Judged {
            entry: rival.entry.clone(),
            table_oid: Some(rival.table.oid),
            definition: Some(as_written(rival.definition, rival.entry)),
            verdict,
        });
    }
    judged.into_iter().flatten().collect()
}

/// The entries that `policy` creates and whose names are free, in order.
///
/// A verdict tells what an entry is, not whether its name is free: an entry may be redundant *and* carry a name that something else
/// has. [`CatalogPolicy::All`] would create it, and the server would refuse.
pub fn to_create<'a>(judged: &'a [Judged], catalog: &Catalog, policy: CatalogPolicy) -> Vec<&'a Judged> {
    let mut taken = BTreeSet::new();
    let wanted = judged.iter().filter(|one| one.verdict.creates(policy));
    wanted
        .filter(|one| {
            let (schema, name) = (one.entry.table.schema.as_str(), one.entry.name.as_str());
            (!catalog.has_relation(schema, name) || is_completed(one, catalog)) && taken.insert((schema, name))
        })
        .collect()
}

/// Whether the entry's name is that of its own index, of which partitions miss their part.
fn is_completed(judged: &Judged, catalog: &Catalog) -> bool {
    let table = judged.table_oid.and_then(|oid| catalog.table_by_oid(oid));
    table.zip(judged.definition.as_ref()).is_some_and(|(table, definition)| is_half_built(table, &judged.entry.name, definition))
}

fn beside_existing(declared: &IndexDefinition, table: &Table, canonical: &Canonical) -> Option<Verdict> {
    let existing: Vec<(&Index, IndexDefinition)> = table
        .indexes
        .iter()
        .filter(|index| index.live)
        .filter_map(|index| Some((index, canonical.definition(&table.name, index.definition.as_ref()?))))
        .collect();
    let usable = |index: &Index| index.valid && index.ready;
    let equal = |found: &&(&Index, IndexDefinition)| found.0.constraint.is_none() && found.1 == *declared;

    if let Some((index, _)) = existing.iter().filter(equal).find(|(index, _)| usable(index)) {
        return Some(Verdict::Present { index: index.name.clone() });
    }
    // The index of a partitioned table is invalid while partitions are without theirs, which is no fault: it is completed.
    if let Some((index, _)) = existing.iter().find(equal).filter(|_| table.kind != TableKind::Partitioned) {
        return Some(Verdict::PresentInvalid { index: index.name.clone() });
    }
    // A constraint's index first, since it stays whatever else is dropped; then the narrowest, since it costs least to read instead.
    let serving = existing
        .iter()
        .filter(|(index, found)| usable(index) && (found.serves_all_of(declared) || enforces_more(found, declared)))
        .min_by_key(|(index, found)| (index.constraint.is_none(), found.keys.len(), found.include.len(), &index.name));
    match serving {
        Some((Index { constraint: Some(constraint), .. }, found)) => Some(Verdict::DuplicateOfConstraint {
            constraint: constraint.name.clone(),
            kind: constraint.kind.sql().to_owned(),
            definition: found.to_string(),
        }),
        Some((index, found)) => Some(Verdict::RedundantBesideIndex { index: index.name.clone(), definition: found.to_string() }),
        None => table.indexes.iter().find(|index| index.live && index.definition.is_none()).map(|index| Verdict::NotExamined {
            reason: format!("index `{}` of `{}` could not be read, and it may be the same", index.name, table.name),
        }),
    }
}

/// Whether `found` is the same unique index, only that it refuses a second null as well.
fn enforces_more(found: &IndexDefinition, declared: &IndexDefinition) -> bool {
    declared.unique && found.nulls_not_distinct && IndexDefinition { nulls_not_distinct: false, ..found.clone() } == *declared
}

/// The definition with expressions and predicate as the person wrote them: the canonical spelling is for comparing only, because the planner
/// simplifies what it shows.
fn as_written(mut definition: IndexDefinition, entry: &DeclaredIndex) -> IndexDefinition {
    for (key, declared) in definition.keys.iter_mut().zip(&entry.keys) {
        if let (KeyPart::Expression(text), KeyPart::Expression(written)) = (&mut key.part, &declared.part) {
            text.clone_from(written);
        }
    }
    definition.predicate.clone_from(&entry.predicate);
    definition
}
