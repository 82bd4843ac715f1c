//! What the database is asked to do: the statements by the time they take, where they are known from, and what was left out.

mod payload;

use std::collections::BTreeMap;

use pgtailor_model::binding::BindingOrigin;
use pgtailor_model::catalog::Catalog;
use pgtailor_model::shape::WriteKind;
use pgtailor_model::unit::{Milliseconds, count_as_f64, grouped, ratio, three_digits};
use pgtailor_model::workload::{Query, Skipped, Workload};
use serde_json::Value;

use crate::document::{Block, Cell, ColumnKind, Document, Fact, Item, Table, Text, Tone};
use crate::number::{counted, percent};
use crate::report::Report;
use crate::view::moment;

/// A workload of a database.
#[derive(Clone, Copy, Debug)]
pub struct WorkloadReport<'a> {
    /// The statements.
    pub workload: &'a Workload,
    /// The tables that shapes name.
    pub catalog: &'a Catalog,
    /// Most statements shown to people, and most reasons for which others were not considered; the JSON has all.
    pub most: usize,
    /// Why statements have no values or were not planned, by fingerprint.
    pub refused: &'a BTreeMap<String, String>,
    /// Planner costs by fingerprint, when they were asked for.
    pub costs: &'a BTreeMap<String, f64>,
    /// Whether the values of bindings are shown: only where the user asks for them.
    pub values: Values,
}

/// Whether literals may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// Never.
    Hidden,
    /// They were asked for.
    Shown,
}

impl Report for WorkloadReport<'_> {
    fn kind(&self) -> &'static str {
        "workload"
    }

    fn document(&self) -> Document {
        let workload = self.workload;
        let count = counted(workload.queries.len(), "statement", "statements");
        let total = self.total();
        let all = if total.0 > 0.0 { total.to_string() } else { calls(self.calls()) };
        let mut document = Document::new(format!("Workload: {count}, {all} in all"));
        document.blocks.push(Block::Facts(self.facts()));
        self.push_sources(&mut document);
        self.push_statements(&mut document);
        self.push_skipped(&mut document);
        document.next(if workload.queries.is_empty() {
            "let the application run for a while, or name another source with --workload"
        } else {
            "`pgtailor check` names what slows these statements down; --format json has every shape and parameter"
        });
        document
    }

    fn json(&self) -> Value {
        payload::json(self)
    }
}

