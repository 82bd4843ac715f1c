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

/// How far the estimate of a fresh build may be off where nearly all keys are different, as a factor. Measured as 1.08 at worst, on texts of
/// one length (`crates/pgtailor/tests/bloat.rs`); widths of values are known by their mean only.
pub(crate) const FRESH_SIZE_ERROR: f64 = 1.15;

/// The same where many rows share a key: `ANALYZE` counts too few different values in skewed columns, for up to a quarter too little.
pub(crate) const FRESH_SIZE_ERROR_OF_SHARED: f64 = 1.35;

/// From this many different values a row on, nearly all keys are different, as a fraction.
pub(crate) const MOSTLY_DISTINCT: f64 = 0.5;

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

/// Below this given fraction of a sequence's values no end is foretold: a rate of a few days is mostly the loading of what was there before.
pub(crate) const SEQUENCE_USED_EARLY: f64 = 0.1;

/// From this given fraction of a sequence's values on it is worth knowing: as many days are left as it took so far.
pub(crate) const SEQUENCE_USED_NOTICE: f64 = 0.5;

/// From this fraction on a wider column should be planned; a migration of a large table takes weeks of preparation.
pub(crate) const SEQUENCE_USED_WARNING: f64 = 0.75;

/// From this fraction on it should be on its way.
pub(crate) const SEQUENCE_USED_CRITICAL: f64 = 0.9;

/// An end of values within as many days is soon: a quarter of a year.
pub(crate) const SOON_DAYS: i64 = 90;

/// An end of values within as many days should be planned for.
pub(crate) const WITHIN_REACH_DAYS: i64 = 365;

/// Dead rows that start autovacuum, from which on it comes late, in rows: at some 100 dead rows a page that is a gigabyte to read again.
pub(crate) const LATE_TRIGGER_ROWS: f64 = 200_000.0;

/// Dead rows at which autovacuum should come to a large table, in rows: what it goes through in seconds.
pub(crate) const DEAD_ROWS_WANTED: f64 = 50_000.0;

/// Fraction of a table's rows that was updated or deleted since counters began, from which on it is a table that changes.
pub(crate) const CHURN_SHARE: f64 = 0.1;

/// From this fraction of pages that are not all-visible on, the planner no longer counts on index-only scans (`cost_index` charges the
/// heap by it).
pub(crate) const INVISIBLE_SHARE: f64 = 0.5;

/// Times `autovacuum_freeze_max_age` from which on the vacuum that begins at that age has not come through; once is normal.
pub(crate) const TIMES_OVER_FREEZE_AGE: f64 = 1.25;

/// Transactions from which on a lack of numbers is near, of the 2,147,483,648 that there are: what a busy server uses up in some months.
pub(crate) const FREEZE_CRITICAL_AGE: u64 = 1_200_000_000;

/// From this estimated empty fraction of a table on it is said to be bloated: its scans read twice what they need.
pub(crate) const TABLE_BLOAT_SHARE: f64 = 0.5;

/// The fill factor that leaves room for updates of one row in seven, in percent.
pub(crate) const ROOMY_FILL_FACTOR: u8 = 85;

/// Rows of a table from which on a wrong guess of the planner costs something, in rows.
pub(crate) const ENOUGH_TABLE_ROWS: u64 = 10_000;

/// The last of the common values is common when it has this many times the rows of one that is not in the list.
pub(crate) const STILL_COMMON: f64 = 3.0;

/// The largest statistics target that is proposed: a longer list is read at every planning (`eqsel` goes through all of it).
pub(crate) const LARGEST_STATISTICS_TARGET: u64 = 1_000;

/// Rows that a statement must have returned a call before the planner's guess about it matters.
pub(crate) const ENOUGH_FOUND_ROWS: f64 = 100.0;

/// An estimate this many times too low changes the choice between a nested loop and a hash join.
pub(crate) const TIMES_UNDERESTIMATED: f64 = 10.0;

