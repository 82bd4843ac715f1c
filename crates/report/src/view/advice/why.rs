//! Why something is recommended, or is not: the record of one index or one candidate, out of advice that was kept.
//!
//! What was never considered is said to be that, with the nearest that was. Nothing is decided anew here.

use std::collections::BTreeSet;

use pgtailor_model::advice::{Advice, Recommendation, Rejected};
use pgtailor_model::change::Change;
use pgtailor_model::name::QualifiedName;
use serde_json::{Value, json};

use super::definition::{self, Asked};
use super::{json, script, sections, words};
use crate::document::{Block, Document, Fact, Item, Text};
use crate::report::{Report, Statement};
use crate::sql_text::change_words;
use crate::view::twin::snapshot_words;

/// Most near ones that are named.
const MOST_NEAR: usize = 5;

/// The record of one index or candidate.
#[derive(Clone, Debug)]
pub struct WhyReport<'a> {
    advice: &'a Advice,
    asked: String,
    found: Found<'a>,
}

/// What was asked for, in the advice.
#[derive(Clone, Debug)]
enum Found<'a> {
    /// It is recommended.
    Recommended(&'a Recommendation),
    /// It exists, and a recommendation makes it superfluous.
    ReplacedBy(&'a Recommendation),
    /// It lost.
    Rejected(&'a Rejected),
    /// It was never considered; these are the nearest.
    Unknown(Vec<String>),
}

/// Why the index called `name` is recommended, dropped or replaced.
pub fn why<'a>(advice: &'a Advice, name: &str) -> WhyReport<'a> {
    let name = name.trim();
    let is_meant = |recommendation: &Recommendation, index: &str| {
        index == name || QualifiedName::new(&recommendation.table.schema, index).sql() == name
    };
    let all = &advice.recommendations;
    let changed = all.iter().find(|one| one.change.index_name().is_some_and(|index| is_meant(one, index)));
    let replaced = all.iter().find(|one| one.replaces.iter().any(|index| is_meant(one, index)));
    let found = match (changed, replaced) {
        (Some(recommendation), _) => Found::Recommended(recommendation),
        (None, Some(recommendation)) => Found::ReplacedBy(recommendation),
        (None, None) => {
            let known =
                all.iter().flat_map(|one| one.change.index_name().into_iter().chain(one.replaces.iter().map(String::as_str)));
            let near: BTreeSet<(usize, &str)> = known.map(|index| (definition::name_distance(name, index), index)).collect();
            Found::Unknown(near.into_iter().map(|(_, index)| index.to_owned()).take(MOST_NEAR).collect())
        }
    };
    WhyReport { advice, asked: name.to_owned(), found }
}

/// Why the index that `definition` describes is not recommended: `orders (customer_id, created_at desc)`. `None` when the text is no table
/// with columns.
pub fn why_not<'a>(advice: &'a Advice, definition: &str) -> Option<WhyReport<'a>> {
    let asked = definition::asked(definition)?;
    let lost = advice.rejected.iter().find(|one| asked.is(&one.table, &one.definition));
    let chosen = advice.recommendations.iter().find(
        |one| matches!(&one.change, Change::CreateIndex { table, definition, .. } if asked.is(table, &definition.to_string())),
    );
    let found = match (chosen, lost) {
        (Some(recommendation), _) => Found::Recommended(recommendation),
        (None, Some(rejected)) => Found::Rejected(rejected),
        (None, None) => Found::Unknown(nearest(advice, &asked)),
    };
    Some(WhyReport { advice, asked: definition.trim().to_owned(), found })
}

/// Candidates of the same table, those first that need the fewest words changed; of tables with a like name when there is none.
fn nearest(advice: &Advice, asked: &Asked) -> Vec<String> {
    let lost = advice.rejected.iter().map(|one| (&one.table, one.definition.clone()));
    let chosen = advice.recommendations.iter().filter_map(|one| match &one.change {
        Change::CreateIndex { table, definition, .. } => Some((table, definition.to_string())),
        _ => None,
    });
    let mut near: Vec<(usize, usize, String)> = lost
        .chain(chosen)
        .map(|(table, definition)| {
            let apart = if asked.is_on(table) { 0 } else { 1 + definition::name_distance(asked.table(), &table.name) };
            (apart, asked.distance(&definition), format!("{table} {definition}"))
        })
        .collect();
    near.sort();
    let is_on_table = near.first().is_some_and(|(apart, _, _)| *apart == 0);
    near.into_iter().filter(|(apart, _, _)| !is_on_table || *apart == 0).map(|(_, _, text)| text).take(MOST_NEAR).collect()
}

