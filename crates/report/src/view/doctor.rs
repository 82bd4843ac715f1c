//! What can and cannot be done here, and the one command that cures each lack.

use pgtailor_model::diagnosis::{Check, Diagnosis, Status};
use serde_json::{Value, json};

use crate::document::{Block, Document, Fact, Item, Text, Tone};
use crate::number::counted;
use crate::report::Report;

/// A diagnosis.
#[derive(Clone, Copy, Debug)]
pub struct DoctorReport<'a> {
    /// What was found out.
    pub diagnosis: &'a Diagnosis,
}

impl<'a> DoctorReport<'a> {
    /// A report on `diagnosis`.
    pub fn new(diagnosis: &'a Diagnosis) -> Self {
        Self { diagnosis }
    }
}

impl Report for DoctorReport<'_> {
    fn kind(&self) -> &'static str {
        "doctor"
    }

    fn document(&self) -> Document {
        let checks = &self.diagnosis.checks;
        let mut document = Document::new(format!("Doctor: {}", self.diagnosis.target));
        document.blocks.extend(checks.iter().enumerate().map(|(position, check)| Block::Item(item(position + 1, check))));
        let count = |status: Status| checks.iter().filter(|check| check.status == status).count();
        document.paragraph(format!(
            "{} examined: {} as they should be, {} limited, {} missing.",
            counted(checks.len(), "thing", "things"),
            count(Status::Ok),
            count(Status::Limited),
            count(Status::Missing)
        ));
        document.next(match self.diagnosis.worst() {
            Status::Ok => "`pgtailor optimize --analyze-only` finds what slows this database down",
            Status::Limited => "run what stands under `cure` to get more out of it, or go on without",
            Status::Missing => "run what stands under `cure` of what is missing",
        });
        document
    }

    fn json(&self) -> Value {
        json!({ "target": self.diagnosis.target, "worst": self.diagnosis.worst(), "checks": self.diagnosis.checks })
    }
}

fn item(number: usize, check: &Check) -> Item {
    let tone = match check.status {
        Status::Ok => Tone::Good,
        Status::Limited => Tone::Warning,
        Status::Missing => Tone::Bad,
    };
    let mut facts = vec![Fact::words("so", &check.sentence)];
    // A remedy may be several statements or a command of the shell: each line as it was given, never joined.
    for (position, line) in check.remedy.iter().flat_map(|remedy| remedy.lines()).enumerate() {
        facts.push(Fact {
            label: if position == 0 { "cure" } else { "" }.to_owned(),
            value: Text::Sql(line.to_owned()),
            source: String::new(),
        });
    }
    Item { number, badge: Some((tone, check.status.name().to_owned())), title: Text::Prose(check.name.clone()), facts }
}
