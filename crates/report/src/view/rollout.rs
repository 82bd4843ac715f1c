//! What would be done, step by step, and what was left out: the answer of a dry run.

use std::fmt::Write as _;

use pgtailor_model::moment::{Answer, Foresight, Guarded};
use pgtailor_model::quantity::Quantity;
use pgtailor_model::rollout::{Inverse, LeftOut, Limits, Lock, Rollout, Step};
use pgtailor_model::unit::{Bytes, Milliseconds, f64_as_count};
use serde_json::{Value, json};

use crate::document::{Block, Cell, ColumnKind, Document, Fact, Item, Table, Text};
use crate::number::{age, counted};
use crate::report::{Report, Statement};
use crate::sql_text::change_words;
use crate::view::{table_json, table_of};

/// The steps of `rollout`, none of which has been carried out.
#[derive(Clone, Copy, Debug)]
pub struct RolloutReport<'a> {
    /// What would be done.
    pub rollout: &'a Rollout,
    /// What the moment says about each step; empty when it was not asked.
    pub foreseen: &'a [Foresight],
}

impl<'a> RolloutReport<'a> {
    /// A report on `rollout`.
    pub fn new(rollout: &'a Rollout) -> Self {
        Self { rollout, foreseen: &[] }
    }

    /// The same with what the guards of the moment say about each step, in the order of the steps.
    #[must_use]
    pub fn with_foresight(self, foreseen: &'a [Foresight]) -> Self {
        Self { foreseen, ..self }
    }
}

impl Report for RolloutReport<'_> {
    fn kind(&self) -> &'static str {
        "rollout"
    }

    fn document(&self) -> Document {
        let steps = &self.rollout.steps;
        let mut document = Document::new(match steps.len() {
            0 => "Rollout: nothing to do".to_owned(),
            count => format!("Rollout: {}, none carried out yet", counted(count, "step", "steps")),
        });
        let items = steps.iter().enumerate().map(|(at, step)| Block::Item(item(at + 1, step, self.foreseen.get(at))));
        document.blocks.extend(items);
        if !self.rollout.left_out.is_empty() {
            document.heading("Left out");
            document.blocks.push(Block::Table(left_out(&self.rollout.left_out)));
        }
        if steps.is_empty() {
            document.next("nothing; the database has all that was asked for and can be had");
        } else {
            document.paragraph(self.total());
            let is_refused = self.foreseen.iter().any(|foresight| foresight.refusal().is_some());
            document.next(if is_refused {
                "clear what a guard refuses for, and run the same command without --dry-run"
            } else {
                "run the same command without --dry-run to carry these steps out"
            });
        }
        document
    }

    fn json(&self) -> Value {
        let steps: Vec<Value> =
            self.rollout.steps.iter().enumerate().map(|(at, step)| step_json(at + 1, step, self.foreseen.get(at))).collect();
        let left_out = left_out_json(&self.rollout.left_out);
        json!({ "steps": steps, "left_out": left_out, "size_bytes": self.size().map(|size| size.0), "size_provenance": "estimated" })
    }

    fn is_whole_proposal(&self) -> bool {
        true
    }

    fn sql(&self) -> Vec<Statement> {
        self.rollout.steps.iter().map(|step| Statement { sql: step.sql.clone(), why: step.reason.clone() }).collect()
    }

    fn sql_remarks(&self) -> Vec<String> {
        self.rollout
            .left_out
            .iter()
            .map(|left| format!("left out: {} on {}: {}", change_words(&left.change), table_of(&left.change), left.reason))
            .collect()
    }
}

impl RolloutReport<'_> {
    /// The estimated size of all new indexes; `None` when no step has one.
    fn size(self) -> Option<Bytes> {
        let sizes: Vec<Bytes> = self.rollout.steps.iter().filter_map(|step| step.estimate.size).map(bytes).collect();
        (!sizes.is_empty()).then(|| sizes.into_iter().sum())
    }

    fn total(self) -> String {
        let steps = &self.rollout.steps;
        let mut total = counted(steps.len(), "step", "steps");
        if let Some(size) = self.size() {
            let _ = write!(total, ", {size} of new indexes (estimated)");
        }
        let durations: Vec<f64> = steps.iter().filter_map(|step| step.estimate.duration).map(|duration| duration.value).collect();
        if !durations.is_empty() {
            let _ = write!(total, ", {} in all (estimated)", Milliseconds(durations.iter().sum()));
        }
        total.push_str(". Steps run one after the other; each is written into the ledger before it is sent.");
        total
    }
}