impl WhyReport<'_> {
    /// Whether it was considered at all.
    pub fn is_known(&self) -> bool {
        !matches!(self.found, Found::Unknown(_))
    }

    fn title(&self) -> String {
        let asked = &self.asked;
        match &self.found {
            Found::Recommended(recommendation) => format!("Why: {} is recommended", change_words(&recommendation.change)),
            Found::ReplacedBy(_) => format!("Why: {asked} is made superfluous by a recommended index"),
            Found::Rejected(_) => format!("Why not: {asked} is not recommended"),
            Found::Unknown(_) => format!("Why: {asked} was never considered"),
        }
    }

    fn lost(&self, rejected: &Rejected) -> Item {
        let mut facts = vec![Fact::words("because", words::loss(self.advice, &rejected.reason))];
        facts.extend(rejected.size.map(|size| Fact::number("size", size.to_string(), "estimated")));
        facts.extend(rejected.because.iter().map(|because| Fact::words("was tried because", because)));
        Item { number: 1, badge: None, title: Text::Sql(format!("{} {}", rejected.table.sql(), rejected.definition)), facts }
    }
}

impl Report for WhyReport<'_> {
    fn kind(&self) -> &'static str {
        "why"
    }

    fn document(&self) -> Document {
        let advice = self.advice;
        let mut document = Document::new(self.title());
        match &self.found {
            Found::Recommended(one) | Found::ReplacedBy(one) => {
                document.blocks.push(Block::Item(sections::item(advice, 1, one, sections::Detail::Full)));
            }
            Found::Rejected(rejected) => {
                document.blocks.push(Block::Item(self.lost(rejected)));
                document.paragraph(
                    "Shares are of the planner cost of the whole workload before, what-if: planned and not measured, and no times.",
                );
            }
            Found::Unknown(near) if near.is_empty() => {
                document.paragraph("Neither a recommendation nor a candidate is in this record.");
            }
            Found::Unknown(near) => {
                document.paragraph("No statement of the workload made it a candidate. The nearest that were considered:");
                document.blocks.push(Block::List(near.clone()));
            }
        }
        let from = snapshot_words(&advice.database, &advice.version, advice.captured_at);
        document.blocks.push(Block::Facts(vec![Fact::words("database", from), Fact::words("limits", words::limits(advice))]));
        document.next(match &self.found {
            Found::Recommended(_) | Found::ReplacedBy(_) => "--format sql prints the statements",
            Found::Rejected(_) => "other limits may let it in: pgtailor advise --help lists them",
            Found::Unknown(_) => "ask for one of these, or for new advice with a workload that needs it",
        });
        document
    }

    fn json(&self) -> Value {
        let (verdict, record, nearest) = match &self.found {
            Found::Recommended(one) => ("recommended", json::recommendation(self.advice, one), Vec::new()),
            Found::ReplacedBy(one) => ("replaced", json::recommendation(self.advice, one), Vec::new()),
            Found::Rejected(one) => ("rejected", json::rejected(self.advice, one), Vec::new()),
            Found::Unknown(near) => ("not-considered", Value::Null, near.clone()),
        };
        json!({ "asked": self.asked, "verdict": verdict, "record": record, "nearest": nearest, "captured_at": self.advice.captured_at })
    }

    /// The statements of what is recommended; the drop of what it replaces is a recommendation of its own.
    fn sql(&self) -> Vec<Statement> {
        match &self.found {
            Found::Recommended(one) => {
                let steps = script::steps_of(self.advice, std::slice::from_ref(*one));
                steps.into_iter().map(|step| Statement { sql: step.sql, why: step.notes.join("\n") }).collect()
            }
            Found::ReplacedBy(_) | Found::Rejected(_) | Found::Unknown(_) => Vec::new(),
        }
    }
}
