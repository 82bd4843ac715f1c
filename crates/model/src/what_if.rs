//! The one question that deciding code asks the outside world: what would the planner do, if indexes, statistics or settings were others?
//!
//! [`WhatIf`] is a port. A twin answers it, `HypoPG` on a target answers it less well, a recording answers what was asked before. Questions
//! come in batches, because an adapter can plan several at a time. No adapter's handle enters a [`Configuration`].

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::binding::Binding;
use crate::index::IndexDefinition;
use crate::name::Oid;
use crate::planner::PlanNode;
use crate::unit::Pages;

/// An index that could be made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CandidateIndex {
    /// The table, by its identifier on the source; a partitioned one gets the index on every partition.
    pub table: Oid,
    /// What it is.
    pub definition: IndexDefinition,
}

/// Extended statistics that could be collected.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CandidateStatistics {
    /// The table.
    pub table: Oid,
    /// Its columns, at least two.
    pub columns: Vec<String>,
    /// How many different combinations of their values there are, as whoever counted them says; `None` when nobody did.
    pub combinations: Option<u64>,
    /// How far one column follows from another.
    pub dependencies: BTreeSet<Dependency>,
}

/// A functional dependency between two columns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dependency {
    /// The column from which the other follows.
    pub from: String,
    /// The column that follows.
    pub to: String,
    /// For how many of a thousand rows that holds.
    pub per_mille: u16,
}

/// How the database would be: what is not named is as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Configuration {
    /// Indexes beside those that exist.
    pub indexes: BTreeSet<CandidateIndex>,
    /// Existing indexes that are not there, by their identifiers on the source.
    pub without: BTreeSet<Oid>,
    /// Further extended statistics.
    pub statistics: BTreeSet<CandidateStatistics>,
    /// Settings, as `SET` takes them.
    pub settings: BTreeMap<String, String>,
}

/// A statement to be planned.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The text as the server accepts it, with `$n` for parameters.
    pub text: &'a str,
    /// The parameters' types as a cast writes them.
    pub types: &'a [String],
    /// Values; `None` for the plan of any values.
    pub binding: Option<&'a Binding>,
}

/// How a statement would be planned.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// Total planner cost.
    pub cost: f64,
    /// The plan, from the top, without any value.
    pub nodes: Vec<PlanNode>,
    /// Candidates that it uses.
    pub candidates: BTreeSet<CandidateIndex>,
    /// Existing indexes that it uses.
    pub existing: BTreeSet<Oid>,
    /// Walks that it means to end before their last row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub early_stops: Vec<EarlyStop>,
}

/// A walk over rows that a plan ends as soon as a `LIMIT` has its rows. The planner takes the rows that are wanted to be spread evenly over the
/// walk; where they all lie at its end, it is walked to the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EarlyStop {
    /// Planner cost up to where the planner expects the last row that is wanted.
    pub expected: f64,
    /// Planner cost of the walk to its end.
    pub whole: f64,
    /// Rows that the whole walk finds.
    pub found: f64,
    /// Rows that it reads for them, or more: the plan does not tell how many an index condition leaves, so there it is the whole table.
    pub walked: f64,
    /// How often it is executed.
    pub times: f64,
}

/// The size that an index would have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidateSize {
    /// All its pages, on partitions together.
    pub pages: Pages,
}

/// Answers what the planner would do.
pub trait WhatIf {
    /// Why no answer can be given any more.
    type Error: std::error::Error;

    /// Plans `questions` under `configuration`, in their order; a statement that is not planned has the reason in its place.
    fn plan(
        &mut self,
        configuration: &Configuration,
        questions: &[Question<'_>],
    ) -> Result<Vec<Result<Planned, String>>, Self::Error>;

    /// The size of `candidate`, or why there can be no such index.
    fn size(&mut self, candidate: &CandidateIndex) -> Result<Result<CandidateSize, String>, Self::Error>;

    /// The sizes of `candidates`, in their order: for an adapter to which many at once are cheaper than one by one.
    fn sizes(&mut self, candidates: &[CandidateIndex]) -> Result<Vec<Result<CandidateSize, String>>, Self::Error> {
        candidates.iter().map(|candidate| self.size(candidate)).collect()
    }
}
