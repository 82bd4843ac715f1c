//! The numbers that decide, each with its unit and its reason. Fractions are from 0 to 1 everywhere; nothing here is a percentage.

/// Tables of fewer pages are never said to miss an index, in pages.
///
/// Reading 100 pages in order costs about as much as 25 random page fetches (`random_page_cost` is 4), and an index scan that
/// returns a handful of rows needs nearly as many. Sequential scans of such tables are what the planner should choose.
pub(crate) const SMALL_TABLE_PAGES: u64 = 100;

/// Sequential scans must have read this many times the table's rows before they count: a dump, or a report once a week, reads
/// every row and needs no index.
pub(crate) const WHOLE_READS: u64 = 10;

/// Above this fraction of all rows read, sequential reading deserves a look.
pub(crate) const SEQUENTIAL_SHARE_WATCH: f64 = 0.1;

/// Above this fraction, sequential scans read more rows than indexes do.
pub(crate) const SEQUENTIAL_SHARE_POOR: f64 = 0.5;

/// Statements that take this fraction of the workload's time make a finding critical.
pub(crate) const TIME_SHARE_CRITICAL: f64 = 0.1;

/// Above this fraction of rows, reading the table whole is usually cheaper than by index, so no index is missed.
pub(crate) const LARGEST_INDEXED_FRACTION: f64 = 0.2;

/// An index whose leading keys leave at most this fraction of rows serves a statement well enough, whatever else that filters by.
pub(crate) const WELL_SERVED_FRACTION: f64 = 0.01;

/// Fraction of rows taken to be within a range, since bounds are not known. The planner's own guess for one open bound is a third
/// (`DEFAULT_INEQ_SEL`) and for two bounds 0.005 (`DEFAULT_RANGE_INEQ_SEL`); recent periods, the common case, lie between.
pub(crate) const ASSUMED_RANGE_FRACTION: f64 = 0.1;

/// Dead rows above this fraction of all rows are a problem.
pub(crate) const DEAD_SHARE_WARNING: f64 = 0.2;

/// Above this fraction most of what a scan reads is dead.
pub(crate) const DEAD_SHARE_CRITICAL: f64 = 0.5;

/// How many times autovacuum's own trigger must be exceeded before it is said to lag; once is normal between two of its rounds.
pub(crate) const TIMES_OVER_TRIGGER: f64 = 3.0;

/// How many statements a finding names.
pub(crate) const MOST_CAUSES: usize = 10;

/// Indexes of fewer pages are not worth a word about their space, in pages: less than a megabyte.
pub(crate) const SMALL_INDEX_PAGES: u64 = 100;

/// How long counters must have run before an index without scans is mentioned at all, in hours: a week, with its weekend.
pub(crate) const UNUSED_MENTIONED_AFTER: i64 = 7 * 24;

/// A wider index that is this many times as large is no full substitute for a narrow one that is used: its scans read as many times the
/// pages.
pub(crate) const MUCH_WIDER: f64 = 2.0;

/// From this fraction of the table's rows a scan on, an index reads so many entries that reading the table whole is about as cheap.
pub(crate) const UNSELECTIVE_SHARE: f64 = 0.1;

/// Scans from which on the mean of what they read says something.
pub(crate) const ENOUGH_SCANS: u64 = 100;

/// Pages from which on reading a tenth of a table is worth avoiding, in pages: 8 MB.
pub(crate) const LARGE_TABLE_PAGES: u64 = 1000;

/// From this fraction of its size on an index is said to be bloated. Insertions in no order leave pages 69 % full (ln 2, Yao 1978) where
/// a build fills 90 %: a quarter less is the normal state of a B-tree, and comes back after every rebuild.
pub(crate) const BLOAT_SHARE: f64 = 0.4;

/// How far the estimate of a fresh build may be off, as a factor (`crates/pgtailor/tests/bloat.rs` measures it).
pub(crate) const FRESH_SIZE_ERROR: f64 = 1.15;

/// Space that is worth a warning, in bytes: 100 MB.
pub(crate) const MUCH_SPACE: u64 = 100 * 1024 * 1024;

/// Updates from which on the share of HOT ones says something of a table.
pub(crate) const ENOUGH_UPDATES: u64 = 10_000;

/// Below this fraction of HOT updates most of them write an entry to every index.
pub(crate) const HOT_SHARE_LOW: f64 = 0.5;

/// Updates for each scan from which on an index costs more than it serves; the advisor refuses an index from there on, too.
pub(crate) const UPDATES_FOR_EACH_SCAN: u64 = 10;

/// Fraction of a table's updates that must be blocked before indexes are blamed.
pub(crate) const BLOCKED_SHARE: f64 = 0.25;

/// Indexes of one table from which on their number is looked at: the primary key, some four foreign keys, and three more.
pub(crate) const MANY_INDEXES: usize = 8;

/// Index entries written for each index scan from which on a table's indexes are written more than they are read.
pub(crate) const ENTRIES_FOR_EACH_SCAN: u64 = 10;

/// Above this fraction of rows changed since the last analyze, sizes that follow from statistics are not told: twice what starts autoanalyze.
pub(crate) const STALE_SHARE: f64 = 0.2;

/// From this fraction of rows with one value, or with none, a partial index over the rest is a tenth of the size.
pub(crate) const SAME_VALUE_SHARE: f64 = 0.9;

/// At most this many different values are a kind or a state, of which one can be left out by name.
pub(crate) const FEW_VALUES: f64 = 10.0;
