//! Several reports as one: what an `optimize` found, what it proposes, and what became of it.

use serde_json::{Map, Value};

use crate::document::{Block, Document};
use crate::report::{Report, Statement};

/// Reports in the order in which they are read. At least one.
pub struct Together<'a> {
    kind: &'static str,
    reports: Vec<&'a dyn Report>,
}

impl<'a> Together<'a> {
    /// `reports` under the name `kind`.
    ///
    /// In the JSON, the report whose own kind is `kind` lies at the top, the others each under its kind with `_` for `-`.
    pub fn new(kind: &'static str, reports: Vec<&'a dyn Report>) -> Self {
        Self { kind, reports }
    }

    /// The reports whose statements are shown: the last one that is a whole proposal alone, else all.
    fn proposals(&self) -> Vec<&'a dyn Report> {
        match self.reports.iter().rev().find(|report| report.is_whole_proposal()) {
            Some(whole) => vec![*whole],
            None => self.reports.clone(),
        }
    }
}

impl Report for Together<'_> {
    fn kind(&self) -> &'static str {
        self.kind
    }

    /// One document: further titles become headings, and only the last report says what to do next.
    fn document(&self) -> Document {
        let mut together = Document::default();
        for (position, report) in self.reports.iter().enumerate() {
            let is_last = position + 1 == self.reports.len();
            let document = report.document();
            if position == 0 {
                together.title = document.title;
            } else {
                together.heading(document.title);
            }
            together.blocks.extend(document.blocks.into_iter().filter(|block| is_last || !matches!(block, Block::Next(_))));
        }
        together
    }

    fn json(&self) -> Value {
        let mut together = Map::new();
        for report in &self.reports {
            match report.json() {
                Value::Object(payload) if report.kind() == self.kind => together.extend(payload),
                payload => {
                    together.insert(report.kind().replace('-', "_"), payload);
                }
            }
        }
        Value::Object(together)
    }

    fn sql(&self) -> Vec<Statement> {
        let mut statements: Vec<Statement> = Vec::new();
        for statement in self.proposals().into_iter().flat_map(Report::sql) {
            if !statements.iter().any(|known| known.sql == statement.sql) {
                statements.push(statement);
            }
        }
        statements
    }

    fn is_whole_proposal(&self) -> bool {
        self.reports.iter().any(|report| report.is_whole_proposal())
    }

    fn sql_remarks(&self) -> Vec<String> {
        self.proposals().into_iter().flat_map(Report::sql_remarks).collect()
    }
}
