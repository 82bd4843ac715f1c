//! What became of each step of an apply or an undo. Only what the catalog confirmed is called done.

use pgtailor_model::change::Change;
use pgtailor_model::outcome::{StepOutcome, StepResult};
use pgtailor_model::rollout::LeftOut;
use pgtailor_model::unit::Bytes;
use serde_json::{Value, json};

use crate::document::{Block, Document, Fact, Item, Text, Tone};
use crate::number::counted;
use crate::report::{Report, Statement};
use crate::view::{rollout, table_json};

/// What was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A rollout.
    Apply,
    /// Taking earlier changes back.
    Undo,
}

/// The steps of an apply or an undo, in the order in which they were to be carried out.
#[derive(Clone, Copy, Debug)]
pub struct OutcomeReport<'a> {
    /// What was carried out.
    pub purpose: Purpose,
    /// Every step, the ones that were not reached included.
    pub steps: &'a [StepOutcome],
    /// What was asked for and never was a step.
    pub left_out: &'a [LeftOut],
}

impl<'a> OutcomeReport<'a> {
    /// What became of a rollout.
    pub fn new(steps: &'a [StepOutcome], left_out: &'a [LeftOut]) -> Self {
        Self { purpose: Purpose::Apply, steps, left_out }
    }

    /// What became of taking changes back.
    pub fn undo(steps: &'a [StepOutcome], left_out: &'a [LeftOut]) -> Self {
        Self { purpose: Purpose::Undo, steps, left_out }
    }
}

impl Report for OutcomeReport<'_> {
    fn kind(&self) -> &'static str {
        "outcome"
    }

    fn document(&self) -> Document {
        let verb = match self.purpose {
            Purpose::Apply => "Apply",
            Purpose::Undo => "Undo",
        };
        let done = self.steps.iter().filter(|step| step.result.is_success()).count();
        let mut document = Document::new(if self.steps.is_empty() {
            format!("{verb}: nothing to do")
        } else {
            format!("{verb}: {done} of {} done", counted(self.steps.len(), "step", "steps"))
        });
        document.blocks.extend(self.steps.iter().enumerate().map(|(position, step)| Block::Item(item(position + 1, step))));
        if !self.left_out.is_empty() {
            document.heading("Left out");
            document.blocks.push(Block::Table(rollout::left_out(self.left_out)));
        }
        if !self.steps.is_empty() {
            document.paragraph(format!("{}.", self.summary()));
        }
        document.next(self.advice());
        document
    }

    fn json(&self) -> Value {
        let steps: Vec<Value> = self.steps.iter().enumerate().map(|(position, step)| step_json(position + 1, step)).collect();
        let purpose = match self.purpose {
            Purpose::Apply => "apply",
            Purpose::Undo => "undo",
        };
        let counts: serde_json::Map<String, Value> =
            NAMES.iter().map(|name| ((*name).to_owned(), Value::from(self.count(name)))).collect();
        json!({ "purpose": purpose, "steps": steps, "counts": counts, "left_out": rollout::left_out_json(self.left_out) })
    }

    fn is_whole_proposal(&self) -> bool {
        true
    }

    /// The statements that were not begun; what failed wants its cause removed first.
    fn sql(&self) -> Vec<Statement> {
        self.steps
            .iter()
            .filter_map(|step| match &step.result {
                StepResult::NotReached { reason } => {
                    Some(Statement { sql: step.sql.clone(), why: format!("not reached: {reason}") })
                }
                _ => None,
            })
            .collect()
    }

    fn sql_remarks(&self) -> Vec<String> {
        self.steps
            .iter()
            .filter(|step| !matches!(step.result, StepResult::NotReached { .. }))
            .map(|step| format!("{}: {}", words(&step.result), step.sql))
            .collect()
    }
}

/// The names of the outcomes, in the order of the summary.
const NAMES: [&str; 6] = ["applied", "nothing-to-do", "failed", "left-over", "not-reached", "needs-human"];

impl OutcomeReport<'_> {
    fn count(&self, name: &str) -> usize {
        self.steps.iter().filter(|step| step.result.name() == name).count()
    }

    fn summary(&self) -> String {
        let mut parts: Vec<String> = NAMES
            .iter()
            .filter_map(|name| {
                let first = self.steps.iter().find(|step| step.result.name() == *name)?;
                Some(format!("{} {}", self.count(name), words(&first.result)))
            })
            .collect();
        let built: Bytes = self
            .steps
            .iter()
            .filter(|step| step.change.is_build())
            .filter_map(|step| match step.result {
                StepResult::Applied { size, .. } => size,
                _ => None,
            })
            .sum();
        if built > Bytes(0) {
            parts.push(format!("{built} of new indexes (measured)"));
        }
        parts.join(", ")
    }

    fn advice(&self) -> &'static str {
        if self.count("needs-human") > 0 {
            "look at the steps marked `needs a person`; nothing else will touch them"
        } else if self.purpose == Purpose::Undo && !self.left_out.is_empty() {
            "what is left out goes with the index that it is attached to, and only with that"
        } else if self.steps.iter().all(|step| step.result.is_success()) {
            match (self.purpose, self.count("applied")) {
                (_, 0) => "nothing; the database is as it was asked to be",
                (Purpose::Apply, _) => "`pgtailor history` lists what was done, `pgtailor undo ID` takes one change back",
                (Purpose::Undo, _) => "`pgtailor history` lists what was taken back",
            }
        } else {
            "remove the cause and run the same command again; what is done stays done"
        }
    }
}