impl WorkloadReport<'_> {
    /// Time of everything that was seen, considered or not.
    fn total(&self) -> Milliseconds {
        let queries = self.workload.queries.iter().map(|query| query.total_time.0);
        Milliseconds(queries.chain(self.workload.skipped.iter().map(|skipped| skipped.total_time.0)).sum())
    }

    /// The part of all time that `time` is, or of all calls where no source has times.
    fn share(&self, time: Milliseconds, calls: u64) -> f64 {
        let total = self.total().0;
        if total > 0.0 {
            return time.0 / total;
        }
        ratio(calls, self.calls()).unwrap_or_default()
    }

    /// Executions of everything that was seen.
    fn calls(&self) -> u64 {
        let queries = self.workload.queries.iter().map(|query| query.calls);
        queries.chain(self.workload.skipped.iter().map(|skipped| skipped.calls)).fold(0, u64::saturating_add)
    }

    fn facts(&self) -> Vec<Fact> {
        let workload = self.workload;
        let coverage = &workload.coverage;
        let mut facts = Vec::new();
        let seen = match (coverage.share(), &coverage.doubt) {
            (Some(share), None) => format!("{} of the time that was spent on statements", percent(share)),
            (Some(share), Some(doubt)) => {
                format!("at least {} of the time that was spent on statements: {doubt}", percent(share))
            }
            (None, Some(doubt)) => format!("which part of the work was seen is not known: {doubt}"),
            (None, None) => "which part of the work was seen is not known: none of the sources says".to_owned(),
        };
        // Only the counters know the whole, and only for their own period.
        let of = if workload.sources.len() > 1 && coverage.share().is_some() { "by pg_stat_statements, " } else { "" };
        facts.push(Fact::number("seen", format!("{of}{seen}"), if coverage.whole.is_some() { "measured" } else { "" }));
        if let Some(evicted) = coverage.evicted.filter(|evicted| *evicted > 0) {
            facts.push(Fact::words("forgotten", format!("{} entries, for want of room", grouped(evicted))));
        }
        let understood: f64 = workload.queries.iter().map(|query| self.share(query.total_time, query.calls)).sum();
        let words = format!(
            "{} of that, in {}; {} not considered",
            percent(understood.min(1.0)),
            counted(workload.queries.len(), "statement", "statements"),
            workload.skipped.len()
        );
        facts.push(Fact::words("understood", words));
        let writes = workload.queries.iter().filter(|query| query.shapes.iter().any(|shape| shape.write.is_some()));
        let (count, executions) = writes.fold((0, 0_u64), |(count, executions), query| (count + 1, executions + query.calls));
        if count > 0 {
            facts.push(Fact::words("writing", format!("{}, {}", counted(count, "statement", "statements"), calls(executions))));
        }
        facts.extend(self.bound());
        facts
    }

    /// How many statements have values for their parameters, and where these come from.
    fn bound(&self) -> Option<Fact> {
        let with_parameters = self.workload.queries.iter().filter(|query| !query.parameters.is_empty());
        let (mut all, mut bound) = (0, 0);
        let mut origins: Vec<&str> = Vec::new();
        for query in with_parameters {
            all += 1;
            bound += usize::from(!query.bindings.is_empty());
            for binding in &query.bindings {
                if binding.origin != BindingOrigin::Constant && !origins.contains(&binding.origin.name()) {
                    origins.push(binding.origin.name());
                }
            }
        }
        origins.sort_unstable();
        (bound > 0).then(|| {
            let from = if origins.is_empty() { String::new() } else { format!(" ({})", origins.join(", ")) };
            Fact::words("bound", format!("{bound} of {all} statements with parameters have values{from}"))
        })
    }

    fn push_sources(&self, document: &mut Document) {
        let mut table = Table::new(
            "Where statements are known from. Different kinds of sources see the same executions, so their counts are not added up.",
            [
                ("source", ColumnKind::Words),
                ("calls", ColumnKind::Number),
                ("time", ColumnKind::Number),
                ("from", ColumnKind::Words),
                ("to", ColumnKind::Words),
            ],
        );
        let at = |timestamp: Option<jiff::Timestamp>| timestamp.map_or_else(|| "-".to_owned(), moment);
        for source in &self.workload.sources {
            let time = if source.total_time.0 > 0.0 { source.total_time.to_string() } else { "-".to_owned() };
            table.rows.push(vec![
                source.name.clone().into(),
                grouped(source.calls).into(),
                time.into(),
                at(source.since).into(),
                at(source.until).into(),
            ]);
        }
        document.heading("Sources");
        document.blocks.push(Block::Table(table));
        for source in &self.workload.sources {
            for note in &source.notes {
                let named = if note.starts_with(&source.name) { note.clone() } else { format!("{}: {note}", source.name) };
                document.note(Tone::Warning, named);
            }
        }
    }

    fn push_statements(&self, document: &mut Document) {
        if self.workload.queries.is_empty() {
            return;
        }
        document.heading("Statements by total time");
        let shown = self.workload.queries.iter().take(self.most).enumerate();
        document.blocks.extend(shown.map(|(position, query)| Block::Item(self.item(position + 1, query))));
        let more = self.workload.queries.len().saturating_sub(self.most);
        if more > 0 {
            let share: f64 =
                self.workload.queries.iter().skip(self.most).map(|query| self.share(query.total_time, query.calls)).sum();
            document.paragraph(format!(
                "{} with {} of the time: --most shows more of them, --format json all.",
                counted(more, "more statement", "more statements"),
                percent(share)
            ));
        }
    }

    fn item(&self, number: usize, query: &Query) -> Item {
        let share = percent(self.share(query.total_time, query.calls));
        let mut facts = Vec::new();
        let mean = query.total_time.0 / count_as_f64(query.calls.max(1));
        if query.total_time.0 > 0.0 {
            let words = format!("{} in all, {} of {}", query.total_time, calls(query.calls), Milliseconds(mean));
            facts.push(Fact::number("time", words, "measured"));
        } else {
            facts.push(Fact::number("calls", grouped(query.calls), "as the source says"));
        }
        facts.push(Fact::words("tables", self.tables(query)));
        if !query.parameters.is_empty() {
            facts.push(Fact::words("values", bindings(query)));
        }
        if let Some(cost) = self.costs.get(&query.fingerprint) {
            let words = format!("planner cost {}", three_digits(*cost));
            facts.push(Fact::number("plan", words, "the mean over its values, planned and not executed"));
        }
        if let Some(reason) = self.refused.get(&query.fingerprint) {
            facts.push(Fact::words("refused", reason));
        }
        if self.values == Values::Shown {
            facts.extend(query.bindings.iter().map(values));
        }
        for (tag, values) in &query.tags {
            facts.push(Fact::words(tag.clone(), tag_words(values)));
        }
        Item { number, badge: Some((Tone::Plain, share)), title: Text::Excerpt(query.text.clone()), facts }
    }

    /// `orders (reads), items (updates)`.
    fn tables(&self, query: &Query) -> String {
        let mut tables: Vec<String> = Vec::new();
        for shape in &query.shapes {
            let name =
                self.catalog.table_by_oid(shape.table).map_or_else(|| "unknown table".to_owned(), |table| table.name.to_string());
            let does = match shape.write.as_ref().map(|write| write.kind) {
                None => "reads",
                Some(WriteKind::Insert | WriteKind::Upsert) => "inserts",
                Some(WriteKind::Update) => "updates",
                Some(WriteKind::Delete) => "deletes",
                Some(WriteKind::Merge) => "merges",
                Some(WriteKind::Copy) => "copies",
            };
            let words = format!("{name} ({does})");
            if !tables.contains(&words) {
                tables.push(words);
            }
        }
        tables.join(", ")
    }

    fn push_skipped(&self, document: &mut Document) {
        if self.workload.skipped.is_empty() {
            return;
        }
        // One row a reason: a log can hold hundreds of different utility statements.
        let mut reasons: Vec<(&str, Vec<&Skipped>)> = Vec::new();
        for skipped in &self.workload.skipped {
            match reasons.iter_mut().find(|(reason, _)| *reason == skipped.reason) {
                Some((_, statements)) => statements.push(skipped),
                None => reasons.push((&skipped.reason, vec![skipped])),
            }
        }
        let mut table = Table::new(
            "Not considered, by reason. Texts that cannot be read are named by their place only.",
            [
                ("reason", ColumnKind::Words),
                ("statements", ColumnKind::Number),
                ("calls", ColumnKind::Number),
                ("share", ColumnKind::Number),
                ("the longest", ColumnKind::Excerpt),
            ],
        );
        table.rows = reasons
            .iter()
            .take(self.most)
            .map(|(reason, statements)| -> Vec<Cell> {
                let calls = statements.iter().fold(0_u64, |calls, skipped| calls.saturating_add(skipped.calls));
                let time = Milliseconds(statements.iter().map(|skipped| skipped.total_time.0).sum());
                vec![
                    (*reason).into(),
                    statements.len().to_string().into(),
                    grouped(calls).into(),
                    percent(self.share(time, calls)).into(),
                    statements[0].statement.clone().into(),
                ]
            })
            .collect();
        document.heading(format!("Not considered: {}", counted(self.workload.skipped.len(), "statement", "statements")));
        document.blocks.push(Block::Table(table));
        if reasons.len() > self.most {
            document.paragraph(format!("{} more reasons: see --format json.", reasons.len() - self.most));
        }
    }
}

