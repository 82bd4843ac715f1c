//! What an index costs those who write.

use std::collections::BTreeMap;

use pgtailor_advisor::upkeep::{IndexSize, Rates, TableWrites, Update, upkeep};
use pgtailor_model::advice::Upkeep;
use pgtailor_model::index::IndexDefinition;
use pgtailor_model::unit::Bytes;

const SIZE: IndexSize = IndexSize { size: Bytes(40 << 20), rows: 1_000_000.0 };

/// A server with the settings that it is delivered with.
fn rates(window: Option<f64>) -> Rates {
    Rates::of(&BTreeMap::new(), 8_192, window)
}

fn of(definition: &IndexDefinition, writes: &TableWrites) -> Upkeep {
    upkeep(definition, SIZE, writes, &rates(None))
}

fn updates(columns: &[&str], rows: f64, is_hot_possible: bool) -> TableWrites {
    let columns = columns.iter().map(|column| (*column).to_owned()).collect();
    let updates = vec![Update { columns, rows, is_hot_possible }];
    TableWrites { updates, hot_share: 0.9, indexes: 4.0, ..TableWrites::default() }
}

#[test]
fn a_table_that_is_only_read_costs_nothing() {
    assert_eq!(of(&IndexDefinition::btree(["a"]), &TableWrites::default()), Upkeep::default());
}

#[test]
fn every_inserted_row_makes_an_entry() {
    let writes = TableWrites { inserted: 5_000.0, deleted: 100.0, ..TableWrites::default() };
    let once = of(&IndexDefinition::btree(["a"]), &writes);
    assert!((once.entries - 5_000.0).abs() < 1e-9 && once.hot_lost.is_empty(), "{once:?}");
    let twice = of(&IndexDefinition::btree(["a"]), &TableWrites { inserted: 10_000.0, ..writes });
    assert!(twice.cost > once.cost && twice.wal > once.wal);
}

#[test]
fn an_update_of_an_indexed_column_loses_its_hotness_in_every_index() {
    let lost = of(&IndexDefinition::btree(["a"]), &updates(&["a"], 1_000.0, true));
    // A new entry here for each, and for the nine tenths that were HOT one in each of the four others.
    assert!((lost.entries - (1_000.0 + 900.0 * 4.0)).abs() < 1e-6, "{lost:?}");
    assert_eq!(lost.hot_lost.len(), 1);
    assert!(lost.hot_lost[0].0 == "a" && (lost.hot_lost[0].1 - 900.0).abs() < 1e-6);
    let elsewhere = of(&IndexDefinition::btree(["a"]), &updates(&["b"], 1_000.0, true));
    assert!((elsewhere.entries - 100.0).abs() < 1e-6 && elsewhere.hot_lost.is_empty(), "{elsewhere:?}");
}

#[test]
fn what_is_not_hot_anyway_loses_nothing() {
    let update = of(&IndexDefinition::btree(["a"]), &updates(&["a"], 1_000.0, false));
    assert!((update.entries - 1_000.0).abs() < 1e-6 && update.hot_lost.is_empty(), "{update:?}");
}

#[test]
fn included_columns_expressions_and_predicates_count_like_keys() {
    let mut included = IndexDefinition::btree(["b"]);
    included.include.insert("a".to_owned());
    let mut partial = IndexDefinition::btree(["b"]);
    partial.predicate = Some("a IS NULL".to_owned());
    for definition in [included, partial] {
        assert_eq!(of(&definition, &updates(&["a"], 1_000.0, true)).hot_lost.len(), 1, "{definition}");
    }
}

#[test]
fn a_brin_index_keeps_updates_hot_and_costs_little() {
    let brin = IndexDefinition { method: "brin".to_owned(), ..IndexDefinition::btree(["a"]) };
    let writes = TableWrites { inserted: 100_000.0, ..TableWrites::default() };
    assert!(of(&brin, &writes).cost < 0.1 * of(&IndexDefinition::btree(["a"]), &writes).cost);
}

#[test]
fn the_log_a_day_follows_from_how_long_it_took() {
    let writes = TableWrites { inserted: 1_000.0, ..TableWrites::default() };
    let hour = upkeep(&IndexDefinition::btree(["a"]), SIZE, &writes, &rates(Some(3_600.0)));
    let day = hour.wal_a_day.expect("the window is known").as_f64();
    assert!((day / (24.0 * hour.wal.as_f64()) - 1.0).abs() < 0.01, "{hour:?}");
    assert_eq!(of(&IndexDefinition::btree(["a"]), &writes).wal_a_day, None);
}
