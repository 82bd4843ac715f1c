//! Pages of a GiST index right after `CREATE INDEX`.
//!
//! Rows are inserted one by one, and what a full page is split into is the operator class's decision (`picksplit`), so there is no formula
//! for how full pages are. The shares here were measured on other data than the tests'; a share is within a fifth of the truth mostly.

use super::PredictedIndex;
use super::groups::strata;
use super::inputs::{IndexInputs, KeyInputs};
use super::layout::{LINE_POINTER, PAGE_HEADER, Values, entry_bytes};

/// `sizeof(GISTPageOpaqueData)` in `gist.h`, in bytes.
const SPECIAL: f64 = 16.0;

/// First server version that can sort before it builds (`gist_indexsortbuild` in `gistbuild.c`), where the class can.
const SORTS_SINCE: u32 = 140_000;
/// First server version that lets `picksplit` cut what was sorted, four pages at a time (`GIST_SORTED_BUILD_PAGE_NUM`).
const SPLITS_SORTED_SINCE: u32 = 150_000;
/// How full leaves are when a class sorts: 14 fills pages until nothing fits; later ones were measured (points: 0.66).
const SORTED_FILL: f64 = 0.97;
/// As above, from 15 on.
const SPLIT_SORTED_FILL: f64 = 0.66;

/// How full leaves are after insertions, by operator class, measured on 15 with 120,000 rows and more. Addresses were 0.57 when random and
/// 0.76 when most of their bits were alike.
const FILL: &[(&str, f64)] = &[
    ("range_ops", 0.43),
    ("multirange_ops", 0.43),
    ("box_ops", 0.48),
    ("point_ops", 0.60),
    ("inet_ops", 0.66),
    ("tsvector_ops", 0.80),
    ("gist_trgm_ops", 0.62),
];
/// For every other class: those of `btree_gist` were 0.58 and 0.62.
const OTHER_FILL: f64 = 0.60;

/// Pages; there is no metapage.
pub(super) fn predicted(inputs: &IndexInputs) -> PredictedIndex {
    let usable = inputs.block_size.as_f64() - PAGE_HEADER - SPECIAL;
    let per_page = usable * fill(inputs);
    let mut bytes = 0.0;
    for stratum in strata(inputs) {
        let parts = inputs.keys.iter().chain(&inputs.included).zip(&stratum.nulls);
        let present: Vec<Values> = parts.filter(|(_, is_null)| !**is_null).map(|(part, _)| stored(part)).collect();
        bytes += stratum.rows * (entry_bytes(&present, stratum.nulls.contains(&true)) + LINE_POINTER);
    }
    let keys: Vec<Values> = inputs.keys.iter().map(stored).collect();
    let fanout = (per_page / (entry_bytes(&keys, false) + LINE_POINTER)).floor().max(2.0);
    let mut level = (bytes / per_page).ceil().max(1.0);
    let (mut pages, mut levels) = (level, 0);
    while level > 1.0 {
        level = (level / fanout).ceil();
        pages += level;
        levels += 1;
    }
    PredictedIndex { levels, ..PredictedIndex::of_pages(pages) }
}

/// What a leaf keeps of a value: three bytes for each trigram after a length and a flag (`trgm_gist.c`), a four-byte hash for each lexeme
/// after the same two, aligned (`tsgistidx.c`); else the value.
fn stored(key: &KeyInputs) -> Values {
    match (&key.elements, key.operator_class.as_str()) {
        (Some(elements), "gist_trgm_ops") => Values::variable(5.0 + 3.0 * elements.per_row, 4),
        (Some(elements), "tsvector_ops") => Values::variable(8.0 + 4.0 * elements.per_row, 4),
        _ => key.values,
    }
}

fn fill(inputs: &IndexInputs) -> f64 {
    if inputs.server_version >= SORTS_SINCE && inputs.keys.iter().all(|key| key.sorted_build) {
        return if inputs.server_version >= SPLITS_SORTED_SINCE { SPLIT_SORTED_FILL } else { SORTED_FILL };
    }
    // The first key decides where a row goes, the others where pages are cut when the first do not differ.
    let of_key =
        |key: &KeyInputs| FILL.iter().find(|(name, _)| *name == key.operator_class).map_or(OTHER_FILL, |(_, fill)| *fill);
    inputs.keys.iter().map(of_key).sum::<f64>() / inputs.keys.iter().fold(0.0, |count, _| count + 1.0)
}
