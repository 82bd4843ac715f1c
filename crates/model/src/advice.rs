//! What to change for a workload: recommendations with their evidence, what lost and why, and how far from the best the whole can be.
//!
//! Costs are planner costs of the whole workload: each statement's cost, averaged over its bindings by their weights, times the statement's
//! weight, with a price for plans that mean to stop early ([`EarlyStops`]). They are what-if numbers, no times.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::name::QualifiedName;
use crate::twin::Fidelity;
use crate::unit::Bytes;
use crate::workload::Skipped;

/// The answer of `pgtailor advise`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// The database's name.
    pub database: String,
    /// The server's version, as it says it.
    pub version: String,
    /// When the database was captured.
    pub captured_at: Timestamp,
    /// How well the planner that was asked plans as the database does; `None` when it was the database itself.
    pub fidelity: Option<Fidelity>,
    /// What statements are weighed by.
    pub weighed_by: Weighing,
    /// What the answer had to keep to.
    pub limits: AdviceLimits,
    /// Changes, in the order in which each adds most to those before it.
    pub recommendations: Vec<Recommendation>,
    /// Candidates that are not recommended.
    pub rejected: Vec<Rejected>,
    /// Every statement that was considered, those that gain most first.
    pub statements: Vec<AdvisedStatement>,
    /// Statements that were not considered.
    pub skipped: Vec<Skipped>,
    /// The workload's cost as the database is, upkeep of existing indexes that could go included.
    pub cost_before: f64,
    /// The same with all recommendations, upkeep of the recommended indexes included.
    pub cost_after: f64,
    /// What of both the planner does not see; `None` where no plan stops early.
    #[serde(default)]
    pub early_stops: Option<EarlyStops>,
    /// Of `cost_after`, what the upkeep of recommended indexes is.
    pub upkeep: f64,
    /// What the recommended indexes take, estimated; what recommended drops give back is not taken off.
    pub size: Bytes,
    /// How far from the best it can be.
    pub bound: Bound,
    /// Other answers, each better in cost or in size than every other: by size, smallest first.
    pub front: Vec<FrontPoint>,
    /// What it took.
    pub effort: Effort,
    /// What a reader should know, as sentences without a period.
    pub notes: Vec<String>,
    /// What a declared catalog is worth; `None` when none was asked about.
    #[serde(default)]
    pub catalog: Option<CatalogAdvice>,
}

impl Advice {
    /// The workload's cost as the database is, as the planner alone sees it; upkeep included.
    pub fn planner_before(&self) -> f64 {
        self.cost_before - self.early_stops.map_or(0.0, |stops| stops.before)
    }

    /// The same with all recommendations.
    pub fn planner_after(&self) -> f64 {
        self.cost_after - self.early_stops.map_or(0.0, |stops| stops.after)
    }
}

/// What plans count beyond the planner's cost because they mean to stop early, which the planner takes for certain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EarlyStops {
    /// Of [`Advice::cost_before`]; the rest is the planner's own cost, with upkeep.
    pub before: f64,
    /// Of [`Advice::cost_after`].
    pub after: f64,
    /// Statements concerned, before or after.
    pub statements: usize,
}

/// A declared catalog beside the workload. Costs are of the whole workload, with the upkeep of the entries that are there; an entry that exists
/// already is taken away where it says "without".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CatalogAdvice {
    /// Every entry, in the order of the catalog.
    pub entries: Vec<EntryAdvice>,
    /// Without any entry.
    pub cost_without: f64,
    /// With all of them.
    pub cost_whole: f64,
    /// Of `cost_whole`, upkeep.
    pub upkeep_whole: f64,
    /// What all of them take, estimated.
    pub size_whole: Bytes,
    /// The smallest set that was found of entries and recommendations that is at least as good as the whole catalog.
    pub smallest: SmallestSet,
}

/// One entry beside the workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntryAdvice {
    /// Its name.
    pub name: String,
    /// The table.
    pub table: QualifiedName,
    /// What follows `CREATE INDEX … ON table`; empty when it cannot be an index here.
    pub definition: String,
    /// Whether the workload pays for it.
    pub worth: EntryWorth,
    /// By how much the workload's cost would rise without it, all other entries being there; below 0 it falls.
    pub loss_without: Option<f64>,
    /// By how much the workload's cost falls when it alone is there.
    pub gain_alone: Option<f64>,
    /// What it costs writes.
    pub upkeep: Upkeep,
    /// What it takes, estimated.
    pub size: Option<Bytes>,
    /// What serves its statements instead.
    pub replaced_by: Vec<Replacement>,
}

