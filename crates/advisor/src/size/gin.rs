//! Pages and counters of a GIN index right after `CREATE INDEX`.
//!
//! One entry for each different key, with the list of its rows beside it as long as that is short (`GinFormTuple` in `ginentrypage.c`),
//! in a tree of its own when not (`createPostingTree` in `gindatapage.c`). Entries come in key order and pages are split in halves, so
//! that a build leaves the pages of entries half empty, unless it has to begin again from memory that is full.
//!
//! Rows are taken to hold their keys independently of where they are: where neighbours share keys the lists are shorter.

use pgtailor_model::planner::GinCounters;
use pgtailor_model::unit::{count_as_f64, f64_as_count};

use super::PredictedIndex;
use super::groups::strata;
use super::inputs::{IndexInputs, KeyInputs};
use super::layout::{LINE_POINTER, PAGE_HEADER, Values, aligned_down, entry_bytes};

/// `MAXALIGN(sizeof(GinPageOpaqueData))` in `ginblock.h`, in bytes.
const SPECIAL: f64 = 8.0;
/// `MAXALIGN(sizeof(ItemPointerData))`: the right bound of a page of a posting tree (`GinDataPageMaxDataSize`), in bytes.
const RIGHT_BOUND: f64 = 8.0;
/// First row and length of a compressed list (`GinPostingList`), in bytes.
const LIST_HEADER: f64 = 8.0;
/// `GinPostingListSegmentTargetSize` in `gindatapage.c`: lists in posting trees are cut into pieces of this size, in bytes.
const SEGMENT: f64 = 256.0;
/// `sizeof(PostingItem)`: an entry of an inner page of a posting tree, in bytes.
const DOWN_LINK: f64 = 10.0;
/// Memory of a key that waits to be written (`GinEntryAccumulator` in `gin_private.h` with the allocator's header), in bytes.
const WAITING_KEY: f64 = 72.0;
/// Memory of a row that waits: six bytes, in lists that are doubled when full (`ginCombineData` in `ginbulk.c`), in bytes.
const WAITING_ROW: f64 = 6.0 * 1.5;
/// Filling of pages that were split at random places: the logarithm of two (Yao 1978).
const RANDOM_FILL: f64 = std::f64::consts::LN_2;

/// Keys of about one frequency.
struct Kind {
    keys: f64,
    rows_each: f64,
    /// Bytes of the key in an entry, header included.
    entry: f64,
}

/// Pages with the metapage, and what the metapage counts.
pub(super) fn predicted(inputs: &IndexInputs) -> PredictedIndex {
    let page = inputs.block_size.as_f64();
    let kinds: Vec<Kind> = inputs.keys.iter().flat_map(|key| kinds(key, inputs)).filter(|kind| kind.keys > 0.0).collect();
    // `GinMaxItemSize` in `ginblock.h`: three entries on a page.
    let longest = aligned_down((page - 40.0 - SPECIAL) / 3.0);
    let rows_on_page = inputs.table_rows.as_f64() / count_as_f64(inputs.table_pages.0.max(1));
    let (mut entries, mut bytes, mut squares, mut data_pages, mut memory) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for kind in &kinds {
        let each = row_bytes(kind.rows_each / inputs.table_rows.as_f64().max(1.0), rows_on_page);
        let list = LIST_HEADER + (kind.rows_each - 1.0).max(0.0) * each;
        let item = if kind.entry + list <= longest {
            padded(even(kind.entry) + list, kind.rows_each > 1.0)
        } else {
            data_pages += kind.keys * posting_tree(kind.rows_each, each, page);
            kind.entry
        } + LINE_POINTER;
        entries += kind.keys;
        bytes += kind.keys * item;
        squares += kind.keys * item * item;
        memory += kind.keys * (WAITING_KEY + kind.entry) + kind.keys * kind.rows_each * WAITING_ROW;
    }
    let usable = page - PAGE_HEADER - SPECIAL;
    let fill =
        |item: f64| if memory > inputs.maintenance_memory.as_f64() { usable * RANDOM_FILL } else { left_half(usable, item) };
    let leaves = if bytes > 0.0 { (bytes / fill(squares / bytes)).ceil().max(1.0) } else { 1.0 };
    // An inner page's entry is the key with its child's number instead of rows.
    let key = kinds.iter().map(|kind| kind.keys * kind.entry).sum::<f64>() / entries.max(1.0) + LINE_POINTER;
    let (mut entry_pages, mut level) = (leaves, leaves);
    while level > 1.0 {
        level = (level * key.max(12.0) / fill(key)).ceil();
        entry_pages += level;
    }
    let data_pages = data_pages.round();
    let counted = |value: f64| u32::try_from(f64_as_count(value)).unwrap_or(u32::MAX);
    let counters = GinCounters {
        total_pages: counted(1.0 + entry_pages + data_pages),
        entry_pages: counted(entry_pages),
        data_pages: counted(data_pages),
        entries: i64::try_from(f64_as_count(entries)).unwrap_or(i64::MAX),
        pending_pages: 0,
    };
    PredictedIndex { gin: Some(counters), ..PredictedIndex::of_pages(1.0 + entry_pages + data_pages) }
}

