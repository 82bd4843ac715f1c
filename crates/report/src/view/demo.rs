//! Promise against measurement: what the reference database gained, by category, by statement and for the whole server.
//!
//! "Kept" is said only of a measured median that gained at least the upper end of its bracket. Gains are rounded down.

mod drawings;
mod payload;
mod tables;

use std::collections::BTreeMap;

use pgtailor_model::declared::{CatalogPolicy, Judged};
use pgtailor_model::measurement::{BeforeAfter, CategoryMeasurement, Latency, Measurement};
use pgtailor_model::outcome::StepOutcome;
use pgtailor_model::unit::{Bytes, grouped, three_digits};
use serde_json::{Value, json};

use crate::document::{Block, Cell, Chart, ColumnKind, Document, Fact, Figure, Table, Tone};
use crate::number::{counted, growth_words, reduction};
use crate::report::Report;
use crate::view::{catalog, outcome};
use drawings::{curves, pairs};
use payload::{category_json, pair_json, statement_json};
use tables::{bracket, category_table, slow_table, statement_table};

/// A measurement, and the changes between its two halves.
#[derive(Clone, Copy, Debug)]
pub struct DemoReport<'a> {
    /// What was measured.
    pub measurement: &'a Measurement,
    /// The declared entries, judged before anything was built.
    pub declared: &'a [Judged],
    /// Which of them were to be created.
    pub policy: CatalogPolicy,
    /// What became of the steps.
    pub outcomes: &'a [StepOutcome],
}

impl<'a> DemoReport<'a> {
    /// A report on `measurement`, taken before and after the `outcomes` of building what `policy` creates of `declared`.
    pub fn new(measurement: &'a Measurement, declared: &'a [Judged], policy: CatalogPolicy, outcomes: &'a [StepOutcome]) -> Self {
        Self { measurement, declared, policy, outcomes }
    }
}

/// How a measured gain stands beside its promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// At or above the upper end of the bracket.
    Kept,
    /// In the bracket, below its upper end.
    Within,
    /// A gain, but below the bracket.
    Below,
    /// No gain, or a loss.
    Slower,
    /// Nothing was promised.
    NoPromise,
    /// One of the halves has no executions.
    NotMeasured,
}

impl Kept {
    /// How a measured reduction (a fraction; negative for a loss) stands beside the promised bracket (fractions from 0 to 1).
    pub fn of(promise: Option<(f64, f64)>, measured: Option<f64>) -> Self {
        match (promise, measured) {
            (_, None) => Self::NotMeasured,
            (_, Some(gain)) if gain <= 0.0 => Self::Slower,
            (None, Some(_)) => Self::NoPromise,
            (Some((_, high)), Some(gain)) if gain >= high => Self::Kept,
            (Some((low, _)), Some(gain)) if gain >= low => Self::Within,
            (Some(_), Some(_)) => Self::Below,
        }
    }

    /// Its name in tables and in the JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Within => "within",
            Self::Below => "below",
            Self::Slower => "slower",
            Self::NoPromise => "no-promise",
            Self::NotMeasured => "not-measured",
        }
    }

    fn cell(self) -> Cell {
        match self {
            Self::Kept => Cell::toned("kept", Tone::Good),
            Self::Within => Cell::toned("within", Tone::Warning),
            Self::Below => Cell::toned("below", Tone::Bad),
            Self::Slower => Cell::toned("slower", Tone::Bad),
            Self::NoPromise | Self::NotMeasured => Cell::toned("-", Tone::Plain),
        }
    }
}

