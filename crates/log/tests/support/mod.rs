//! What the tests of the reader share: executions as values that can be compared and printed.
#![allow(dead_code, reason = "each test file uses its part")]

use pgtailor_log::{Execution, LogOptions, LogReport, ParameterValue, Part, read};

/// One execution, owned.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Its text; a fetch has `…` before it.
    pub text: String,
    /// Its parameters: the value, `NULL`, or `?` when unknown.
    pub parameters: Vec<String>,
    /// Milliseconds.
    pub duration: Option<f64>,
    /// Milliseconds.
    pub planning: Option<f64>,
    /// Planner cost units.
    pub plan_cost: Option<f64>,
    /// User, database, application.
    pub who: [Option<String>; 3],
    /// The line.
    pub line: u64,
}

impl Seen {
    /// A copy of `execution`.
    pub fn of(execution: &Execution<'_>) -> Self {
        let mark = if execution.part == Part::Fetch { "…" } else { "" };
        let parameters = execution.parameters.values().into_iter().map(|value| match value {
            ParameterValue::Null => "NULL".to_owned(),
            ParameterValue::Known(literal) => literal.expose().to_owned(),
            ParameterValue::Unknown => "?".to_owned(),
        });
        Self {
            text: format!("{mark}{}", execution.text),
            parameters: parameters.collect(),
            duration: execution.duration.map(|duration| duration.0),
            planning: execution.planning.map(|planning| planning.0),
            plan_cost: execution.plan_cost,
            who: [execution.user, execution.database, execution.application].map(|name| name.map(str::to_owned)),
            line: execution.line,
        }
    }

    /// `text [parameters] duration/planning cost`, for comparing; `-` for what is not known.
    pub fn summary(&self) -> String {
        let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
        let parameters = if self.parameters.is_empty() { String::new() } else { format!(" [{}]", self.parameters.join("|")) };
        let (duration, planning, cost) = (number(self.duration), number(self.planning), number(self.plan_cost));
        format!("{}{parameters} {duration}/{planning} {cost}", self.text)
    }
}

/// Everything that is in `log`.
pub fn read_all(log: &[u8], options: &LogOptions) -> (Vec<Seen>, LogReport) {
    let mut seen = Vec::new();
    let report = read(log, options, &mut |execution| seen.push(Seen::of(execution))).expect("a log that can be read");
    (seen, report)
}
