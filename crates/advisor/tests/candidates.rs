//! Properties of candidates, whatever the workload.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use pgtailor_advisor::candidate::{Context, MOST_PER_STATEMENT, Subject, propose};
use pgtailor_model::activity::Activity;
use pgtailor_model::catalog::{Catalog, Column, ColumnStatistics, Index, Table};
use pgtailor_model::index::{Direction, IndexDefinition, KeyPart, Nulls};
use pgtailor_model::name::{Oid, QualifiedName};
use pgtailor_model::shape::Subject as About;
use pgtailor_model::shape::{Comparison, Disjunction, Operand, OrderKey, Predicate, Service, Serving, Shape};
use pgtailor_model::snapshot::{Capabilities, SNAPSHOT_VERSION, Server, Snapshot};
use pgtailor_model::unit::{Pages, Rows};
use pgtailor_model::workload::{Query, Workload};
use proptest::prelude::*;

const TYPES: &[&str] =
    &["integer", "text", "boolean", "timestamp with time zone", "jsonb", "json", "character varying(40)", "uuid"];

/// A database of tables of eight columns, one of each of [`TYPES`], `c0` to `c7`.
fn database(tables: u32) -> Snapshot {
    let column = |(type_name, number): (&&str, i16)| Column {
        statistics: Some(ColumnStatistics {
            null_fraction: 0.1,
            average_width: 12,
            distinct: f64::from(number) * 10.0,
            ..ColumnStatistics::default()
        }),
        ..Column::new(number, format!("c{}", number - 1), *type_name)
    };
    let table = |number: u32| Table {
        pages: Pages(5_000),
        estimated_rows: Some(Rows(500_000)),
        columns: TYPES.iter().zip(1..).map(column).collect(),
        ..Table::new(Oid(number), QualifiedName::new("public", format!("t{number:04}")))
    };
    Snapshot {
        snapshot_version: SNAPSHOT_VERSION,
        captured_at: Timestamp::UNIX_EPOCH,
        server: Server {
            version: 150_018,
            version_text: "15.18".to_owned(),
            database: "shop".to_owned(),
            database_oid: 5,
            system_identifier: None,
            block_size: 8192,
            in_recovery: false,
            started_at: None,
        },
        capabilities: Capabilities {
            role: "app".to_owned(),
            superuser: false,
            create_in_database: true,
            read_all_stats: true,
            read_all_settings: true,
            create_in_schemas: Vec::new(),
            extensions: BTreeMap::new(),
            available_extensions: BTreeMap::new(),
        },
        settings: BTreeMap::new(),
        catalog: Catalog { tables: (1..=tables).map(table).collect(), ..Catalog::default() },
        activity: Activity::default(),
        planner: None,
        not_examined: Vec::new(),
    }
}

/// A valid index.
fn existing(oid: Oid, definition: IndexDefinition) -> Index {
    Index::new(oid, format!("i{oid}"), definition)
}

fn subject() -> impl Strategy<Value = About> {
    prop_oneof![
        6 => (0..TYPES.len()).prop_map(|column| About::Column(format!("c{column}"))),
        1 => Just(About::Expression { sql: "lower(c1)".to_owned(), columns: vec!["c1".to_owned()] }),
        1 => Just(About::Expression { sql: "c0::text".to_owned(), columns: vec!["c0".to_owned()] }),
        1 => Just(About::Expression { sql: "c4 ->> $1".to_owned(), columns: vec!["c4".to_owned()] }),
    ]
}

fn predicate() -> impl Strategy<Value = Predicate> {
    let comparison = prop::sample::select(vec![
        Comparison::Equal,
        Comparison::OneOf,
        Comparison::Null,
        Comparison::NotNull,
        Comparison::Range,
        Comparison::Prefix,
        Comparison::Join,
        Comparison::Containment,
        Comparison::Other,
    ]);
    let way = prop::sample::select(vec!["btree", "hash", "gin", "gist", "brin"]);
    (subject(), comparison, prop::collection::vec(way, 0..3), any::<bool>()).prop_map(
        |(subject, comparison, ways, is_boolean)| {
            let service = Service::By(ways.into_iter().map(Serving::of).collect());
            let operand = if is_boolean { Operand::Boolean(true) } else { Operand::Parameters(vec![1]) };
            Predicate { subject, comparison, operator: "=".to_owned(), operand, service }
        },
    )
}

