//! Predictions beside what PostgreSQL 15 built from rows with these very frequencies.
//!
//! The truth is what `pg_relation_size`, `bt_metap` and `gin_metapage_info` said of tables of generated rows: 120,000 for hash indexes,
//! 200,000 on 4,082 pages for the others.

use pgtailor_advisor::size::{
    AccessMethod, ElementInputs, FREQUENT, IndexInputs, KeyInputs, Occurrence, PredictedIndex, StorageParameters, Values, predict,
};
use pgtailor_model::unit::{Bytes, Pages, Rows, count_as_f64};
use proptest::prelude::*;

const ROWS: u64 = 200_000;

fn integers(distinct: f64) -> KeyInputs {
    KeyInputs {
        values: Values::fixed(4, 4),
        null_fraction: 0.0,
        nulls_kept: 0.0,
        distinct,
        common: Vec::new(),
        equal_is_bitwise: true,
        operator_class: "int4_ops".to_owned(),
        sorted_build: false,
        shared_prefix: 0.0,
        elements: None,
    }
}

fn index(method: AccessMethod, rows: u64, keys: Vec<KeyInputs>) -> IndexInputs {
    IndexInputs {
        method,
        server_version: 150_018,
        block_size: Bytes(8192),
        table_rows: Rows(rows),
        table_pages: Pages(4082),
        rows: Rows(rows),
        unique: false,
        storage: StorageParameters::default(),
        maintenance_memory: Bytes(64 * 1024 * 1024),
        keys,
        included: Vec::new(),
        joint_distinct: None,
    }
}

fn check(inputs: &IndexInputs, pages: u64, tolerance: f64) -> PredictedIndex {
    let predicted = predict(inputs);
    let factor = count_as_f64(predicted.pages.0) / count_as_f64(pages);
    assert!((1.0 / tolerance..=tolerance).contains(&factor), "{} pages, not {pages}, for {inputs:?}", predicted.pages.0);
    predicted
}

#[test]
fn a_hash_index_has_its_buckets_before_its_rows() {
    let hash = |distinct: f64| index(AccessMethod::Hash, 120_000, vec![integers(distinct)]);
    check(&hash(120_000.0), 514, 1.0);
    // Three values of 40,000 rows fill overflow pages of their own.
    check(&hash(3.0), 808, 1.01);
    // A predicate leaves fewer rows, but as many buckets: they are made for the table's.
    check(&IndexInputs { rows: Rows(100), ..hash(120_000.0) }, 514, 1.0);
}

#[test]
fn a_gin_index_has_its_rows_in_lists_or_in_trees() {
    for (distinct, pages, data_pages) in [(1.0, 30, 28), (10.0, 52, 50), (100.0, 102, 100), (1000.0, 127, 0), (10_000.0, 213, 0)]
    {
        let counters = check(&index(AccessMethod::Gin, ROWS, vec![integers(distinct)]), pages, 1.03).gin.expect("counted");
        assert_eq!(counters.data_pages, data_pages, "{distinct} keys");
        assert!((count_as_f64(counters.entries.cast_unsigned()) - distinct).abs() < 2.0, "{} keys", counters.entries);
        assert_eq!(counters.total_pages, 1 + counters.entry_pages + counters.data_pages);
    }
}

#[test]
fn a_gin_index_that_is_built_with_little_memory_is_not_as_empty() {
    let plenty = index(AccessMethod::Gin, ROWS, vec![integers(10_000.0)]);
    let scarce = IndexInputs { maintenance_memory: Bytes(1024 * 1024), ..plenty.clone() };
    assert!(predict(&scarce).pages < predict(&plenty).pages);
}

#[test]
fn a_btree_merges_what_is_equal_and_only_that() {
    let btree = |keys| index(AccessMethod::Btree, 120_000, keys);
    // Two values; three; 62,832 of 100,000 that were drawn 120,000 times; all different.
    assert_eq!(check(&btree(vec![integers(2.0)]), 103, 1.01).levels, 1);
    check(&btree(vec![integers(3.0)]), 103, 1.01);
    check(&btree(vec![integers(69_880.0)]), 281, 1.03);
    let different = check(&btree(vec![integers(120_000.0)]), 332, 1.01);
    for unmerged in [
        btree(vec![KeyInputs { equal_is_bitwise: false, ..integers(2.0) }]),
        IndexInputs { server_version: 120_000, ..btree(vec![integers(2.0)]) },
        IndexInputs { unique: true, ..btree(vec![integers(2.0)]) },
        IndexInputs {
            storage: StorageParameters { deduplicate_items: false, ..StorageParameters::default() },
            ..btree(vec![integers(2.0)])
        },
    ] {
        assert_eq!(predict(&unmerged).pages, different.pages, "{unmerged:?}");
    }
}