/// Whether the workload pays for a declared index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum EntryWorth {
    /// Without it the workload costs more.
    Pays,
    /// What is there or declared beside it does as well.
    Superfluous,
    /// Writes pay more for it than statements gain.
    Upkeep,
    /// No statement is cheaper for it, even when it alone is there.
    Unused,
    /// It could not be asked.
    Unknown {
        /// Why, as a clause.
        because: String,
    },
}

/// What serves the statements of an entry instead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Replacement {
    /// An index or a constraint that exists and serves all that it would.
    Existing {
        /// Its name.
        name: String,
    },
    /// Another entry.
    Entry {
        /// Its name.
        name: String,
    },
    /// A recommended index that serves all that it would.
    Recommended {
        /// Its name.
        name: String,
    },
}

/// Indexes that are together at least as good as a whole catalog.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SmallestSet {
    /// Names of entries and of recommended indexes.
    pub indexes: Vec<String>,
    /// The workload's cost with them, upkeep included.
    pub cost: f64,
    /// What they take, estimated.
    pub size: Bytes,
}

/// What came of asking for advice on the way to a rollout.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Counsel {
    /// Nobody asked.
    #[default]
    NotAsked,
    /// Advice.
    Given(Box<Advice>),
    /// There can be none here.
    Unavailable {
        /// Why, as a clause.
        reason: String,
        /// What to do about it, as a clause.
        remedy: String,
    },
}

impl Counsel {
    /// The advice, when there is any.
    pub fn advice(&self) -> Option<&Advice> {
        match self {
            Self::Given(advice) => Some(advice),
            Self::NotAsked | Self::Unavailable { .. } => None,
        }
    }
}

/// What a statement's weight is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weighing {
    /// Its executions: a unit of cost counts the same wherever it is spent.
    #[default]
    Executions,
    /// Its measured time divided by its cost: each statement's share of the cost before is its share of the time.
    Time,
}

/// What the answer had to keep to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AdviceLimits {
    /// Bytes of new indexes together.
    pub budget: Option<Bytes>,
    /// New indexes in all.
    pub indexes: Option<usize>,
    /// New indexes on one table.
    pub per_table: Option<usize>,
    /// Upkeep of new indexes together, as a fraction of the workload's cost before.
    pub upkeep: Option<f64>,
    /// Least gain of a single index beside the others, as a fraction of the workload's cost that is left with them.
    pub minimal_gain: f64,
    /// The same for its size: for each fraction of the size of tables and indexes by which it makes the database larger. `None` is a quarter, or
    /// next to nothing within a budget, which says itself what size is worth.
    #[serde(default)]
    pub gain_per_size: Option<f64>,
    /// How much dearer any statement may get: 0.1 is a tenth; `None` is as much as it likes.
    pub regression: Option<f64>,
    /// Most key columns.
    pub columns: usize,
}

/// One change with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recommendation {
    /// What to do.
    pub change: Change,
    /// The statement that does it, without a semicolon.
    pub sql: String,
    /// The table.
    pub table: QualifiedName,
    /// What an index is good for, in a word or two: `equality then order`, `covering`, `partial`, `drop` …; the generators' names.
    pub kinds: Vec<String>,
    /// What it takes, or gives back when it is dropped; estimated.
    pub size: Bytes,
    /// By how much the workload's cost falls when it is added to those before it.
    pub gain: f64,
    /// By how much the workload's cost would rise without it, all others being there.
    pub loss_without: f64,
    /// What it costs writes.
    pub upkeep: Upkeep,
    /// Statements whose plan uses it, those that gain most first; positions in [`Advice::statements`].
    pub serves: Vec<usize>,
    /// Existing indexes that it makes superfluous, by name.
    pub replaces: Vec<String>,
    /// Why it was tried, each a clause that follows "because".
    pub because: Vec<String>,
    /// Partitions of the table at every depth, parents before their children, when the table is partitioned: nothing is built concurrently on
    /// the whole of it. Empty when they are not known, `None` for an ordinary table.
    #[serde(default)]
    pub partitions: Option<Vec<Partition>>,
}

/// A partition of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// The partition.
    pub table: QualifiedName,
    /// The table that it is a partition of.
    pub parent: QualifiedName,
    /// Whether it holds rows itself; else it is partitioned in turn.
    pub is_leaf: bool,
}

