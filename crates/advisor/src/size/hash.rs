//! Pages of a hash index right after `CREATE INDEX`.
//!
//! Buckets are counted out in advance from the planner's rows of the *table* (`_hash_init` in `hashpage.c`), in steps; an entry is the same
//! size whatever is hashed. What does not fit a bucket's page goes to overflow pages: rows with equal values, mostly.

use super::PredictedIndex;
use super::groups::strata;
use super::inputs::IndexInputs;
use super::layout::{LINE_POINTER, PAGE_HEADER, free_share};

/// `MAXALIGN(sizeof(HashPageOpaqueData))` in `hash.h`, in bytes.
const SPECIAL: f64 = 16.0;
/// `MAXALIGN(sizeof(IndexTupleData)) + MAXALIGN(sizeof(uint32)) + sizeof(ItemIdData)`, as `_hash_init` reckons, in bytes.
const ENTRY: f64 = 8.0 + 8.0 + LINE_POINTER;
/// `HASH_DEFAULT_FILLFACTOR` in `hash.h`, in percent.
const FILLFACTOR: u32 = 75;
/// Up to 2^9 buckets are doubled at once, more in four steps (`HASH_SPLITPOINT_GROUPS_WITH_ONE_PHASE` in `hash.h`).
const DOUBLED_AT_ONCE: f64 = 512.0;
/// Steps of a later doubling (`HASH_SPLITPOINT_PHASES_PER_GRP`).
const STEPS: f64 = 4.0;
/// Overflow pages that one bitmap page tells of: a power of two of bytes (`hashm_bmsize` in `_hash_init_metabuffer`), eight each.
const BITMAP_SHARE: f64 = 0.5 * 8.0;

/// Pages with the metapage and the bitmap pages.
pub(super) fn predicted(inputs: &IndexInputs) -> PredictedIndex {
    let page = inputs.block_size.as_f64();
    let per_bucket = (page * (1.0 - free_share(inputs.storage.fillfactor, FILLFACTOR)) / ENTRY).floor().max(10.0);
    let strata = strata(inputs);
    let hashed: Vec<_> = strata.iter().filter(|stratum| !stratum.nulls.contains(&true)).collect();
    let rows: f64 = hashed.iter().map(|stratum| stratum.rows).sum();
    let first = allocated(inputs.table_rows.as_f64() / per_bucket);
    // More buckets than were there at first are added one by one while rows come in; their pages come in steps.
    let used = first.max((rows / per_bucket).floor());
    let buckets = allocated(used);
    let on_page = ((page - PAGE_HEADER - SPECIAL) / ENTRY).floor();
    let mut overflow = 0.0;
    let mut spread = Load::default();
    for stratum in hashed {
        let of_value = stratum.rows / stratum.groups.max(1.0);
        if of_value > on_page {
            // Such a value fills pages of its own, and what is left over shares a bucket.
            overflow += stratum.groups * (of_value / on_page).floor();
            spread.add(stratum.groups, of_value % on_page);
        } else {
            spread.add(stratum.groups, of_value);
        }
    }
    // Buckets that are not split yet hold twice as much as the others (`_hash_hashkey2bucket`).
    let whole = 2.0_f64.powf(used.log2().floor());
    let split = 2.0 * (used - whole);
    for (count, share) in [(split, 0.5 / whole), (used - split, 1.0 / whole)] {
        overflow += count * spread.overflow_pages(share, on_page);
    }
    let bitmaps = (overflow / (page * BITMAP_SHARE)).ceil().max(1.0);
    PredictedIndex::of_pages(1.0 + buckets + bitmaps + overflow.round())
}

/// Buckets whose pages exist when `wanted` are asked for (`_hash_spareindex` and `_hash_get_totalbuckets` in `hashutil.c`).
fn allocated(wanted: f64) -> f64 {
    let wanted = wanted.floor().max(2.0);
    let doubled = 2.0_f64.powf(wanted.log2().ceil());
    if doubled <= DOUBLED_AT_ONCE {
        return doubled;
    }
    let half = doubled / 2.0;
    half + ((wanted - half) / (half / STEPS)).ceil() * half / STEPS
}

/// Values that are spread over buckets at random: their rows, and the rows' variance per unit of share (compound Poisson).
#[derive(Default)]
struct Load {
    rows: f64,
    squares: f64,
}

impl Load {
    fn add(&mut self, values: f64, rows_each: f64) {
        self.rows += values * rows_each;
        self.squares += values * rows_each * rows_each.max(1.0);
    }

    /// Expected overflow pages of a bucket that gets this share of the values, its load taken as normally distributed.
    fn overflow_pages(&self, share: f64, on_page: f64) -> f64 {
        let (mean, deviation) = (self.rows * share, (self.squares * share).sqrt().max(1e-9));
        let exceeds = |pages: f64| 1.0 / (1.0 + (1.702 * (pages * on_page - mean) / deviation).exp());
        (1..=64).map(|pages| exceeds(f64::from(pages))).sum()
    }
}
