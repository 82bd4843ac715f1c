//! Any text at all: it is split, fingerprinted, normalized and understood, or skipped with a reason; nothing panics.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pgtailor_model::binding::Literal;
use pgtailor_model::catalog::{Catalog, Column, Table, View};
use pgtailor_model::name::{Oid, QualifiedName};
use pgtailor_model::unit::{Milliseconds, Pages, Rows};
use pgtailor_sql::{Collector, Kind, Observation, Values, split};

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    let columns = [
        ("id", "bigint"),
        ("name", "text"),
        ("email", "character varying(255)"),
        ("at", "timestamp with time zone"),
        ("doc", "jsonb"),
        ("tags", "text[]"),
        ("period", "tstzrange"),
        ("body", "tsvector"),
        ("place", "point"),
        ("is_on", "boolean"),
        ("n", "numeric(10,2)"),
    ];
    let table = |(number, name): (u32, &str)| Table {
        estimated_rows: Some(Rows(1000)),
        pages: Pages(10),
        columns: columns
            .iter()
            .zip(1..)
            .map(|((name, type_name), number)| Column::new(number, (*name).to_owned(), (*type_name).to_owned()))
            .collect(),
        ..Table::new(Oid(number), QualifiedName::new("public", name))
    };
    let view = View {
        name: QualifiedName::new("public", "v"),
        columns: vec!["id".to_owned(), "name".to_owned()],
        definition: Some(" SELECT t.id, t.name FROM public.t WHERE t.is_on;".to_owned()),
    };
    Catalog { tables: [(1, "t"), (2, "u")].into_iter().map(table).collect(), views: vec![view], ..Catalog::default() }
});

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let mut collector = Collector::default();
    collector.fill(|filling| {
        for statement in split(&text).statements {
            let values = || Some(vec![Some(Literal::new("1")); 3]);
            filling.add(
                Kind::Log,
                &Observation {
                    text: statement.text,
                    values: Values::Known(&values),
                    calls: 1,
                    total_time: Milliseconds(1.0),
                    rows: None,
                    planning_time: None,
                    wal: None,
                    tags: None,
                    place: &String::new,
                },
            );
        }
    });
    let workload = collector.understand(&CATALOG, &["public".to_owned()]);
    for query in &workload.queries {
        assert!(!query.shapes.is_empty());
        for binding in &query.bindings {
            assert_eq!(binding.values.len(), query.parameters.len());
        }
    }
});
