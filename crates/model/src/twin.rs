//! A twin as people meet it: how faithful it is, and where one runs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::planner::StatisticsLevel;
use crate::unit::count_as_f64;

/// Below this share of identical plans, 0 to 1, everything that comes from a twin is called approximate.
///
/// A twin of exact statistics is right about every statement (measured), so each that is not shows that something of the source is missing. Up
/// to one in twenty the rest can be trusted all the same, since a statement is concerned or is not; past that, nobody should rely on which.
pub const APPROXIMATE_BELOW: f64 = 0.95;

/// How faithful a twin is: plans of the source's own statements, compared node by node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fidelity {
    /// Plans of the source that were compared.
    pub asked: usize,
    /// Those that are the same at every node: shape, costs, rows and widths.
    pub identical: usize,
    /// The others, largest deviation first.
    pub deviations: Vec<PlanDeviation>,
    /// What the snapshot kept of the values in statistics.
    pub level: StatisticsLevel,
    /// The source's major version.
    pub source_major: u32,
    /// The twin's.
    pub twin_major: u32,
}

/// A statement that the twin plans otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanDeviation {
    /// The normalized statement.
    pub text: String,
    /// What is not the same, as a clause.
    pub what: String,
    /// Total planner cost on the source.
    pub source_cost: f64,
    /// The same in the twin; `None` when it was not planned there.
    pub twin_cost: Option<f64>,
    /// The likely cause, as a clause.
    pub cause: String,
}

/// What the self-test allows to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exactness {
    /// Every plan is the same.
    Identical,
    /// Nearly every plan is: at least [`APPROXIMATE_BELOW`].
    Close,
    /// Fewer: costs are approximate.
    Approximate,
    /// The snapshot has no plan to compare with.
    Untested,
}

impl Fidelity {
    /// The share of plans that are the same, 0 to 1; `None` when none was compared.
    pub fn share(&self) -> Option<f64> {
        let count = |count: usize| count_as_f64(u64::try_from(count).unwrap_or(u64::MAX));
        (self.asked > 0).then(|| count(self.identical) / count(self.asked))
    }

    /// What that allows to be said.
    pub fn exactness(&self) -> Exactness {
        match self.share() {
            None => Exactness::Untested,
            Some(_) if self.identical == self.asked => Exactness::Identical,
            Some(share) if share >= APPROXIMATE_BELOW => Exactness::Close,
            Some(_) => Exactness::Approximate,
        }
    }
}

/// A twin that runs by itself, for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningTwin {
    /// What `pgtailor twin stop` takes.
    pub id: String,
    /// What it is a twin of.
    pub label: String,
    /// Its server's version.
    pub version: String,
    /// When its server was started.
    pub started_at: Timestamp,
    /// The folder of its socket, which only its user may enter.
    pub host: String,
    /// The port in the socket's name.
    pub port: u16,
    /// The role that plans.
    pub user: String,
    /// Its database.
    pub database: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fidelity(asked: usize, identical: usize) -> Exactness {
        let level = StatisticsLevel::Exact;
        Fidelity { asked, identical, deviations: Vec::new(), level, source_major: 15, twin_major: 15 }.exactness()
    }

    #[test]
    fn one_statement_in_twenty_may_deviate() {
        assert_eq!(fidelity(40, 40), Exactness::Identical);
        assert_eq!(fidelity(40, 38), Exactness::Close);
        assert_eq!(fidelity(40, 37), Exactness::Approximate);
        assert_eq!(fidelity(0, 0), Exactness::Untested);
    }
}
