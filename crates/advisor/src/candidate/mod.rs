//! Candidates: changes that could help some statement, each to be tried with the planner before anybody is told of it.
//!
//! A generator looks at one statement and proposes; each is a file and a line in [`ALL`]. Nothing here says that a proposal helps. Guards
//! (`guard`) refuse what could harm the application whatever it gains. Start reading at [`propose()`].

mod columns;
mod condition;
mod constraint;
mod cover;
#[cfg(test)]
mod fixture;
mod generator;
mod guard;
mod keys;
mod literal;
mod propose;
mod site;
mod spelling;
mod text;
mod total;

pub(crate) use self::constraint::ForeignKey;
pub use self::generator::ALL;
pub use self::propose::{MOST_PER_STATEMENT, propose};

use std::collections::{BTreeMap, BTreeSet};

use pgtailor_model::name::Oid;
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::what_if::{CandidateIndex, CandidateStatistics};
use pgtailor_model::workload::{Query, Workload};

/// What generators see.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The database; `planner` in it holds most common values and visibility, when it was captured for a twin.
    pub snapshot: &'a Snapshot,
    /// What it is asked to do.
    pub workload: &'a Workload,
    /// Most key columns of a proposed index.
    pub max_columns: usize,
}

/// Why something was proposed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    /// The generator.
    pub generator: &'static str,
    /// A clause that follows "because": `its rows are filtered by organization_id and sorted by created_at`.
    pub because: String,
}

/// Something that could be made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// An index.
    Index(CandidateIndex),
    /// Extended statistics.
    Statistics(CandidateStatistics),
}

/// A candidate with everything that speaks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Support {
    /// Why it was proposed.
    pub reasons: BTreeSet<Reason>,
    /// Statements, by their position in the workload, for which it was.
    pub queries: BTreeSet<usize>,
}

/// A candidate that must not be made, whatever it gains.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refused {
    /// The candidate.
    pub subject: Subject,
    /// Why, as a sentence without a period.
    pub reason: String,
}

/// All that was proposed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates {
    /// By candidate, in its order.
    pub proposed: BTreeMap<Subject, Support>,
    /// What guards refused.
    pub refused: BTreeSet<Refused>,
}

/// Proposes candidates for single statements.
pub trait Generator: Sync {
    /// Its name, as `why` shows it: `equality-then-order`.
    fn name(&self) -> &'static str;

    /// Proposals for `query`, which is at `position` in the workload.
    fn propose(&self, context: &Context<'_>, query: &Query, position: usize, candidates: &mut Candidates);
}

impl Subject {
    /// The table that it is about.
    pub fn table(&self) -> Oid {
        match self {
            Self::Index(index) => index.table,
            Self::Statistics(statistics) => statistics.table,
        }
    }
}
