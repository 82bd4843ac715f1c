//! What a check saw.

use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::name::QualifiedName;
use crate::quantity::Quantity;

/// A problem with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The check's name, for example `missing-index`.
    pub check: String,
    /// How bad.
    pub severity: Severity,
    /// The table concerned.
    pub table: QualifiedName,
    /// The index, sequence, constraint or column of the table that it is about, unquoted; `None` when it is about the table or statements.
    pub object: Option<String>,
    /// One sentence: what is wrong.
    pub problem: String,
    /// The numbers behind it.
    pub evidence: Vec<Evidence>,
    /// The normalized statements that cause it, worst first.
    pub statements: Vec<Cause>,
    /// What to do, as one sentence.
    pub advice: String,
    /// The change that would cure it, when one is certain enough to offer.
    pub remedy: Option<Change>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing.
    Notice,
    /// Costs something now.
    Warning,
    /// Costs much, or breaks something soon.
    Critical,
}

/// One number of a finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What it is, for example `sequential scans`.
    pub label: String,
    /// How much.
    pub quantity: Quantity,
}

/// A statement that causes a finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cause {
    /// The normalized text.
    pub statement: String,
    /// Executions.
    pub calls: u64,
    /// Total time in milliseconds, measured.
    pub total_time: crate::unit::Milliseconds,
    /// The columns of the table by which it filters, joins or sorts.
    pub columns: Vec<String>,
}

impl Finding {
    /// A problem without numbers, statements and remedy.
    pub fn new(
        check: impl Into<String>,
        severity: Severity,
        table: &QualifiedName,
        problem: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            check: check.into(),
            severity,
            table: table.clone(),
            object: None,
            problem: problem.into(),
            evidence: Vec::new(),
            statements: Vec::new(),
            advice: advice.into(),
            remedy: None,
        }
    }
}

impl Evidence {
    /// A number with its name.
    pub fn new(label: impl Into<String>, quantity: Quantity) -> Self {
        Self { label: label.into(), quantity }
    }
}

impl Severity {
    /// Its name in `--fail-on` and in the JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}
