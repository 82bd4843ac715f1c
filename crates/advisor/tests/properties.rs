//! What holds for every catalog and every database.

mod support;

use pgtailor_advisor::catalog::{Canonical, judge, to_create};
use pgtailor_model::catalog::{Catalog, ConstraintKind};
use pgtailor_model::declared::{CatalogPolicy, DeclaredIndex, Judged, Verdict};
use pgtailor_model::index::{Direction, IndexDefinition};
use proptest::collection::vec;
use proptest::prelude::*;
use support::{catalog, constraint, declared, existing, invalid, table_named, with_index};

const NAMES: [&str; 6] = ["i", "j", "k", "l", "m", "n"];
const COLUMNS: [&str; 3] = ["a", "b", "c"];

prop_compose! {
    fn entry()(
        name in prop::sample::select(&NAMES[..]),
        keys in vec((prop::sample::select(&COLUMNS[..]), any::<bool>()), 1..4),
        include in prop::sample::subsequence(&COLUMNS[..], 0..2),
        unique in prop::bool::weighted(0.2),
        predicate in prop::option::weighted(0.2, Just("(b IS NULL)".to_owned())),
        other_table in prop::bool::weighted(0.1),
    ) -> DeclaredIndex {
        let columns: Vec<&str> = keys.iter().map(|(column, _)| *column).collect();
        let mut entry = declared(name, &columns);
        for (key, (_, descending)) in entry.keys.iter_mut().zip(&keys) {
            key.direction = if *descending { Direction::Descending } else { Direction::Ascending };
        }
        entry.include = include.iter().map(|column| (*column).to_owned()).collect();
        (entry.unique, entry.predicate) = (unique, predicate);
        if other_table {
            entry.table = table_named("u");
        }
        entry
    }
}

prop_compose! {
    fn database()(
        indexes in vec((entry(), 0..4_u8), 0..4),
    ) -> Catalog {
        indexes.iter().zip(["x1", "i", "x2", "j"]).fold(catalog(), |database, ((entry, kind), name)| {
            let definition = definition_of(entry);
            with_index(database, match kind {
                0 => invalid(existing(name, definition)),
                1 => constraint(name, ConstraintKind::Unique, IndexDefinition { unique: true, predicate: None, ..definition }),
                _ => existing(name, definition),
            })
        })
    }
}

fn definition_of(entry: &DeclaredIndex) -> IndexDefinition {
    let judged = judge(std::slice::from_ref(entry), &catalog(), &Canonical::new()).remove(0);
    judged.definition.expect("generated entries are possible")
}

/// The database after all of `created` were built.
fn after(database: &Catalog, created: &[&Judged]) -> Catalog {
    created.iter().fold(database.clone(), |mut database, one| {
        let index = existing(&one.entry.name, one.definition.clone().expect("it was resolved"));
        if one.entry.table == table_named("t") {
            return with_index(database, index);
        }
        database.relation_names.entry("public".to_owned()).or_default().push(index.name.clone());
        let table = database.tables.iter_mut().find(|table| table.name == one.entry.table).expect("it exists");
        table.indexes.push(index);
        database
    })
}

proptest! {
    #[test]
    fn judging_twice_gives_the_same(entries in vec(entry(), 0..8), database in database()) {
        prop_assert_eq!(judge(&entries, &database, &Canonical::new()), judge(&entries, &database, &Canonical::new()));
    }

    #[test]
    fn nothing_is_created_beside_what_serves_all_of_it(entries in vec(entry(), 0..8), database in database()) {
        let judged = judge(&entries, &database, &Canonical::new());
        let created = to_create(&judged, &database, CatalogPolicy::Useful);
        for (position, one) in created.iter().enumerate() {
            let definition = one.definition.as_ref().expect("it was resolved");
            for (other_position, other) in created.iter().enumerate() {
                let serves = other.definition.as_ref().is_some_and(|other| other.serves_all_of(definition));
                prop_assert!(position == other_position || one.entry.table != other.entry.table || !serves, "{one:?} beside {other:?}");
            }
            let table = database.table(&one.entry.table).expect("it exists");
            for index in table.indexes.iter().filter(|index| index.valid) {
                let serves = index.definition.as_ref().is_some_and(|other| other.serves_all_of(definition));
                prop_assert!(!serves, "{one:?} beside {index:?}");
            }
        }
    }

    #[test]
    fn what_is_missing_can_be_created(entries in vec(entry(), 0..8), database in database()) {
        let judged = judge(&entries, &database, &Canonical::new());
        let missing = judged.iter().filter(|one| one.verdict == Verdict::Missing).count();
        prop_assert_eq!(to_create(&judged, &database, CatalogPolicy::Useful).len(), missing);
    }

    #[test]
    fn a_verdict_on_another_entry_names_one_that_is_created(entries in vec(entry(), 0..8), database in database()) {
        let judged = judge(&entries, &database, &Canonical::new());
        for one in &judged {
            if let Verdict::DuplicateOfEntry { entry } | Verdict::RedundantBesideEntry { entry, .. } = &one.verdict {
                let definition = one.definition.as_ref().expect("it was resolved");
                prop_assert!(judged.iter().any(|other| {
                    let serves = other.definition.as_ref().is_some_and(|other| other.serves_all_of(definition));
                    other.entry.name == *entry && other.verdict == Verdict::Missing && serves && other.entry.table == one.entry.table
                }), "{one:?}");
            }
        }
    }

    #[test]
    fn a_second_run_has_nothing_to_create(entries in vec(entry(), 0..8), database in database()) {
        for policy in [CatalogPolicy::Useful, CatalogPolicy::All] {
            let judged = judge(&entries, &database, &Canonical::new());
            let then = after(&database, &to_create(&judged, &database, policy));
            let again = judge(&entries, &then, &Canonical::new());
            let created = to_create(&again, &then, policy);
            prop_assert!(created.is_empty(), "{policy:?}: {created:?}");
        }
    }
}