/// Statements that take less than this fraction of all time, and less than [`NOTICEABLE_MEAN`] each, are never found: a hundred of them
/// cured would go unnoticed.
pub(crate) const NOTICEABLE_SHARE: f64 = 0.01;

/// Mean time from which on a single execution is worth a look, in milliseconds: five in a row are a delay that a person feels.
pub(crate) const NOTICEABLE_MEAN: f64 = 20.0;

/// Executions from which on a mean time counts by itself; fewer are somebody at a prompt, or a migration.
pub(crate) const ENOUGH_CALLS: u64 = 10;

/// Fraction of all time from which on a statement costs something now.
pub(crate) const TIME_SHARE_WARNING: f64 = 0.02;

/// Mean time of a slow statement, in milliseconds: what a person takes for instantaneous ends there (Nielsen, Usability Engineering, 1993).
pub(crate) const SLOW_MEAN: f64 = 100.0;

/// Time at which a person's thread of thought breaks, in milliseconds (the same source).
pub(crate) const LONG_WAIT: f64 = 1_000.0;

/// A deviation of so many means says that a few executions take most of the time: an exponential spread, that of a queue, has one.
pub(crate) const TAIL_DEVIATIONS: f64 = 3.0;

/// A deviation of fewer means says that pages cost the same wherever they are: where all are turned to alike, the last one would take less
/// than twice the time of the first (an even spread from `a` to `2a` deviates by `a / √12`, 0.19 of its mean).
pub(crate) const EVEN_DEVIATIONS: f64 = 0.2;

/// Executions from which on a deviation says something of a tail.
pub(crate) const ENOUGH_FOR_TAIL: u64 = 100;

/// Rows of one execution that no person reads, and that take megabytes in the application.
pub(crate) const MANY_ROWS: f64 = 10_000.0;

/// Rows of one execution from which on fetching each from the table costs more than finding it in the index.
pub(crate) const ENOUGH_RETURNED: f64 = 100.0;

/// Bytes from outside the cache in one execution that explain its time: 10 MB, a tenth of a second of a common network disk.
pub(crate) const MUCH_READ: f64 = 10.0 * 1024.0 * 1024.0;

/// Bytes of temporary files in one execution below which memory is not the matter: 1 MB.
pub(crate) const LITTLE_SPILLED: f64 = 1024.0 * 1024.0;

/// Memory for one sort that is never advised, in bytes: 1 GB; every node of every session could take as much.
pub(crate) const MOST_WORK_MEM: f64 = 1024.0 * 1024.0 * 1024.0;

/// Bytes of memory for each byte of a sort's temporary file. A row in memory has a `SortTuple` (24 bytes) and a palloc chunk beside
/// itself (`tuplesort.c`), a row on tape 4 bytes; common rows of 50 to 100 bytes come to less than twice.
pub(crate) const MEMORY_FOR_SPILLED: f64 = 2.0;

/// Rows of a product that nobody can have meant: a hundred times a hundred.
pub(crate) const LARGE_PRODUCT: f64 = 10_000.0;

/// Look-ups for one row at a time from which on their number is a matter, in executions.
pub(crate) const MANY_LOOKUPS: u64 = 1_000;

/// Look-ups for each execution of another statement that are no coincidence.
pub(crate) const LOOKUPS_FOR_EACH: u64 = 5;

/// Time of a look-up above which it is slow by itself, and not by its number, in milliseconds.
pub(crate) const QUICK_LOOKUP: f64 = 2.0;

/// Bytes of a wide row: a page holds fewer than forty of them.
pub(crate) const WIDE_ROW: f64 = 200.0;

/// An index of at most this fraction of the row's width is much quicker to read alone.
pub(crate) const NARROW_FRACTION: f64 = 0.25;

/// Time for each row that a bulk update or deletion may take before it is slow, in milliseconds: one of 12,000 rows with one index
/// takes 0.01 ms a row on a busy machine (measured), and each further index about as much again.
pub(crate) const BULK_ROW_TIME: f64 = 0.1;