/// What an index costs those who write.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Upkeep {
    /// Planner cost for the whole workload.
    pub cost: f64,
    /// New entries for all executions of the workload.
    pub entries: f64,
    /// Write-ahead log for them.
    pub wal: Bytes,
    /// The same a day; `None` when it is not known how long the workload took.
    pub wal_a_day: Option<Bytes>,
    /// HOT updates that stop being HOT, by the column that is to blame, for all executions of the workload.
    pub hot_lost: Vec<(String, f64)>,
}

/// A candidate that is not recommended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rejected {
    /// The table.
    pub table: QualifiedName,
    /// What follows `CREATE INDEX … ON table`, or `CREATE STATISTICS … ON`.
    pub definition: String,
    /// What it would take.
    pub size: Option<Bytes>,
    /// Why not.
    pub reason: Loss,
    /// Why it was tried, each a clause that follows "because".
    pub because: Vec<String>,
}

/// Why a candidate lost, with the numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Loss {
    /// A guard refuses it whatever it gains.
    Refused {
        /// Why, as a sentence without a period.
        because: String,
    },
    /// No plan uses it even when every candidate is there.
    Unused,
    /// Alone it would lower the workload's cost; beside the recommended ones it gains less than the minimum.
    Overlapped {
        /// What it gains alone, planner cost.
        alone: f64,
        /// What it gains beside the recommendations, planner cost.
        beside: f64,
        /// Recommended indexes that the same statements use instead.
        by: Vec<String>,
    },
    /// Its upkeep takes more than it gains.
    Upkeep {
        /// What it gains beside the recommendations, planner cost.
        gain: f64,
        /// What writes pay, planner cost.
        upkeep: f64,
    },
    /// It gains less than an index of its size must.
    Size {
        /// What it gains beside the recommendations, planner cost.
        gain: f64,
        /// What it would have to gain, planner cost.
        least: f64,
    },
    /// It does not fit beside what gains more.
    Limit {
        /// What it gains beside the recommendations, planner cost.
        gain: f64,
        /// Which limit, as a clause: `the budget of 100 MB is spent`.
        limit: String,
    },
    /// Some statement would get dearer than allowed.
    Regression {
        /// The statement's fingerprint.
        statement: String,
        /// How many times as dear.
        factor: f64,
    },
}

/// A statement's cost before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdvisedStatement {
    /// Sixteen hexadecimal digits.
    pub fingerprint: String,
    /// The normalized text.
    pub text: String,
    /// Executions.
    pub calls: u64,
    /// What a unit of its cost counts in the workload's.
    pub weight: f64,
    /// Share of the workload's cost before, 0 to 1.
    pub share: f64,
    /// Planner cost of one execution as the database is, early stops priced.
    pub before: f64,
    /// With all recommendations.
    pub after: f64,
    /// Of `before`, the price of early stops.
    #[serde(default)]
    pub early_stop_before: f64,
    /// Of `after`, the price of early stops.
    #[serde(default)]
    pub early_stop_after: f64,
    /// The binding that gets worst, as cost after divided by cost before; above 1 it gets worse.
    pub worst_binding: f64,
    /// Recommended indexes that its plans use, by name.
    pub uses: Vec<String>,
}

/// How far from the best an answer can be, by the rule by which it was chosen: cost, and for each index the least that it must gain. It holds for
/// the candidates and limits of this run, as far as one more index never makes a plan dearer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bound {
    /// `cost_after` less the most by which any set of candidates within the limits could be better.
    pub lower: f64,
    /// `(cost_after - lower) / cost_after`, 0 to 1.
    pub gap: f64,
    /// Candidates that it speaks of.
    pub candidates: usize,
    /// Whether the answer is proven to be the best of them.
    pub proven: bool,
}

/// One answer of several.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrontPoint {
    /// What its indexes take.
    pub size: Bytes,
    /// The workload's cost with it, upkeep included.
    pub cost: f64,
    /// Of that, upkeep.
    pub upkeep: f64,
    /// How many indexes.
    pub indexes: usize,
}

/// What an answer took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Effort {
    /// Plannings.
    pub what_if_calls: u64,
    /// Costs that were needed and followed from plannings made before.
    pub plans_derived: u64,
    /// Candidates that were considered.
    pub candidates: usize,
    /// From the first question to the answer.
    pub seconds: f64,
    /// Whether the time limit ended the search.
    pub out_of_time: bool,
}
