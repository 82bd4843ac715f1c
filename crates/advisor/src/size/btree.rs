//! Pages of a B-tree right after `CREATE INDEX`.
//!
//! The build (`nbtsort.c`) fills pages left to right in key order and merges equal entries into posting lists (`nbtdedup.c`), so its
//! outcome follows from the number and width of entries and from how many are equal.

use pgtailor_model::catalog::{Column, ColumnStatistics, Table};
use pgtailor_model::index::{IndexDefinition, KeyPart};
use pgtailor_model::snapshot::Server;

use super::layout::{Values, can_be_merged, entry_bytes};
use super::rows::{NullTest, estimated_rows, null_test};

/// `SizeOfPageHeaderData` in `bufpage.h`, in bytes.
const PAGE_HEADER: f64 = 24.0;
/// `MAXALIGN(sizeof(BTPageOpaqueData))` in `nbtree.h`, in bytes.
const SPECIAL: f64 = 16.0;
/// `sizeof(ItemIdData)` in `itemid.h`, in bytes; one for each entry of a page, and one for its high key.
const LINE_POINTER: f64 = 4.0;
/// Share of a leaf page that the build leaves free: 100 - `BTREE_DEFAULT_FILLFACTOR` in `nbtree.h`.
const LEAF_FREE: f64 = 0.10;
/// Share of an inner page that the build leaves free: 100 - `BTREE_NONLEAF_FILLFACTOR` in `nbtree.h`.
const INNER_FREE: f64 = 0.30;
/// `sizeof(ItemPointerData)`: one for each row of a posting list, in bytes.
const ROW_POINTER: f64 = 6.0;
/// `MAXIMUM_ALIGNOF` on every 64-bit platform, in bytes.
const ALIGNMENT: f64 = 8.0;
/// Longest posting list of a build, as a share of a page: `_bt_load` in `nbtsort.c` limits it to a tenth, so that lists fill a page to its
/// fill factor. (Later insertions merge up to a sixth, half of `BTMaxItemSize`: `_bt_dedup_pass` in `nbtdedup.c`.)
const LONGEST_POSTING_LIST: f64 = 0.10;
/// First server version that merges equal entries.
const MERGES_SINCE: u32 = 130_000;
/// Columns with some nulls whose combinations are told apart; 2^8 is enough of them.
const MOST_NULLABLE: usize = 8;

/// Pages of the index, the metapage included; `None` when a key is an expression, statistics are missing or the predicate's
/// selectivity is not known.
pub(super) fn pages(definition: &IndexDefinition, table: &Table, server: &Server) -> Option<f64> {
    let keys: Option<Vec<&str>> = definition
        .keys
        .iter()
        .map(|key| match &key.part {
            KeyPart::Column(name) => Some(name.as_str()),
            KeyPart::Expression(_) => None,
        })
        .collect();
    let keys = keys?;
    let included = definition.include.iter().map(String::as_str);
    let mut rows = estimated_rows(table, server)?;
    let rows_then = table.estimated_rows?.as_f64();
    let part = |name| Part::of(table.column(name)?, rows_then, rows);
    let mut parts = keys.iter().copied().chain(included).map(part).collect::<Option<Vec<_>>>()?;
    if let Some(predicate) = &definition.predicate {
        rows *= restrict(predicate, table, &mut parts)?;
    }
    // A nondeterministic collation forbids merging, too, but it is rare and not in the catalog's columns.
    let merges = server.version >= MERGES_SINCE
        && !definition.unique
        && definition.include.is_empty()
        && parts.iter().all(|part| can_be_merged(part.column));
    let page = f64::from(server.block_size);
    let leaves = leaf_pages(&classes(&parts, rows), merges, page);
    let key_values: Vec<Values> = parts[..keys.len()].iter().map(|part| part.values).collect();
    Some(1.0 + leaves + inner_pages(leaves, entry_bytes(&key_values, false), page))
}

/// One column of the index.
struct Part<'a> {
    column: &'a Column,
    values: Values,
    nulls: f64,
    distinct: f64,
}

/// Rows whose entries have nulls in the same places.
struct Class {
    rows: f64,
    entry: f64,
    /// Combinations of values that there could be, the columns taken as independent.
    possible: f64,
    /// Distinct values of the column that has most: no fewer combinations than that occur.
    most_distinct: f64,
}

impl<'a> Part<'a> {
    /// `rows_then` is the table's row count that the statistics belong to, `rows` the one now.
    fn of(column: &'a Column, rows_then: f64, rows: f64) -> Option<Self> {
        let statistics: &ColumnStatistics = column.statistics.as_ref()?;
        let nulls = if column.not_null { 0.0 } else { statistics.null_fraction.clamp(0.0, 1.0) };
        let distinct = statistics.distinct.max(1.0);
        // More than a tenth of the rows: `ANALYZE` takes the number to grow with the table (`compute_scalar_stats` in `analyze.c`).
        let grows = distinct > 0.1 * rows_then && rows_then > 0.0;
        let distinct = if grows { distinct * rows / rows_then } else { distinct };
        Some(Self { column, values: Values::of(column, statistics), nulls, distinct })
    }
}

