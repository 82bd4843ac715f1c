//! What the clients of a run measured, summed up by statement and by category.

use std::collections::BTreeMap;
use std::time::Duration;

use pgtailor_blueprint::Blueprint;
use pgtailor_blueprint::summary::{Summary, summarize};
use pgtailor_blueprint::workload::Kind;
use pgtailor_model::unit::{count_as_f64, ratio};
use serde::{Deserialize, Serialize};

/// What a run measured. All times are measured at the client, from sending a statement to having read all of its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DriveReport {
    /// How many clients asked at once, each waiting for its answer before asking again.
    pub clients: u32,
    /// How long was measured, in seconds, warm-up not counted.
    pub seconds: f64,
    /// The statements, in the order of the workload.
    pub statements: Vec<StatementReport>,
    /// The categories, in the order of the blueprint.
    pub categories: Vec<CategoryReport>,
    /// Statements that ended without an error.
    pub executions: u64,
    /// The same for each second.
    pub per_second: f64,
    /// Those of them that write, for each second.
    pub writes_per_second: f64,
    /// Statements that ended with an error, by SQLSTATE; `57014` is one that met the time limit.
    pub errors: BTreeMap<String, u64>,
    /// Statements that were still running at the end and were broken off; they are in no other number.
    pub unfinished: u64,
    /// Whether the run was cancelled before its time.
    pub cancelled: bool,
}

/// What one statement did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatementReport {
    /// Its name.
    pub name: String,
    /// Its shape's number.
    pub shape: u32,
    /// Its category.
    pub category: String,
    /// Whether it writes.
    pub kind: Kind,
    /// Its times.
    pub times: Summary,
    /// Mean number of rows that it returned; rows affected, for one that writes.
    pub rows: f64,
    /// Its errors by SQLSTATE.
    pub errors: BTreeMap<String, u64>,
    /// How many were broken off at the end.
    pub unfinished: u64,
}

/// What the statements of one category did together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CategoryReport {
    /// Its name.
    pub name: String,
    /// The claimed improvement: lower and upper end, as fractions of the median time before.
    pub promise: Option<(f64, f64)>,
    /// Times of all executions of its statements.
    pub times: Summary,
}

/// What one client measured; one entry for each statement of the workload.
#[derive(Debug)]
pub(super) struct Record(Vec<Measured>);

#[derive(Clone, Debug, Default)]
struct Measured {
    micros: Vec<u32>,
    rows: u64,
    errors: BTreeMap<String, u64>,
    unfinished: u64,
}

impl Record {
    pub(super) fn new(n_statements: usize) -> Self {
        Self(vec![Measured::default(); n_statements])
    }

    pub(super) fn ended(&mut self, statement: usize, took: Duration, rows: u64) {
        let measured = &mut self.0[statement];
        // A duration past 71 minutes is not reached: statements have a time limit.
        measured.micros.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
        measured.rows += rows;
    }

    pub(super) fn failed(&mut self, statement: usize, sqlstate: &str) {
        *self.0[statement].errors.entry(sqlstate.to_owned()).or_default() += 1;
    }

    pub(super) fn broken_off(&mut self, statement: usize) {
        self.0[statement].unfinished += 1;
    }

    pub(super) fn absorb(&mut self, other: Self) {
        for (own, other) in self.0.iter_mut().zip(other.0) {
            own.micros.extend(other.micros);
            own.rows += other.rows;
            own.unfinished += other.unfinished;
            for (sqlstate, count) in other.errors {
                *own.errors.entry(sqlstate).or_default() += count;
            }
        }
    }

    pub(super) fn report(mut self, blueprint: &Blueprint, clients: u32, measured: Duration, cancelled: bool) -> DriveReport {
        let workload = blueprint.workload.statements();
        let categories = blueprint.categories.iter().map(|category| {
            let of_category = workload.iter().zip(&self.0).filter(|(statement, _)| statement.category == category.name);
            let mut micros: Vec<u32> = of_category.flat_map(|(_, measured)| measured.micros.iter().copied()).collect();
            CategoryReport { name: category.name.clone(), promise: category.promise, times: summarize(&mut micros) }
        });
        let categories = categories.collect();
        let mut errors: BTreeMap<String, u64> = BTreeMap::new();
        let mut statements = Vec::with_capacity(workload.len());
        for (statement, measured) in workload.iter().zip(&mut self.0) {
            for (sqlstate, count) in &measured.errors {
                *errors.entry(sqlstate.clone()).or_default() += count;
            }
            let times = summarize(&mut measured.micros);
            statements.push(StatementReport {
                name: statement.name.clone(),
                shape: statement.shape,
                category: statement.category.clone(),
                kind: statement.kind,
                rows: ratio(measured.rows, times.executions).unwrap_or_default(),
                times,
                errors: std::mem::take(&mut measured.errors),
                unfinished: measured.unfinished,
            });
        }
        let count = |kind: Option<Kind>| {
            let wanted = statements.iter().filter(|statement| kind.is_none_or(|kind| statement.kind == kind));
            wanted.map(|statement| statement.times.executions).sum::<u64>()
        };
        let seconds = measured.as_secs_f64();
        let rate = |count: u64| if seconds > 0.0 { count_as_f64(count) / seconds } else { 0.0 };
        DriveReport {
            clients,
            seconds,
            executions: count(None),
            per_second: rate(count(None)),
            writes_per_second: rate(count(Some(Kind::Write))),
            unfinished: statements.iter().map(|statement| statement.unfinished).sum(),
            statements,
            categories,
            errors,
            cancelled,
        }
    }
}
