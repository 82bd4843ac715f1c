//! Pages of a BRIN index right after `CREATE INDEX`.

use pgtailor_model::unit::{Pages, count_as_f64, f64_as_count};

use super::PredictedIndex;
use super::inputs::{IndexInputs, KeyInputs};
use super::layout::{LINE_POINTER, PAGE_HEADER, Values, entry_bytes};

/// `BRIN_DEFAULT_PAGES_PER_RANGE` in `brin.h`.
const PAGES_PER_RANGE: u32 = 128;
/// `MAXALIGN(sizeof(BrinSpecialSpace))`, in bytes.
const SPECIAL: f64 = 8.0;
/// `sizeof(ItemPointerData)`, the entry of the range map (`REVMAP_PAGE_MAXITEMS` in `brin_page.h`), in bytes.
const MAP_ENTRY: f64 = 6.0;
/// `MINMAX_MULTI_DEFAULT_VALUES_PER_PAGE` in `brin_minmax_multi.c`: values that a summary keeps.
const VALUES_OF_MULTI: u32 = 32;
/// `BLOOM_DEFAULT_NDISTINCT_PER_RANGE` (a tenth of the rows) times the bits for one value at `BLOOM_DEFAULT_FALSE_POSITIVE_RATE`
/// (0.01: 9.6 bits), in bytes a row (`brin_bloom.c`).
const BLOOM_BYTES: f64 = 0.1 * 9.6 / 8.0;

/// Pages with the metapage and the range map.
pub(super) fn predicted(inputs: &IndexInputs) -> PredictedIndex {
    let page = inputs.block_size.as_f64();
    let pages_per_range = f64::from(inputs.storage.pages_per_range.unwrap_or(PAGES_PER_RANGE).max(1));
    let ranges = (count_as_f64(inputs.table_pages.0) / pages_per_range).ceil();
    let rows_in_range = inputs.table_rows.as_f64() / ranges.max(1.0);
    let summary: Vec<Values> = inputs.keys.iter().flat_map(|key| summary(key, rows_in_range)).collect();
    // `brin_form_tuple` in `brin_tuple.c`: five bytes and two bits a column, aligned: as much as an index entry's header.
    let usable = page - PAGE_HEADER - SPECIAL;
    let on_page = (usable / (entry_bytes(&summary, false) + LINE_POINTER)).floor().max(1.0);
    let map_pages = (ranges / (usable / MAP_ENTRY).floor()).ceil().max(1.0);
    let pages = 1.0 + map_pages + (ranges / on_page).ceil();
    PredictedIndex { range_map: Some(Pages(f64_as_count(map_pages))), ..PredictedIndex::of_pages(pages) }
}

/// What an operator class keeps of a range: smallest and largest value, or what holds all values, or a filter.
fn summary(key: &KeyInputs, rows_in_range: f64) -> Vec<Values> {
    let class = key.operator_class.as_str();
    if class.ends_with("bloom_ops") {
        vec![Values::variable((rows_in_range * BLOOM_BYTES).max(64.0), 4)]
    } else if class.ends_with("minmax_multi_ops") {
        vec![Values::variable(f64::from(VALUES_OF_MULTI) * key.values.width() + 24.0, 4)]
    } else if class.ends_with("inclusion_ops") {
        // The union and two flags (`brin_inclusion.c`).
        vec![key.values, Values::fixed(1, 1), Values::fixed(1, 1)]
    } else {
        vec![key.values; 2]
    }
}
