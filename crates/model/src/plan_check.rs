//! What a change's statements would do at production's size: how they would be planned, what is wrong with that, and what would cure it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::index::{Build, IndexDefinition};
use crate::name::QualifiedName;
use crate::planner::Inexact;
use crate::twin::Fidelity;
use crate::unit::{Bytes, Pages, Rows};

/// The statements of a change, planned in a twin.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanCheck {
    /// The database that the snapshot is of.
    pub database: String,
    /// Its server's version.
    pub version: String,
    /// When it was captured.
    pub captured_at: Timestamp,
    /// How far the plans can be believed.
    pub fidelity: Fidelity,
    /// What is too much.
    pub limits: PlanLimits,
    /// Files of DDL that were applied first, as they were named.
    pub applied: Vec<String>,
    /// The statements that were planned: those with a problem first, each part by cost, largest first.
    pub statements: Vec<CheckedStatement>,
    /// Those that were not.
    pub unplanned: Vec<Unplanned>,
    /// What the twin cannot have like the source, as far as these statements' tables are concerned.
    pub inexact: Vec<Inexact>,
    /// What the sources could not give, as sentences without a period.
    pub notes: Vec<String>,
}

/// What is too much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlanLimits {
    /// The most that a statement may read of one table by sequential scans.
    pub scan: ScanLimit,
    /// How many times the cost from before a statement may cost after the change.
    pub growth: f64,
}

/// The most that a statement may read of one table by sequential scans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanLimit {
    /// In rows.
    Rows(Rows),
    /// In pages.
    Pages(Pages),
}

/// A statement that was planned.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedStatement {
    /// Its fingerprint.
    pub fingerprint: String,
    /// The normalized text.
    pub text: String,
    /// Planner cost, the mean over its values by their weights.
    pub cost: f64,
    /// Rows that the planner expects, likewise.
    pub rows: f64,
    /// Planner cost before the change for the same values; `None` without a change, or when it could not be planned before.
    pub cost_before: Option<f64>,
    /// Tables that are read from one end to the other, most rows first.
    pub scans: Vec<TableScan>,
    /// What is wrong; empty for a statement that passes.
    pub problems: Vec<PlanProblem>,
    /// What would cure it; `None` when nothing is wrong, or nothing that was tried helps.
    pub cure: Option<Cure>,
}

/// A table that a statement scans sequentially.
#[derive(Clone, Debug, PartialEq)]
pub struct TableScan {
    /// The table, or the partition.
    pub table: QualifiedName,
    /// Its rows.
    pub table_rows: Rows,
    /// Its size.
    pub table_size: Bytes,
    /// Rows that are read: more than the table has when it is scanned repeatedly, fewer when the scan stops early.
    pub read_rows: Rows,
    /// Pages that are read.
    pub read_pages: Pages,
    /// The share of the statement's executions that this holds for, 0 to 1.
    pub share: f64,
}

/// What is wrong with a plan.
#[derive(Clone, Debug, PartialEq)]
pub enum PlanProblem {
    /// It reads more than the limit of one table.
    Scan(TableScan),
    /// It costs more than before.
    Growth {
        /// Planner cost before.
        before: f64,
        /// Planner cost after.
        after: f64,
    },
}

/// Indexes with which a statement passes, as the planner says.
#[derive(Clone, Debug, PartialEq)]
pub struct Cure {
    /// The indexes; the plan uses each.
    pub indexes: Vec<CureIndex>,
    /// Planner cost with them.
    pub cost: f64,
}

/// An index of a cure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CureIndex {
    /// Its table.
    pub table: QualifiedName,
    /// A name that is free.
    pub name: String,
    /// What it is.
    pub definition: IndexDefinition,
    /// The size that it would have, when that is known.
    pub size: Option<Bytes>,
    /// How it can be built: the index of a partitioned table only with writes blocked.
    pub build: Build,
}

/// A statement that was not planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unplanned {
    /// The normalized text, or its place when it cannot be read.
    pub statement: String,
    /// Why, as a sentence without a period.
    pub reason: String,
}

impl PlanCheck {
    /// Statements with a problem.
    pub fn failing(&self) -> impl Iterator<Item = &CheckedStatement> {
        self.statements.iter().filter(|statement| !statement.problems.is_empty())
    }
}

impl ScanLimit {
    /// Whether `scan` reads more.
    pub fn is_exceeded_by(self, scan: &TableScan) -> bool {
        match self {
            Self::Rows(most) => scan.read_rows > most,
            Self::Pages(most) => scan.read_pages > most,
        }
    }
}