/// The keys of one key part. Rows without any key have an entry together, as nulls have.
fn kinds(key: &KeyInputs, inputs: &IndexInputs) -> Vec<Kind> {
    let rows = inputs.rows.as_f64();
    let several = inputs.keys.len() > 1;
    let with_number = |values: Values| {
        // With several key parts an entry begins with the part's number (`GinFormTuple`).
        let number = several.then(|| Values::fixed(2, 2));
        entry_bytes(number.iter().chain([&values]), false)
    };
    let mut kinds = vec![Kind { keys: f64::from(key.nulls_kept > 0.0), rows_each: rows * key.nulls_kept, entry: 16.0 }];
    let Some(elements) = &key.elements else {
        // Plain values, as the classes of `btree_gin` index them.
        let alone = IndexInputs { keys: vec![key.clone()], included: Vec::new(), joint_distinct: None, ..inputs.clone() };
        let entry = with_number(key.values);
        let values = strata(&alone).into_iter().filter(|stratum| !stratum.nulls.contains(&true));
        kinds.extend(values.map(|value| Kind { keys: value.groups, rows_each: value.rows / value.groups.max(1.0), entry }));
        return kinds;
    };
    let present = rows * (1.0 - key.nulls_kept);
    let entry = with_number(elements.values);
    let listed: f64 = elements.common.iter().sum();
    kinds.extend(elements.common.iter().map(|share| Kind { keys: 1.0, rows_each: (share * present).max(1.0), entry }));
    let rest = (elements.per_row - listed).max(0.0) * present;
    let others = elements.others.min(rest);
    kinds.push(Kind { keys: others, rows_each: rest / others.max(1e-9), entry });
    kinds
}

/// Mean bytes of a row after the first in a compressed list: the distance to the one before, seven bits a byte (`encode_varbyte` in
/// `ginpostinglist.c`), where a page counts 2^11.
fn row_bytes(density: f64, rows_on_page: f64) -> f64 {
    let density = density.clamp(1e-12, 1.0);
    let on_page = 1.0 - (1.0 - density).powf(rows_on_page);
    // Of the rows in the list, how many are the first of their page.
    let first = (on_page / (rows_on_page * density)).clamp(0.0, 1.0);
    let farther = |pages: f64| (1.0 - on_page).powf(pages);
    // Distances to another page: 2^14 is up to eight pages away, 2^21 1024 pages, 2^28 131,072.
    let to_other = 2.0 + farther(7.5) + farther(1023.5) + farther(131_071.5);
    let within = if density < 1.0 / 128.0 && rows_on_page > 128.0 { 1.5 } else { 1.0 };
    first * to_other + (1.0 - first) * within
}

/// Pages of the tree for a list of `rows` rows; a build fills them one behind the other (`dataBeginPlaceToPageLeaf` in `gindatapage.c`).
fn posting_tree(rows: f64, each: f64, page: f64) -> f64 {
    let usable = page - PAGE_HEADER - SPECIAL - RIGHT_BOUND;
    let in_segment = 1.0 + ((SEGMENT - LIST_HEADER - 1.0) / each).floor();
    let leaves = (rows / (in_segment * (usable / SEGMENT).floor())).ceil().max(1.0);
    let (mut total, mut level) = (leaves, leaves);
    while level > 1.0 {
        level = (level * DOWN_LINK / usable).ceil();
        total += level;
    }
    total
}

/// Bytes that stay on a page of entries of `item` bytes when a full one is split and nothing comes to its left half any more:
/// `entrySplitPage` in `ginentrypage.c` goes on until more than half is there.
fn left_half(usable: f64, item: f64) -> f64 {
    let on_full = (usable / item).floor().max(1.0);
    (f64::midpoint(on_full, 1.0).floor() + 1.0).min(on_full) * item
}

/// `SHORTALIGN`, of a mean: entries are already padded.
fn even(bytes: f64) -> f64 {
    (bytes / 2.0).ceil() * 2.0
}

/// The final alignment to eight bytes: exact for one size, half of the padding when lists differ.
fn padded(bytes: f64, differs: bool) -> f64 {
    if differs { bytes + 3.5 } else { (bytes / 8.0).ceil() * 8.0 }
}
