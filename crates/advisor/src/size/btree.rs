//! Pages and height of a B-tree right after `CREATE INDEX`.
//!
//! The build (`nbtsort.c`) fills pages left to right in key order and merges equal entries into posting lists (`nbtdedup.c`), so its
//! outcome follows from the number and width of entries and from how many are equal.

use std::collections::BTreeMap;

use pgtailor_model::unit::f64_as_count;

use super::PredictedIndex;
use super::groups::{Stratum, prefix_groups, share_alone, strata};
use super::inputs::IndexInputs;
use super::layout::{LINE_POINTER, PAGE_HEADER, Values, aligned_down, entry_bytes, free_share};

/// `MAXALIGN(sizeof(BTPageOpaqueData))` in `nbtree.h`, in bytes.
const SPECIAL: f64 = 16.0;
/// `BTREE_DEFAULT_FILLFACTOR` in `nbtree.h`, in percent.
const LEAF_FILLFACTOR: u32 = 90;
/// `BTREE_NONLEAF_FILLFACTOR` in `nbtree.h`, in percent.
const INNER_FILLFACTOR: u32 = 70;
/// `sizeof(ItemPointerData)`: one for each row of a posting list, in bytes.
const ROW_POINTER: f64 = 6.0;
/// `MAXALIGN(sizeof(ItemPointerData))`: what tells two equal keys apart in an inner page (`_bt_truncate` in `nbtutils.c`), in bytes.
const TIE_BREAKER: f64 = 8.0;
/// `MAXIMUM_ALIGNOF` on every 64-bit platform, in bytes.
const ALIGNMENT: f64 = 8.0;
/// Half of the padding to eight bytes.
const HALF_PADDING: f64 = 3.5;
/// Longest posting list of a build, as a share of a page: `_bt_load` in `nbtsort.c` limits it to a tenth, so that lists fill a page to its
/// fill factor. (Later insertions merge up to a sixth, half of `BTMaxItemSize`: `_bt_dedup_pass` in `nbtdedup.c`.)
const LONGEST_POSTING_LIST: f64 = 0.10;
/// First server version that merges equal entries.
const MERGES_SINCE: u32 = 130_000;

/// Pages with the metapage, and inner levels above the leaves.
pub(super) fn predicted(inputs: &IndexInputs) -> PredictedIndex {
    // `_bt_allequalimage` in `nbtutils.c`, and `_bt_load` in `nbtsort.c`: a unique index does not even merge its nulls.
    let merges = inputs.server_version >= MERGES_SINCE
        && !inputs.unique
        && inputs.storage.deduplicate_items
        && inputs.included.is_empty()
        && inputs.keys.iter().all(|key| key.equal_is_bitwise);
    let page = inputs.block_size.as_f64();
    let mut items = Items::default();
    for stratum in strata(inputs).iter().filter(|stratum| stratum.rows > 0.0) {
        items.add(stratum, entry(inputs, &stratum.nulls), merges, page);
    }
    if items.count() < 0.5 {
        return PredictedIndex::of_pages(1.0);
    }
    let free = free_share(inputs.storage.fillfactor, LEAF_FILLFACTOR);
    let leaves = items.pages(room(page, free), page - PAGE_HEADER - SPECIAL).ceil().max(1.0);
    let (inner, levels) = inner_pages(leaves, pivot_bytes(inputs, items.count()), page);
    PredictedIndex { levels, ..PredictedIndex::of_pages(1.0 + leaves + inner) }
}

/// Bytes of an entry whose parts are null where `nulls` says so.
fn entry(inputs: &IndexInputs, nulls: &[bool]) -> f64 {
    let parts = inputs.keys.iter().chain(&inputs.included).zip(nulls);
    let present: Vec<Values> = parts.filter(|(_, is_null)| !**is_null).map(|(part, _)| part.values).collect();
    entry_bytes(&present, nulls.contains(&true))
}

/// What stands on leaf pages: plain entries and posting lists.
#[derive(Default)]
struct Items {
    kinds: Vec<Kind>,
}

/// Items of one size.
#[derive(Clone, Copy)]
struct Kind {
    count: f64,
    /// With the line pointer.
    size: f64,
    /// What is left of one as a high key: a posting list is cut off then. With the line pointer.
    as_high_key: f64,
    /// Whether every one has this size, or just their mean.
    exact: bool,
}