#[test]
fn nothing_is_as_large_as_its_metapage_and_no_higher() {
    let nothing = index(AccessMethod::Btree, 0, vec![integers(1.0)]);
    assert_eq!((predict(&nothing).pages, predict(&nothing).levels), (Pages(1), 0));
    for method in [AccessMethod::Hash, AccessMethod::Gin, AccessMethod::Gist, AccessMethod::Spgist, AccessMethod::Brin] {
        let nothing = IndexInputs { table_pages: Pages(0), ..index(method, 0, vec![integers(1.0)]) };
        assert!((1..=4).contains(&predict(&nothing).pages.0), "{method:?}: {:?}", predict(&nothing));
    }
}

#[test]
fn statistics_of_combinations_count_for_more_than_independence() {
    let independent = index(AccessMethod::Btree, ROWS, vec![integers(2000.0), integers(2000.0)]);
    let known = IndexInputs { joint_distinct: Some(2000.0), ..independent.clone() };
    assert!(predict(&known).pages.0 * 2 < predict(&independent).pages.0);
    assert_eq!(predict(&known).pages, predict(&index(AccessMethod::Btree, ROWS, vec![integers(2000.0)])).pages);
}

#[test]
fn a_predicate_on_nulls_leaves_every_value() {
    // One row in twenty has a value, each another: a partial index of these holds all of them.
    let rare = KeyInputs { null_fraction: 0.95, nulls_kept: 0.0, ..integers(10_000.0) };
    let partial = IndexInputs { rows: Rows(ROWS / 20), ..index(AccessMethod::Btree, ROWS, vec![rare]) };
    let alone = index(AccessMethod::Btree, ROWS / 20, vec![integers(10_000.0)]);
    assert_eq!(predict(&partial), predict(&alone));
}

#[test]
fn elements_are_counted_from_how_often_they_are_seen() {
    let values = Values::fixed(4, 4);
    let rows = Rows(100_000);
    let seen = |count: u32, each: u32| vec![Occurrence { weight: 0.01 * f64::from(each), values: each }; count as usize];
    // A hundred values with five elements each, all different: as many elements as there are occurrences.
    let unique = ElementInputs::from_sample(values, &seen(500, 1), rows);
    assert!((unique.others - 500_000.0).abs() < 1.0 && unique.common.is_empty(), "{unique:?}");
    assert!((unique.per_row - 5.0).abs() < 1e-9);
    // The same few in many values: nothing else is there.
    let few = ElementInputs::from_sample(values, &seen(10, 10 * FREQUENT), rows);
    assert_eq!((few.common.len(), few.others), (10, 0.0));
}

#[test]
fn a_list_that_holds_everything_is_not_continued() {
    let values = Values::fixed(4, 4);
    let all = ElementInputs::from_list(values, 5.0, vec![0.5; 10], &[], Rows(100_000));
    assert!(all.others < 1.0, "{all:?}");
    // By the law of Zipf that the list follows, hundreds of elements have the other half of the occurrences.
    let zipf: Vec<f64> = (1..=100).map(|rank| 0.5 / f64::from(rank)).collect();
    let listed: f64 = zipf.iter().sum();
    let half = ElementInputs::from_list(values, listed * 1.5, zipf, &[], Rows(100_000));
    assert!((1000.0..2000.0).contains(&half.others), "{half:?}");
}

const METHODS: [AccessMethod; 6] =
    [AccessMethod::Btree, AccessMethod::Hash, AccessMethod::Gin, AccessMethod::Gist, AccessMethod::Spgist, AccessMethod::Brin];

proptest! {
    /// Statistics are what they are: nothing divides by zero, nothing runs away, whatever they say.
    #[test]
    fn every_prediction_is_a_size(
        method in 0..METHODS.len(),
        rows in prop_oneof![Just(0_u64), Just(1), 2..1_000_000_000_u64],
        kept in 0.0..=1.0_f64,
        keys in prop::collection::vec((1.0..1000.0_f64, 0.0..=1.0_f64, 0.0..2e9_f64, prop::collection::vec(0.0..0.01_f64, 0..100)), 1..4),
    ) {
        let key = |(width, null_fraction, distinct, common): (f64, f64, f64, Vec<f64>)| KeyInputs {
            values: Values::variable(width, 4), null_fraction, nulls_kept: null_fraction, distinct, common, ..integers(1.0)
        };
        let bytes: f64 = keys.iter().map(|(width, ..)| width + 32.0).sum::<f64>() + 64.0;
        let inputs = index(METHODS[method], rows, keys.into_iter().map(key).collect());
        let held = count_as_f64(rows) * kept;
        let inputs = IndexInputs { rows: Rows(pgtailor_model::unit::f64_as_count(held)), ..inputs };
        let predicted = predict(&inputs);
        prop_assert!(predicted.pages.0 >= 1);
        prop_assert!(predicted.levels < 40);
        // Four times what the rows need on pages; a hash index has buckets for all rows of the table.
        prop_assert!(count_as_f64(predicted.pages.0) < 100.0 + 4.0 * count_as_f64(rows) * bytes / 8000.0, "{predicted:?}");
    }
}