/// The outcome for people, in two or three words.
pub(super) fn words(result: &StepResult) -> &'static str {
    match result {
        StepResult::Applied { .. } => "applied",
        StepResult::NothingToDo { .. } => "already there",
        StepResult::Failed { .. } => "failed",
        StepResult::LeftOver { .. } => "left a remainder",
        StepResult::NotReached { .. } => "not reached",
        StepResult::NeedsHuman { .. } => "needs a person",
    }
}

fn item(number: usize, step: &StepOutcome) -> Item {
    let mut facts = Vec::new();
    let tone = match &step.result {
        StepResult::Applied { size, duration } => {
            facts.push(Fact::words("result", confirmed(&step.change)));
            let before = step.change.size_before().map(|before| format!("{before} -> ")).unwrap_or_default();
            facts.extend(size.map(|size| Fact::number("size", format!("{before}{size}"), "measured")));
            facts.push(Fact::number(time_label(&step.change), duration.to_string(), "measured"));
            Tone::Good
        }
        StepResult::NothingToDo { reason } => {
            facts.push(Fact::words("result", "nothing was sent"));
            facts.push(Fact::words("because", reason));
            Tone::Quiet
        }
        StepResult::Failed { reason, sqlstate } => {
            facts.push(Fact::words("result", "failed; nothing of it is left in the database"));
            facts.push(Fact::words("because", because(reason, sqlstate.as_deref())));
            Tone::Bad
        }
        StepResult::LeftOver { reason } => {
            facts.push(Fact::words("result", "failed; what it left behind waits to be removed by the next run"));
            facts.push(Fact::words("because", reason));
            Tone::Bad
        }
        StepResult::NotReached { reason } => {
            facts.push(Fact::words("result", "never begun"));
            facts.push(Fact::words("because", reason));
            Tone::Warning
        }
        StepResult::NeedsHuman { reason } => {
            facts.push(Fact::words("result", "unknown; it is left alone until a person has looked"));
            facts.push(Fact::words("because", reason));
            Tone::Bad
        }
    };
    facts.extend(step.entry_id.map(|id| Fact::words("ledger", format!("entry {id}"))));
    Item { number, badge: Some((tone, words(&step.result).to_owned())), title: Text::Sql(step.sql.clone()), facts }
}

fn confirmed(change: &Change) -> &'static str {
    match change {
        Change::CreateIndex { .. } => "built; the catalog shows it valid",
        Change::RebuildIndex { .. } => "built anew; the catalog shows it valid, and nothing of the old one",
        Change::CreatePartitionedIndex { .. } => "declared; it is valid once every partition has its own attached",
        Change::AttachIndex { .. } => "attached; the catalog shows it",
        Change::DropIndex { .. } | Change::DropPartitionedIndex { .. } | Change::DropStatistics { .. } => {
            "dropped; the catalog no longer has it"
        }
        Change::Analyze { .. } => "statistics gathered",
        Change::Vacuum { .. } => "vacuumed; the server's counters show it",
        Change::CreateStatistics { .. } => "declared; the next ANALYZE collects them",
        Change::SetStatisticsTarget { .. } | Change::SetStorageParameters { .. } => "set; the catalog shows it",
        Change::SetParameter { .. } => "set, and in force",
    }
}

fn time_label(change: &Change) -> &'static str {
    if change.is_build() { "build time" } else { "time" }
}

fn because(reason: &str, sqlstate: Option<&str>) -> String {
    sqlstate.map_or_else(|| reason.to_owned(), |code| format!("{reason} (SQLSTATE {code})"))
}

fn step_json(number: usize, step: &StepOutcome) -> Value {
    let (size, duration) = match step.result {
        StepResult::Applied { size, duration } => (size, Some(duration)),
        _ => (None, None),
    };
    let (reason, sqlstate) = match &step.result {
        StepResult::Applied { .. } => (None, None),
        StepResult::Failed { reason, sqlstate } => (Some(reason), sqlstate.as_ref()),
        StepResult::NothingToDo { reason }
        | StepResult::LeftOver { reason }
        | StepResult::NotReached { reason }
        | StepResult::NeedsHuman { reason } => (Some(reason), None),
    };
    json!({
        "number": number,
        "entry": step.entry_id,
        "kind": step.change.class(),
        "table": table_json(&step.change),
        "index": step.change.index_name(),
        "sql": step.sql,
        "outcome": step.result.name(),
        "done": step.result.is_success(),
        "reason": reason,
        "sqlstate": sqlstate,
        "size_bytes": size,
        "size_provenance": size.map(|_| "measured"),
        "size_before_bytes": size.and(step.change.size_before()),
        "duration_ms": duration,
        "duration_provenance": duration.map(|_| "measured"),
    })
}