fn shape(tables: u32) -> impl Strategy<Value = Shape> {
    let key = (subject(), any::<bool>(), any::<bool>()).prop_map(|(subject, descending, first)| OrderKey {
        subject,
        direction: if descending { Direction::Descending } else { Direction::Ascending },
        nulls: if first { Nulls::First } else { Nulls::Last },
        distance: None,
    });
    let branches = prop::collection::vec(prop::collection::vec(predicate(), 0..3), 2..4);
    (
        1..=tables,
        prop::collection::vec(predicate(), 0..6),
        prop::collection::vec(branches.prop_map(|branches| Disjunction { branches }), 0..2),
        prop::collection::vec(key, 0..3),
        prop::collection::vec(subject(), 0..3),
        prop::collection::btree_set(0..TYPES.len(), 0..6),
        any::<bool>(),
    )
        .prop_map(|(table, predicates, disjunctions, order_by, group_by, needed, limited)| Shape {
            predicates,
            disjunctions,
            order_by,
            group_by,
            limited,
            needed: needed.into_iter().map(|column| format!("c{column}")).collect(),
            ..Shape::of(Oid(table))
        })
}

fn workload(tables: u32) -> impl Strategy<Value = Workload> {
    prop::collection::vec(prop::collection::vec(shape(tables), 1..4), 1..8).prop_map(|statements| {
        let query = |shapes| Query { shapes, calls: 10, ..Query::default() };
        Workload { queries: statements.into_iter().map(query).collect(), ..Workload::default() }
    })
}

/// What is wrong with a definition over a table of [`database`].
fn fault(definition: &IndexDefinition, max_columns: usize) -> Option<&'static str> {
    let names: Vec<&str> = definition
        .keys
        .iter()
        .filter_map(|key| match &key.part {
            KeyPart::Column(name) => Some(name.as_str()),
            KeyPart::Expression(_) => None,
        })
        .collect();
    let parts: BTreeSet<&KeyPart> = definition.keys.iter().map(|key| &key.part).collect();
    let is_column =
        |name: &str| name.strip_prefix('c').and_then(|number| number.parse().ok()).is_some_and(|n: usize| n < TYPES.len());
    if definition.keys.is_empty() || definition.keys.len() > max_columns {
        return Some("the number of keys");
    }
    if parts.len() != definition.keys.len() {
        return Some("a key twice");
    }
    if !names.iter().all(|name| is_column(name)) || !definition.include.iter().all(|name| is_column(name)) {
        return Some("a column that is not there");
    }
    if definition.include.iter().any(|name| names.contains(&name.as_str())) {
        return Some("a key that is included");
    }
    let has_unknown = definition.keys.iter().any(|key| matches!(&key.part, KeyPart::Expression(sql) if sql.contains('$')));
    has_unknown.then_some("a constant that is not known")
}

fn reversed(definition: &IndexDefinition) -> IndexDefinition {
    let keys = definition.keys.iter().map(pgtailor_model::index::IndexKey::reversed).collect();
    IndexDefinition { keys, ..definition.clone() }
}

proptest! {
    #[test]
    fn every_candidate_can_be_made_once(workload in workload(3), max_columns in 1_usize..5) {
        let snapshot = database(3);
        let context = Context { snapshot: &snapshot, workload: &workload, max_columns };
        let candidates = propose(&context);
        for subject in candidates.proposed.keys() {
            let Subject::Index(index) = subject else { continue };
            prop_assert_eq!(fault(&index.definition, max_columns), None, "{}", index.definition);
            if index.definition.method == "btree" {
                let mut other = index.clone();
                other.definition = reversed(&index.definition);
                let is_twice = other.definition != index.definition && candidates.proposed.contains_key(&Subject::Index(other));
                prop_assert!(!is_twice, "{} is there in both directions", index.definition);
            }
        }
        for (subject, support) in &candidates.proposed {
            prop_assert!(!support.reasons.is_empty() && !support.queries.is_empty());
            prop_assert!(candidates.refused.iter().all(|refused| refused.subject != *subject), "proposed and refused");
        }
        for position in 0..workload.queries.len() {
            let of_query = candidates.proposed.values().filter(|support| support.queries.contains(&position)).count();
            prop_assert!(of_query <= MOST_PER_STATEMENT, "{} for one statement", of_query);
        }
        prop_assert_eq!(propose(&context), candidates);
    }

    #[test]
    fn what_exists_is_not_proposed_again(workload in workload(2)) {
        let mut snapshot = database(2);
        let first = propose(&Context { snapshot: &snapshot, workload: &workload, max_columns: 3 });
        let made: Vec<_> = first.proposed.keys().filter_map(|subject| match subject {
            Subject::Index(index) => Some(index.clone()),
            Subject::Statistics(_) => None,
        }).collect();
        for (index, number) in made.iter().zip(1..) {
            let table = snapshot.catalog.tables.iter_mut().find(|table| table.oid == index.table).expect("a table of the database");
            table.indexes.push(existing(Oid(10_000 + number), index.definition.clone()));
        }
        let second = propose(&Context { snapshot: &snapshot, workload: &workload, max_columns: 3 });
        for index in made {
            prop_assert!(!second.proposed.contains_key(&Subject::Index(index)));
        }
    }
}