impl Report for DemoReport<'_> {
    fn kind(&self) -> &'static str {
        "demo"
    }

    fn document(&self) -> Document {
        let measured = self.measurement;
        let mut document = Document::new("Promise against measurement");
        document.paragraph(self.sentence());
        document.blocks.push(Block::Figures(self.figures()));
        document.heading("By category");
        document.blocks.push(Block::Table(category_table(&measured.categories)));
        document.paragraph(
            "kept: the median gained at least the upper end of the promise; within: it reached the bracket, not its upper end; \
             below: it gained less than promised; slower: it gained nothing.",
        );
        document.blocks.extend(pairs(&measured.categories).map(Block::Chart));
        let curves = curves(&measured.categories);
        if !curves.is_empty() {
            document.blocks.push(Block::Chart(Chart::Legend(
                "What share of the executions took no longer than the time on the axis; the dot is the median.".to_owned(),
            )));
            document.blocks.extend(curves.into_iter().map(Block::Chart));
        }
        document.heading("The whole server");
        document.blocks.push(Block::Table(self.system_table()));
        document.heading("By statement");
        document.blocks.push(Block::Table(statement_table(&measured.statements)));
        if !measured.stays_slow.is_empty() {
            document.heading("What stays slow, and why");
            document.blocks.push(Block::Table(slow_table(measured)));
        }
        document.heading("What was changed");
        document.blocks.push(Block::Facts(self.changes()));
        document.heading("How it was measured");
        document.blocks.push(Block::Facts(
            measured.conditions.iter().map(|condition| Fact::words(&condition.name, &condition.value)).collect(),
        ));
        document.next("`pgtailor optimize --dry-run --database URL` shows what it would do to a database of yours");
        document
    }

    fn json(&self) -> Value {
        let measured = self.measurement;
        let categories: Vec<Value> = measured.categories.iter().map(category_json).collect();
        let statements: Vec<Value> = measured.statements.iter().map(statement_json).collect();
        let system = &measured.system;
        let cpu = system.cpu_per_statement.map(|cpu| BeforeAfter { before: cpu.before.0, after: cpu.after.0 });
        let counts: BTreeMap<&str, usize> = self.declared.iter().fold(BTreeMap::new(), |mut counts, judged| {
            *counts.entry(judged.verdict.name()).or_default() += 1;
            counts
        });
        json!({
            "provenance": "measured",
            "categories": categories,
            "statements": statements,
            "system": {
                "statements_per_second": system.statements_per_second.map(pair_json),
                "writes_per_second": system.writes_per_second.map(pair_json),
                "cpu_ms_per_statement": cpu.map(pair_json),
                "cpu_promise": system.cpu_promise,
                "cpu_verdict": self.cpu_kept().name(),
                "index_bytes": system.index_bytes,
            },
            "stays_slow": measured.stays_slow,
            "conditions": measured.conditions,
            "catalog": {
                "policy": self.policy,
                "counts": counts,
                "steps": self.outcomes.len(),
                "steps_done": self.outcomes.iter().filter(|step| step.result.is_success()).count(),
            },
        })
    }
}

