//! What the database is asked to do: statements, and what an index could serve in each.

use serde::{Deserialize, Serialize};

use crate::index::{Direction, Nulls};
use crate::name::Oid;
use crate::unit::Milliseconds;

/// The statements of a database. Skipped and considered together are everything that was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// By total time, longest first.
    pub queries: Vec<Query>,
    /// What was not understood, with its reason.
    pub skipped: Vec<Skipped>,
}

/// One normalized statement, understood.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Query {
    /// Equal for statements that differ in literals and white space only.
    pub fingerprint: String,
    /// The normalized text; never literals.
    pub text: String,
    /// Executions.
    pub calls: u64,
    /// Total execution time.
    pub total_time: Milliseconds,
    /// What each reference to a table asks for.
    pub shapes: Vec<Shape>,
}

/// What one reference to one table in a statement asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shape {
    /// The table.
    pub table: Oid,
    /// Columns compared for equality with a constant or parameter (`=`, `IN`, `= ANY`, `IS NULL`).
    pub equality: Vec<String>,
    /// Columns compared with a constant or parameter by `<`, `<=`, `>`, `>=`, `BETWEEN` or a prefix `LIKE`.
    pub range: Vec<String>,
    /// Columns equal to a column of another table.
    pub join: Vec<String>,
    /// Columns filtered in a way that a B-tree cannot serve (`ILIKE`, `%x%`, functions of the column), with the reason.
    pub not_sargable: Vec<(String, String)>,
    /// The order asked for, when every sort column is of this table.
    pub order_by: Vec<OrderColumn>,
    /// Whether the statement stops after some rows.
    pub limited: bool,
    /// Columns that the statement changes; empty for reads, all columns for inserts and deletes.
    pub written: Vec<String>,
}

/// One column of an `ORDER BY`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OrderColumn {
    /// Its name.
    pub column: String,
    /// Its direction.
    pub direction: Direction,
    /// Where nulls sort.
    pub nulls: Nulls,
}

/// A statement that was not considered, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Skipped {
    /// The normalized text, or a description of its place when it could not be read as a statement.
    pub statement: String,
    /// Executions.
    pub calls: u64,
    /// Total execution time.
    pub total_time: Milliseconds,
    /// Why, as a sentence without a period.
    pub reason: String,
}