/// The fraction of rows that the predicate keeps; what it says of an indexed column is known of that column's nulls.
fn restrict(predicate: &str, table: &Table, parts: &mut [Part<'_>]) -> Option<f64> {
    let (column, test) = null_test(predicate, table)?;
    let nulls = column.statistics.as_ref()?.null_fraction.clamp(0.0, 1.0);
    for part in parts.iter_mut().filter(|part| part.column.number == column.number) {
        part.nulls = if test == NullTest::IsNull { 1.0 } else { 0.0 };
    }
    Some(if test == NullTest::IsNull { nulls } else { 1.0 - nulls })
}

/// Every combination of nulls with its rows, the columns' nulls taken as independent.
fn classes(parts: &[Part<'_>], rows: f64) -> Vec<Class> {
    struct Partial {
        share: f64,
        present: Vec<Values>,
        has_null: bool,
        possible: f64,
        most_distinct: f64,
    }
    let mut partials = vec![Partial { share: 1.0, present: Vec::new(), has_null: false, possible: 1.0, most_distinct: 1.0 }];
    let mut nullable = 0;
    for part in parts {
        let both = part.nulls > 0.0 && part.nulls < 1.0;
        nullable += usize::from(both);
        // Past the limit a column counts as what it mostly is.
        let nulls = if both && nullable > MOST_NULLABLE { part.nulls.round() } else { part.nulls };
        let mut next = Vec::with_capacity(partials.len() * 2);
        for partial in partials {
            if nulls > 0.0 {
                next.push(Partial { share: partial.share * nulls, has_null: true, present: partial.present.clone(), ..partial });
            }
            if nulls < 1.0 {
                next.push(Partial {
                    share: partial.share * (1.0 - nulls),
                    has_null: partial.has_null,
                    present: partial.present.into_iter().chain([part.values]).collect(),
                    possible: partial.possible * part.distinct,
                    most_distinct: partial.most_distinct.max(part.distinct),
                });
            }
        }
        partials = next;
    }
    let class = |partial: Partial| Class {
        rows: rows * partial.share,
        entry: entry_bytes(&partial.present, partial.has_null),
        possible: partial.possible,
        most_distinct: partial.most_distinct,
    };
    partials.into_iter().map(class).collect()
}

fn leaf_pages(classes: &[Class], merges: bool, page: f64) -> f64 {
    let (mut items, mut bytes) = (0.0, 0.0);
    for class in classes.iter().filter(|class| class.rows > 0.0) {
        let (class_items, class_bytes) = if merges { merged(class, page) } else { (class.rows, class.rows * class.entry) };
        items += class_items;
        bytes += class_bytes;
    }
    if items <= 0.0 {
        return 0.0;
    }
    (items / items_on_page(bytes / items, LEAF_FREE, page)).ceil()
}

/// Number and bytes of the entries that remain when equal ones are merged.
///
/// A combination of values has `rows / distinct` rows on average; their number is taken as Poisson distributed, which tells how many
/// combinations stand alone and stay plain entries. Others become posting lists: the entry, then six bytes a row, cut at the longest.
fn merged(class: &Class, page: f64) -> (f64, f64) {
    let groups = combinations(class);
    let mean = class.rows / groups;
    let alone = share_alone(mean);
    let single_groups = groups * alone;
    let (merged_groups, merged_rows) = (groups - single_groups, class.rows - single_groups);
    if merged_groups < 1e-9 || merged_rows <= merged_groups {
        return (class.rows, class.rows * class.entry);
    }
    // `maxpostingsize` of `_bt_load`, rounded down to the alignment of an entry.
    let longest =
        (((page * LONGEST_POSTING_LIST / ALIGNMENT).floor() * ALIGNMENT - LINE_POINTER) / ALIGNMENT).floor() * ALIGNMENT;
    let rows_in_longest = ((longest - class.entry) / ROW_POINTER).floor();
    if rows_in_longest < 2.0 {
        return (class.rows, class.rows * class.entry);
    }
    let rows_in_group = merged_rows / merged_groups;
    let lists_in_group = (rows_in_group / rows_in_longest).ceil();
    // With half of the padding that a list may need; the longest needs none.
    let list = (class.entry + ROW_POINTER * rows_in_group / lists_in_group + (ALIGNMENT - 1.0) / 2.0).min(longest);
    let lists = merged_groups * lists_in_group;
    (single_groups + lists, single_groups * class.entry + lists * list)
}

/// Number of distinct combinations that occur: as many as are expected among rows drawn from the possible ones, but no fewer than the
/// column with most distinct values has by itself (which is all, for an index of one column).
fn combinations(class: &Class) -> f64 {
    let drawn =
        if class.possible >= class.rows * 1e6 { class.rows } else { class.possible * -(-class.rows / class.possible).exp_m1() };
    drawn.max(class.most_distinct).min(class.rows)
}

/// Share of groups with one row, when groups have `mean` rows on average and at least one: zero-truncated Poisson.
fn share_alone(mean: f64) -> f64 {
    if mean <= 1.0 {
        return 1.0;
    }
    // The rate whose truncated mean is `mean`, by iteration of rate = mean (1 - e^-rate), which converges from above.
    let rate = (0..200).fold(mean, |rate: f64, _| mean * -(-rate).exp_m1());
    rate * (-rate).exp() / -(-rate).exp_m1()
}

/// Entries of `size` bytes that the build puts on a page: it adds until the free space is below the fill factor's share, then moves the
/// last one to the next page and keeps a copy of its key as the high key (`_bt_buildadd` in `nbtsort.c`).
fn items_on_page(size: f64, free: f64, page: f64) -> f64 {
    let room = page - PAGE_HEADER - SPECIAL - LINE_POINTER;
    ((room - page * free) / (size + LINE_POINTER)).floor().max(1.0)
}

fn inner_pages(leaves: f64, key: f64, page: f64) -> f64 {
    // At least two, or the tree would never end; the server's largest entry is a third of a page.
    let fanout = items_on_page(key, INNER_FREE, page).max(2.0);
    let (mut total, mut level) = (0.0, leaves);
    while level > 1.0 {
        level = (level / fanout).ceil();
        total += level;
    }
    total
}
