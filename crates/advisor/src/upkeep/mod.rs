//! What an index costs those who write: new entries, HOT updates that stop being HOT, write-ahead log.
//!
//! Reads are costed by the planner; writes are not, because no plan of an `INSERT` or `UPDATE` counts the indexes that it maintains. The
//! formulas here use the planner's own units and settings, so that both can be added up. [`writes()`] says what is written, [`upkeep()`] what one
//! index makes of it.

mod writes;

pub use writes::{TableWrites, Update, writes};

use std::collections::BTreeMap;

use pgtailor_model::advice::Upkeep;
use pgtailor_model::index::{IndexDefinition, KeyPart};
use pgtailor_model::snapshot::Setting;
use pgtailor_model::unit::{Bytes, count_as_f64, f64_as_count};

/// Bytes of a log record around an index entry: `SizeOfXLogRecord` (24), a block's header with its relation (20), `SizeOfBtreeInsert` (2),
/// the main data's header (2), rounded up to 8 (`xlogrecord.h`, `nbtxlog.h`).
const LOG_RECORD: f64 = 48.0;

/// Bytes of an entry beside its key: `IndexTupleData` (8) and `ItemIdData` (4) (`itup.h`, `itemid.h`).
const ENTRY_HEADER: f64 = 12.0;

/// Operators' costs that the planner charges for each level of a descent (`DEFAULT_PAGE_CPU_MULTIPLIER` in `selfuncs.c`).
const OPERATORS_A_LEVEL: f64 = 50.0;

/// Entries on a page of a B-tree above the leaves: a few hundred for usual keys. It stands in a logarithm only.
const FANOUT: f64 = 250.0;

/// A day, in seconds.
const DAY: f64 = 86_400.0;

/// What the costs are counted in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    random_page: f64,
    sequential_page: f64,
    index_tuple: f64,
    operator: f64,
    /// Bytes that are taken to be in memory (`effective_cache_size`).
    cache: f64,
    block: f64,
    /// Seconds between checkpoints at most: after each, the first change of a page logs all of it.
    checkpoint: f64,
    /// Seconds that the workload took; `None` when it is not known.
    window: Option<f64>,
}

impl Rates {
    /// From the settings of the database, where they are known, and its block size in bytes; `window` in seconds.
    pub fn of(settings: &BTreeMap<String, Setting>, block_size: u32, window: Option<f64>) -> Self {
        let block = f64::from(block_size);
        let number =
            |name: &str, default: f64| settings.get(name).and_then(|setting| setting.value.parse().ok()).unwrap_or(default);
        Self {
            random_page: number("random_page_cost", 4.0),
            sequential_page: number("seq_page_cost", 1.0),
            index_tuple: number("cpu_index_tuple_cost", 0.005),
            operator: number("cpu_operator_cost", 0.0025),
            cache: number("effective_cache_size", 524_288.0) * block,
            block,
            checkpoint: number("checkpoint_timeout", 300.0),
            window: window.filter(|seconds| *seconds > 0.0),
        }
    }
}

/// What is known of an index beside its definition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IndexSize {
    /// Bytes, all partitions together.
    pub size: Bytes,
    /// Rows of the table.
    pub rows: f64,
}

