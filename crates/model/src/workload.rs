//! What the database is asked to do: statements, how they are executed, and where that is known from.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::binding::{Binding, Parameter};
use crate::construct::Construct;
use crate::shape::Shape;
use crate::spread::Spread;
use crate::unit::{Bytes, Milliseconds, Rows, count_as_f64};

/// The statements of a database. Skipped and considered together are everything that was seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Workload {
    /// By total time, longest first.
    pub queries: Vec<Query>,
    /// What was not understood, with its reason.
    pub skipped: Vec<Skipped>,
    /// Where it is known from, in the order asked for.
    pub sources: Vec<SourceReport>,
    /// How much of the database's work the sources saw.
    pub coverage: Coverage,
}

/// One normalized statement, understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// Sixteen hexadecimal digits, equal for statements that differ in literals, lengths of IN-lists, aliases and white space only.
    pub fingerprint: String,
    /// The normalized text; never literals.
    pub text: String,
    /// Executions.
    pub calls: u64,
    /// Total execution time.
    pub total_time: Milliseconds,
    /// How the times of its executions differ, of the source that `total_time` is from; `None` when that does not say.
    pub spread: Option<Spread>,
    /// Rows returned or affected; `None` when no source says.
    pub rows: Option<Rows>,
    /// Shared blocks read from outside the server's cache, as bytes; `None` when no source says.
    pub blocks_read: Option<Bytes>,
    /// Blocks written to temporary files, as bytes; `None` when no source says.
    pub temp_written: Option<Bytes>,
    /// Total planning time; `None` when no source says (`pg_stat_statements.track_planning` is off, as it is by default).
    pub planning_time: Option<Milliseconds>,
    /// Write-ahead log written; `None` when no source says.
    pub wal: Option<Bytes>,
    /// What each reference to a table asks for.
    pub shapes: Vec<Shape>,
    /// What the grammar shows beyond that, each once.
    pub constructs: Vec<Construct>,
    /// The parameters of `text`, `$1` first.
    pub parameters: Vec<Parameter>,
    /// Values for them, each set with its weight; empty until they were drawn, or when none could be found.
    pub bindings: Vec<Binding>,
    /// Who sends it, as its comments say: tag to value to executions.
    pub tags: Tags,
}

/// Attribution by comments in statements (sqlcommenter): `application`, `route`, `action` … to values to executions seen with them.
pub type Tags = BTreeMap<String, BTreeMap<String, u64>>;

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

/// What one source gave.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceReport {
    /// What it is: `pg_stat_statements`, `postgresql.csv`, `queries/`.
    pub name: String,
    /// Executions seen.
    pub calls: u64,
    /// Their total time; 0 when the source has no times.
    pub total_time: Milliseconds,
    /// The first moment that it covers.
    pub since: Option<Timestamp>,
    /// The last one.
    pub until: Option<Timestamp>,
    /// What it could not give, each with the reason and what to do, as sentences without a period.
    pub notes: Vec<String>,
}

/// How much of the time that the server spent on statements of this database the sources saw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Time of the statements that were seen, understood or not.
    pub seen: Milliseconds,
    /// Time that the server spent executing statements of this database in the same period (`pg_stat_database.active_time`, server 14
    /// and later); `None` when it is not known.
    pub whole: Option<Milliseconds>,
    /// Entries that `pg_stat_statements` forgot for want of room in that period; `None` when it does not say.
    pub evicted: Option<u64>,
    /// Why `whole` is not known or not exact, as a sentence without a period.
    pub doubt: Option<String>,
}

impl Query {
    /// Mean execution time; `None` when it was never executed or no source has times.
    pub fn mean_time(&self) -> Option<Milliseconds> {
        (self.calls > 0 && self.total_time.0 > 0.0).then(|| Milliseconds(self.total_time.0 / count_as_f64(self.calls)))
    }

    /// Mean rows of one execution; `None` when they are not known.
    pub fn rows_per_call(&self) -> Option<f64> {
        self.rows.filter(|_| self.calls > 0).map(|rows| rows.as_f64() / count_as_f64(self.calls))
    }
}

impl Coverage {
    /// `seen / whole`, at most 1: the sources measure inside the executor, so a little more than the session's activity can be seen.
    pub fn share(&self) -> Option<f64> {
        self.whole.filter(|whole| whole.0 > 0.0).map(|whole| (self.seen.0 / whole.0).clamp(0.0, 1.0))
    }
}