/// `1 call`, `12 000 calls`.
fn calls(count: u64) -> String {
    if count == 1 { "1 call".to_owned() } else { format!("{} calls", grouped(count)) }
}

/// `4 sets: 80.0 % observed, 20.0 % rare`.
fn bindings(query: &Query) -> String {
    if query.bindings.is_empty() {
        return format!("none for {}", counted(query.parameters.len(), "parameter", "parameters"));
    }
    let mut weights: Vec<(&str, f64)> = Vec::new();
    for binding in &query.bindings {
        match weights.iter_mut().find(|(name, _)| *name == binding.origin.name()) {
            Some((_, weight)) => *weight += binding.weight,
            None => weights.push((binding.origin.name(), binding.weight)),
        }
    }
    // Sums of tenths miss a whole by a hair.
    let rounded = |weight: f64| (weight * 1e9).round() / 1e9;
    let parts: Vec<String> = weights.iter().map(|(name, weight)| format!("{} {name}", percent(rounded(*weight)))).collect();
    format!("{}: {}", counted(query.bindings.len(), "set", "sets"), parts.join(", "))
}

/// One set of values, as the user asked to see them.
fn values(binding: &pgtailor_model::binding::Binding) -> Fact {
    let shown = |(position, value): (usize, &Option<pgtailor_model::binding::Literal>)| {
        let value = value.as_ref().map_or_else(|| "NULL".to_owned(), |value| pgtailor_model::name::quote_literal(value.expose()));
        format!("${} = {value}", position + 1)
    };
    let words: Vec<String> = binding.values.iter().enumerate().map(shown).collect();
    Fact::number(binding.origin.name(), words.join(", "), format!("weight {}", three_digits(binding.weight)))
}

/// The most frequent values of a tag.
fn tag_words(values: &BTreeMap<String, u64>) -> String {
    const MOST: usize = 3;
    let mut values: Vec<(&String, &u64)> = values.iter().collect();
    values.sort_by(|one, other| other.1.cmp(one.1).then(one.0.cmp(other.0)));
    let all: u64 = values.iter().map(|(_, calls)| **calls).sum();
    let mut words: Vec<String> = values
        .iter()
        .take(MOST)
        .map(|(value, calls)| format!("{value} {}", percent(count_as_f64(**calls) / count_as_f64(all.max(1)))))
        .collect();
    if values.len() > MOST {
        words.push(format!("{} more", values.len() - MOST));
    }
    words.join(", ")
}