/// What `definition` on a table that is written as `writes` says costs.
///
/// An entry is made for every inserted row, for every update that changes something that is indexed, and for every other update that is not
/// HOT. An update that was HOT and changes what this index indexes makes entries in all other indexes of the table, too (`heap_update` in
/// `heapam.c`). An entry costs a descent (`btcostestimate` in `selfuncs.c`), a page that is read where the index does not fit into memory
/// and written later, and its log at the price of pages in order.
pub fn upkeep(definition: &IndexDefinition, size: IndexSize, writes: &TableWrites, rates: &Rates) -> Upkeep {
    let indexed = columns(definition);
    let is_summarizing = definition.method == "brin";
    let touches = |update: &Update| update.columns.iter().any(|column| indexed.contains(&column.as_str()));
    let mut entries = writes.inserted;
    let mut others = 0.0;
    let mut hot_lost: Vec<(String, f64)> = Vec::new();
    for update in &writes.updates {
        if !touches(update) {
            entries += update.rows * (1.0 - writes.hot_share);
            continue;
        }
        entries += update.rows;
        // An update that already touches an indexed column is not HOT whatever this index does.
        let lost = if update.is_hot_possible && !is_summarizing { update.rows * writes.hot_share } else { 0.0 };
        if lost > 0.0 {
            others += lost * writes.indexes;
            let blamed = update.columns.iter().find(|column| indexed.contains(&column.as_str()));
            if let Some(column) = blamed {
                match hot_lost.iter_mut().find(|(name, _)| name == column) {
                    Some((_, sum)) => *sum += lost,
                    None => hot_lost.push((column.clone(), lost)),
                }
            }
        }
    }
    let each = entries_a_row(definition, size);
    entries *= each;
    let bytes = count_as_f64(size.size.0);
    let width = if size.rows >= 1.0 { (bytes / size.rows / each).clamp(ENTRY_HEADER + 4.0, rates.block / 3.0) } else { 24.0 };
    let all = entries + others;
    let log = all * (LOG_RECORD + width) + whole_pages(all, bytes, rates);
    let levels = (size.rows.max(2.0)).log(FANOUT).ceil().max(1.0);
    let descent = size.rows.max(2.0).log2().ceil() * rates.operator + levels * OPERATORS_A_LEVEL * rates.operator;
    let missing = 1.0 - (rates.cache / bytes.max(1.0)).min(1.0);
    let page = rates.random_page * missing;
    let cost = all * (descent + rates.index_tuple + page) + log / rates.block * rates.sequential_page;
    let wal_a_day = rates.window.map(|seconds| Bytes(f64_as_count(log * DAY / seconds)));
    hot_lost.sort_by(|one, other| other.1.total_cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    Upkeep { cost, entries: all, wal: Bytes(f64_as_count(log)), wal_a_day, hot_lost }
}

/// Entries that one row makes: one, save in GIN, where a row has an entry for each of its elements. They are a few bytes each, so that the
/// index's size for a row says how many (`ginpostinglist.c`: 1 to 7 bytes for a posting, and the element itself for the rare ones).
fn entries_a_row(definition: &IndexDefinition, size: IndexSize) -> f64 {
    const POSTING: f64 = 6.0;
    match definition.method.as_str() {
        "gin" if size.rows >= 1.0 => (count_as_f64(size.size.0) / size.rows / POSTING).clamp(1.0, 1_000.0),
        // A row outside its range's summary widens it; in a table in order that happens for the newest range only.
        "brin" => 0.01,
        _ => 1.0,
    }
}

/// Bytes of pages that are logged as a whole: the first change of each after a checkpoint (`full_page_writes`). Of `n` changes at random
/// places between two checkpoints, `pages * (1 - (1 - 1/pages)^n)` different pages are hit (Cardenas 1975).
fn whole_pages(entries: f64, bytes: f64, rates: &Rates) -> f64 {
    let pages = (bytes / rates.block).max(1.0);
    let checkpoints = rates.window.map_or(1.0, |seconds| (seconds / rates.checkpoint).max(1.0));
    let between = entries / checkpoints;
    let hit = pages * (1.0 - (1.0 - 1.0 / pages).powf(between));
    checkpoints * hit * rates.block
}

/// Columns that the index reads: of keys, included ones, and those whose names occur in expressions and the predicate.
fn columns(definition: &IndexDefinition) -> Vec<&str> {
    let mut columns: Vec<&str> = Vec::new();
    for key in &definition.keys {
        match &key.part {
            KeyPart::Column(column) => columns.push(column),
            KeyPart::Expression(text) => columns.extend(words_of(text)),
        }
    }
    columns.extend(definition.include.iter().map(String::as_str));
    columns.extend(definition.predicate.iter().flat_map(|text| words_of(text)));
    columns
}

fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
}