impl Items {
    /// Adds the entries of a stratum.
    ///
    /// A key has `rows / groups` rows on average; their number is taken as Poisson distributed, which tells how many keys stand alone
    /// and stay plain entries. Others become posting lists: the entry, then six bytes a row, cut at the longest.
    fn add(&mut self, stratum: &Stratum, entry: f64, merges: bool, page: f64) {
        let plain =
            |count: f64| Kind { count, size: entry + LINE_POINTER, as_high_key: entry + LINE_POINTER, exact: is_aligned(entry) };
        // `maxpostingsize` of `_bt_load`; a list is padded before it is compared with that.
        let longest = aligned_down(aligned_down(page * LONGEST_POSTING_LIST) - LINE_POINTER);
        let rows_in_longest = ((longest - entry) / ROW_POINTER).floor();
        let single_groups = stratum.groups * share_alone(stratum.rows / stratum.groups.max(1e-9));
        let (groups, rows) = (stratum.groups - single_groups, stratum.rows - single_groups);
        if !merges || rows_in_longest < 2.0 || groups < 1e-9 || rows <= groups {
            return self.kinds.push(plain(stratum.rows));
        }
        self.kinds.push(plain(single_groups));
        let (full, rest) = lists(rows / groups, rows_in_longest);
        let full_size = aligned_down(entry + ROW_POINTER * rows_in_longest + ALIGNMENT - 1.0).min(longest);
        let list = |count: f64, size: f64, exact: bool| Kind {
            count,
            size: size + LINE_POINTER,
            as_high_key: entry + LINE_POINTER,
            exact,
        };
        self.kinds.push(list(groups * full, full_size, is_aligned(entry)));
        if rest > 1.0 {
            self.kinds.push(list(groups, (entry + ROW_POINTER * rest + HALF_PADDING).min(longest), false));
        } else if rest > 0.0 {
            self.kinds.push(plain(groups * rest));
        }
    }

    fn count(&self) -> f64 {
        self.kinds.iter().map(|kind| kind.count).sum()
    }

    /// Pages that the items fill.
    ///
    /// `_bt_buildadd` in `nbtsort.c` adds items until the free space is below the fill factor's share, counting a posting list that is last
    /// as cut off, then moves the last one to the next page and keeps its key as the high key. Items of one size, as most are mostly, end
    /// every page at the same place; others end half an item later than the least on average.
    fn pages(&self, room: f64, usable: f64) -> f64 {
        let bytes: f64 = self.kinds.iter().map(|kind| kind.count * kind.size).sum();
        let mut of_size: BTreeMap<u64, (f64, Kind)> = BTreeMap::new();
        for kind in self.kinds.iter().filter(|kind| kind.exact) {
            of_size.entry(f64_as_count(kind.size)).or_insert((0.0, *kind)).0 += kind.count * kind.size;
        }
        let most = of_size.into_values().max_by(|one, other| one.0.total_cmp(&other.0));
        let mean = |part: fn(&Kind) -> f64| self.kinds.iter().map(|kind| kind.count * part(kind)).sum::<f64>() / self.count();
        let (size, high_key) = (mean(|kind| kind.size), mean(|kind| kind.as_high_key));
        let mixed = (room - high_key + size / 2.0).min(usable - high_key).max(size);
        let (share, alike) = most.map_or((0.0, mixed), |(of_most, kind)| {
            let fitting = ((usable - kind.as_high_key) / kind.size).floor();
            let items = (((room - kind.as_high_key) / kind.size).floor() + 1.0).min(fitting).max(1.0);
            (of_most / bytes, items * kind.size)
        });
        bytes / (share * alike + (1.0 - share) * mixed)
    }
}

/// Full posting lists of a key with `rows` rows on average, and the rows that are left over.
///
/// Where there is more than one list the number of rows is spread so widely that what is left over is anything from nothing to a list.
fn lists(rows: f64, rows_in_longest: f64) -> (f64, f64) {
    let full = if rows < 2.0 * rows_in_longest { (rows / rows_in_longest).floor() } else { rows / rows_in_longest - 0.5 };
    (full, rows - full * rows_in_longest)
}

fn is_aligned(bytes: f64) -> bool {
    (bytes - aligned_down(bytes)).abs() < 1e-6
}

/// Bytes of a page that are used before the free space is below `free`.
fn room(page: f64, free: f64) -> f64 {
    // The slot of the high key is there from the beginning, and `PageGetFreeSpace` leaves room for one more.
    page - PAGE_HEADER - SPECIAL - 2.0 * LINE_POINTER - (page * free).floor()
}

/// Mean bytes of an inner page's entry: as many keys as are needed to tell two neighbours on leaves apart (`_bt_truncate`).
fn pivot_bytes(inputs: &IndexInputs, items: f64) -> f64 {
    let keys: Vec<Values> = inputs.keys.iter().map(|key| key.values).collect();
    let (mut bytes, mut told_apart) = (0.0, 0.0_f64);
    for count in 1..=keys.len() {
        let now = (prefix_groups(inputs, count) / items).clamp(told_apart, 1.0);
        bytes += (now - told_apart) * entry_bytes(&keys[..count], false);
        told_apart = now;
    }
    bytes + (1.0 - told_apart) * (entry_bytes(&keys, false) + TIE_BREAKER)
}

/// Pages of inner levels, and how many levels there are.
fn inner_pages(leaves: f64, pivot: f64, page: f64) -> (f64, u32) {
    let room = room(page, free_share(None, INNER_FILLFACTOR));
    // At least two, or the tree would never end; the server's largest entry is a third of a page.
    let fanout = (room / (pivot + LINE_POINTER)).floor().max(2.0);
    let (mut total, mut level, mut levels) = (0.0, leaves, 0);
    while level > 1.0 {
        level = (level / fanout).ceil();
        total += level;
        levels += 1;
    }
    (total, levels)
}
