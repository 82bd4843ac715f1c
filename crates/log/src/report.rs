//! What one reading of a log found, beside the executions themselves. Never a text of the log: counts, line numbers, times.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::options::Format;
use crate::position::Position;

/// What one reading found. Counts are of this reading only, from where it began.
#[derive(Clone, Debug, Default)]
pub struct LogReport {
    /// Where it stopped: give it to the next reading.
    pub position: Position,
    /// Whether it began at the start although a position was given, because the log is another one by now.
    pub restarted: bool,
    /// What the log is; `None` when it has no whole line yet.
    pub format: Option<Format>,
    /// The `log_line_prefix` that was used last, given or found out; `None` for other formats.
    pub log_line_prefix: Option<String>,
    /// Messages of the server, whatever they say; what they say beside (`DETAIL`, `STATEMENT` …) is not counted.
    pub entries: u64,
    /// Executions given to the caller, [`crate::Part::Fetch`] not counted.
    pub executions: u64,
    /// Continued executions given to the caller ([`crate::Part::Fetch`]).
    pub fetches: u64,
    /// Executions among them of which the log does not say how long they took.
    pub without_duration: u64,
    /// Errors of any kind; they are no executions.
    pub errors_logged: u64,
    /// Messages about statements (and errors) of other databases than the one asked for.
    pub other_databases: u64,
    /// Durations of which no entry says what took so long: the statement is not logged, or its entry is too far away.
    pub durations_alone: u64,
    /// Messages that seem to be in another language than English.
    pub translated: u64,
    /// Statements with bytes that are not UTF-8, which became U+FFFD.
    pub not_utf8: u64,
    /// What could not be read, by reason.
    pub skipped: Vec<Skip>,
    /// The time of the first entry that has one.
    pub first_at: Option<Timestamp>,
    /// The time of the last.
    pub last_at: Option<Timestamp>,
    /// What a person should know of all this, as sentences without a period.
    pub notes: Vec<String>,
}

/// Things that could not be read, for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skip {
    /// Why.
    pub reason: SkipReason,
    /// How many lines or entries.
    pub count: u64,
    /// The number of the first line of the first of them, from 1; counted from the start of the log.
    pub first_line: u64,
}

/// Why something was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SkipReason {
    /// A line that does not begin as entries do and continues none.
    NoEntry,
    /// A line that continues an entry of which the beginning is not here.
    NoBeginning,
    /// An entry, or a line, longer than [`crate::LONGEST_ENTRY`].
    TooLong,
    /// An entry of csvlog or jsonlog that breaks the rules of its format.
    Malformed,
    /// A line with zero bytes in it: not text, or a hole that a crash left.
    Binary,
    /// The last entry, in the middle of which the log ends.
    CutOff,
    /// A plan of `auto_explain` in XML or YAML.
    PlanFormat,
    /// A plan of `auto_explain` of which the statement was not found.
    PlanUnreadable,
}

impl SkipReason {
    /// What was skipped and what helps, as a clause that follows a number: "3 …".
    pub fn clause(self) -> &'static str {
        match self {
            Self::NoEntry => {
                "lines do not begin with the log's prefix: other programs wrote them, or the prefix was changed meanwhile"
            }
            Self::NoBeginning => "lines continue an entry of which the beginning is missing",
            Self::TooLong => "entries are longer than 1 MB",
            Self::Malformed => "entries are damaged",
            Self::Binary => "lines are binary data",
            Self::CutOff => "entry at the end is not whole",
            Self::PlanFormat => "plans are in XML or YAML: set `auto_explain.log_format` to `json` or `text`",
            Self::PlanUnreadable => "plans do not show their statement",
        }
    }
}