fn item(number: usize, step: &Step, foresight: Option<&Foresight>) -> Item {
    let mut facts = Vec::new();
    if let Some(size) = step.estimate.size {
        facts.push(Fact::number("size", size.to_string(), size.provenance.to_string()));
    }
    if let Some(duration) = step.estimate.duration {
        let label = if step.change.is_build() { "build time" } else { "time" };
        facts.push(Fact::number(label, duration.to_string(), duration.provenance.to_string()));
    }
    facts.push(Fact::words("lock", step.lock.sql()));
    let moment =
        if !step.limits.lock_timeout.is_zero() && step.lock > Lock::ShareUpdateExclusive { ", for a moment" } else { "" };
    facts.push(Fact::words("blocks", format!("{}{moment}", step.lock.blocks())));
    facts.extend(foresight.map(foresight_facts).unwrap_or_default());
    facts.push(Fact::words("limits", limits_words(foresight.map_or(&step.limits, |foresight| &foresight.limits))));
    facts.push(match &step.inverse {
        Inverse::Statement(sql) => Fact::sql("undo", sql),
        Inverse::Irreversible(reason) => Fact::words("undo", format!("none: {reason}")),
    });
    facts.push(Fact::words("because", &step.reason));
    Item { number, badge: None, title: Text::Sql(step.sql.clone()), facts }
}

/// How many guards pass, what the others say, and whom the step would wait for.
fn foresight_facts(foresight: &Foresight) -> Vec<Fact> {
    let all = foresight.guards.len();
    let passed = foresight.guards.iter().filter(|guarded| matches!(guarded.answer, Answer::Passes | Answer::Remarks(_))).count();
    let mut facts =
        vec![Fact::words("guards", if passed == all { format!("{all} pass") } else { format!("{passed} of {all} pass") })];
    for Guarded { name, answer } in &foresight.guards {
        let (label, reason) = match answer {
            Answer::Passes => continue,
            Answer::Remarks(reason) => ("remark", reason),
            Answer::Unknown(reason) => ("unknown", reason),
            Answer::Refuses(reason) => ("refused", reason),
            Answer::Overruled(reason) => ("overruled", reason),
        };
        facts.push(Fact::words(label, format!("{name}: {reason}")));
    }
    facts.extend(foresight.waits_for.as_ref().map(|wait| Fact::words("waits for", &wait.whom)));
    facts
}

fn limits_words(limits: &Limits) -> String {
    let time = |duration: std::time::Duration| age(i64::try_from(duration.as_secs()).unwrap_or(i64::MAX));
    if !limits.lock_timeout.is_zero() {
        let once = Milliseconds(limits.lock_timeout.as_secs_f64() * 1_000.0);
        return format!("{once} in the queue for its lock, then again after a pause, {} in all", time(limits.run_budget));
    }
    format!(
        "{} for its first lock, {} for other transactions, {} in all",
        time(limits.first_lock_budget),
        time(limits.wait_budget),
        time(limits.run_budget)
    )
}

/// What was not made a step, and why.
pub(super) fn left_out(all: &[LeftOut]) -> Table {
    let mut table = Table::new("", [("change", ColumnKind::Words), ("table", ColumnKind::Words), ("because", ColumnKind::Words)]);
    table.rows = all
        .iter()
        .map(|left| -> Vec<Cell> {
            vec![change_words(&left.change).into(), table_of(&left.change).into(), left.reason.as_str().into()]
        })
        .collect();
    table
}

/// The same for programs.
pub(super) fn left_out_json(all: &[LeftOut]) -> Vec<Value> {
    all.iter()
        .map(|left| {
            json!({
                "kind": left.change.class(),
                "table": table_json(&left.change),
                "index": left.change.index_name(),
                "reason": left.reason,
            })
        })
        .collect()
}

fn step_json(number: usize, step: &Step, foresight: Option<&Foresight>) -> Value {
    let milliseconds = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let (inverse, irreversible) = match &step.inverse {
        Inverse::Statement(sql) => (Some(sql), None),
        Inverse::Irreversible(reason) => (None, Some(reason)),
    };
    let guards = foresight.map(|foresight| {
        let one = |guarded: &Guarded| json!({ "name": guarded.name, "answer": guarded.answer.name(), "reason": guarded.answer.reason() });
        foresight.guards.iter().map(one).collect::<Vec<_>>()
    });
    let limits = foresight.map_or(&step.limits, |foresight| &foresight.limits);
    let waits_for = foresight.and_then(|foresight| foresight.waits_for.as_ref());
    json!({
        "number": number,
        "kind": step.change.class(),
        "table": table_json(&step.change),
        "index": step.change.index_name(),
        "sql": step.sql,
        "reason": step.reason,
        "size_bytes": step.estimate.size.map(|size| bytes(size).0),
        "size_provenance": step.estimate.size.map(|size| size.provenance),
        "duration_ms": step.estimate.duration.map(|duration| duration.value),
        "duration_provenance": step.estimate.duration.map(|duration| duration.provenance),
        "lock": step.lock.sql(),
        "blocks": step.lock.blocks(),
        "limits": {
            "lock_timeout_ms": milliseconds(limits.lock_timeout),
            "statement_timeout_ms": milliseconds(limits.statement_timeout),
            "first_lock_ms": milliseconds(limits.first_lock_budget),
            "wait_ms": milliseconds(limits.wait_budget),
            "run_ms": milliseconds(limits.run_budget),
        },
        "guards": guards,
        "waits_for": waits_for.map(|wait| json!({ "whom": wait.whom, "seconds": wait.seconds })),
        "inverse": inverse,
        "irreversible": irreversible,
    })
}

fn bytes(quantity: Quantity) -> Bytes {
    Bytes(f64_as_count(quantity.value))
}
