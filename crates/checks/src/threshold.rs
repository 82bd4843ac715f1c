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