impl DemoReport<'_> {
    fn sentence(&self) -> String {
        let categories = &self.measurement.categories;
        let promised: Vec<&CategoryMeasurement> = categories.iter().filter(|category| category.promise.is_some()).collect();
        let kept = promised.iter().filter(|category| kept(category) == Kept::Kept).count();
        format!(
            "The same workload ran before and after the indexes of the catalog were built. {kept} of {} at or above the upper end \
             of the promise. All times are measured by the client.",
            counted(promised.len(), "category is", "categories are")
        )
    }

    fn figures(&self) -> Vec<Figure> {
        let system = &self.measurement.system;
        let promised = self.measurement.categories.iter().filter(|category| category.promise.is_some());
        let n_kept = promised.clone().filter(|category| kept(category) == Kept::Kept).count();
        let n_promised = promised.count();
        let mut figures = vec![Figure {
            label: "promises kept".to_owned(),
            value: format!("{n_kept} of {n_promised}"),
            source: "measured medians".to_owned(),
            tone: if n_kept == n_promised { Tone::Good } else { Tone::Warning },
        }];
        if let Some(cpu) = system.cpu_per_statement {
            figures.push(Figure {
                label: "database CPU per statement".to_owned(),
                value: growth_words(cpu.before.0, cpu.after.0),
                source: format!("measured: {} before, {} after", cpu.before, cpu.after),
                tone: if cpu.after.0 < cpu.before.0 { Tone::Good } else { Tone::Bad },
            });
        }
        if let Some(rate) = system.statements_per_second {
            figures.push(Figure {
                label: "statements a second".to_owned(),
                value: growth_words(rate.before, rate.after),
                source: format!("measured: {}/s before, {}/s after", rate_number(rate.before), rate_number(rate.after)),
                tone: if rate.after > rate.before { Tone::Good } else { Tone::Bad },
            });
        }
        if let Some(size) = system.index_bytes {
            figures.push(Figure {
                label: "price in index space".to_owned(),
                value: byte_difference(size),
                source: format!("measured: {} before, {} after", size.before, size.after),
                tone: Tone::Plain,
            });
        }
        figures
    }

    fn cpu_kept(&self) -> Kept {
        let cpu = self.measurement.system.cpu_per_statement;
        Kept::of(self.measurement.system.cpu_promise, cpu.and_then(|cpu| reduction(cpu.before.0, cpu.after.0)))
    }

    fn system_table(&self) -> Table {
        let mut table = Table::new(
            "Measured while the workload ran, all clients together.",
            [
                ("what", ColumnKind::Words),
                ("before", ColumnKind::Number),
                ("after", ColumnKind::Number),
                ("change", ColumnKind::Number),
                ("promised", ColumnKind::Number),
                ("verdict", ColumnKind::Words),
            ],
        );
        let system = &self.measurement.system;
        let mut push = |what: &str, values: Option<[String; 3]>, promise: Option<(f64, f64)>, verdict: Cell| {
            let [before, after, change] = values.unwrap_or_else(|| std::array::from_fn(|_| "not measured".to_owned()));
            table.rows.push(vec![what.into(), before.into(), after.into(), change.into(), bracket(promise).into(), verdict]);
        };
        let rate = |rate: BeforeAfter<f64>| {
            let shown = |value: f64| format!("{}/s", rate_number(value));
            [shown(rate.before), shown(rate.after), growth_words(rate.before, rate.after)]
        };
        push("statements", system.statements_per_second.map(rate), None, "-".into());
        push("of these, writes", system.writes_per_second.map(rate), None, "-".into());
        push(
            "database CPU per statement",
            system
                .cpu_per_statement
                .map(|cpu| [cpu.before.to_string(), cpu.after.to_string(), growth_words(cpu.before.0, cpu.after.0)]),
            system.cpu_promise,
            self.cpu_kept().cell(),
        );
        push(
            "size of all indexes",
            system.index_bytes.map(|size| [size.before.to_string(), size.after.to_string(), byte_difference(size)]),
            None,
            "-".into(),
        );
        table
    }

    fn changes(&self) -> Vec<Fact> {
        let mut facts = vec![Fact::number("declared", self.declared.len().to_string(), "indexes in the catalog, of which")];
        facts.extend(catalog::summary(self.declared));
        let mut results: Vec<(&str, usize)> = Vec::new();
        for step in self.outcomes {
            let word = outcome::words(&step.result);
            match results.iter_mut().find(|(known, _)| *known == word) {
                Some((_, count)) => *count += 1,
                None => results.push((word, 1)),
            }
        }
        let parts: Vec<String> = results.iter().map(|(word, count)| format!("{count} {word}")).collect();
        let done = if parts.is_empty() { "none".to_owned() } else { parts.join(", ") };
        facts.push(Fact::words("steps", format!("{done}; as read back from the catalog")));
        facts
    }
}

fn kept(category: &CategoryMeasurement) -> Kept {
    Kept::of(category.promise, gain(&category.before, &category.after))
}

/// The reduction of the median; `None` when one half has no executions.
fn gain(before: &Latency, after: &Latency) -> Option<f64> {
    if before.executions == 0 || after.executions == 0 { None } else { reduction(before.median.0, after.median.0) }
}

/// A rate in few digits, grouped from a thousand on.
fn rate_number(rate: f64) -> String {
    if rate >= 1000.0 { grouped(pgtailor_model::unit::f64_as_count(rate)) } else { three_digits(rate) }
}

fn byte_difference(size: BeforeAfter<Bytes>) -> String {
    if size.after >= size.before { format!("+{}", size.after - size.before) } else { format!("-{}", size.before - size.after) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_means_the_upper_end_of_the_bracket() {
        let promise = Some((0.8, 0.95));
        assert_eq!(Kept::of(promise, Some(0.95)), Kept::Kept);
        assert_eq!(Kept::of(promise, Some(0.9499)), Kept::Within);
        assert_eq!(Kept::of(promise, Some(0.79)), Kept::Below);
        assert_eq!(Kept::of(promise, Some(-0.1)), Kept::Slower);
        assert_eq!(Kept::of(promise, None), Kept::NotMeasured);
        assert_eq!(Kept::of(None, Some(0.5)), Kept::NoPromise);
    }
}
