//! What a declared catalog is worth: for every entry whether the workload pays for it, and which fewer indexes do as well.

use pgtailor_model::advice::{Advice, CatalogAdvice, EntryAdvice, EntryWorth, Replacement};
use pgtailor_model::name::quote_identifier;
use serde_json::{Value, json};

use super::{json as advice_json, words};
use crate::document::{Block, Cell, ColumnKind, Document, Fact, Table, Tone};
use crate::number::counted;

/// The section, when a catalog was asked about.
pub fn push(document: &mut Document, advice: &Advice) {
    let Some(catalog) = &advice.catalog else { return };
    let paying = catalog.entries.iter().filter(|entry| entry.worth == EntryWorth::Pays).count();
    document.heading(format!(
        "The catalog: the workload pays for {paying} of {}",
        counted(catalog.entries.len(), "entry", "entries")
    ));
    document.blocks.push(Block::Facts(facts(advice, catalog)));
    let mut table = Table::new(
        "Shares of the workload's planner cost before (what-if), upkeep (estimated) included: by how much the cost changes without the entry when all \
         other entries are there, and with it alone. Sizes are estimated.",
        [
            ("entry", ColumnKind::Words),
            ("verdict", ColumnKind::Words),
            ("without", ColumnKind::Number),
            ("alone", ColumnKind::Number),
            ("size", ColumnKind::Number),
            ("instead", ColumnKind::Words),
        ],
    );
    table.rows = catalog.entries.iter().map(|entry| row(advice, entry)).collect();
    document.blocks.push(Block::Table(table));
    let unknown = catalog.entries.iter().filter_map(|entry| match &entry.worth {
        EntryWorth::Unknown { because } => Some(format!("{}: {because}", quote_identifier(&entry.name))),
        _ => None,
    });
    let unknown: Vec<String> = unknown.collect();
    if !unknown.is_empty() {
        document.blocks.push(Block::List(unknown));
    }
}

fn facts(advice: &Advice, catalog: &CatalogAdvice) -> Vec<Fact> {
    let smallest = &catalog.smallest;
    let whole = format!(
        "planner cost {} of the workload's, of which {} is upkeep; {}",
        words::share(advice, catalog.cost_whole),
        words::share(advice, catalog.upkeep_whole),
        catalog.size_whole
    );
    let enough = format!(
        "{}; planner cost {} of the workload's; {}",
        counted(smallest.indexes.len(), "index", "indexes"),
        words::share(advice, smallest.cost),
        smallest.size
    );
    let names: Vec<String> = smallest.indexes.iter().map(|name| quote_identifier(name)).collect();
    vec![
        Fact::number("whole", whole, "what-if; size estimated"),
        Fact::number("none", format!("planner cost {} of the workload's", words::share(advice, catalog.cost_without)), "what-if"),
        Fact::number("enough", enough, "what-if, the smallest set found that is at least as good"),
        Fact::words("which is", names.join(", ")),
    ]
}

fn row(advice: &Advice, entry: &EntryAdvice) -> Vec<Cell> {
    let number =
        |value: Option<f64>, sign: f64| value.map_or_else(|| "unknown".to_owned(), |value| words::fall(advice, sign * value));
    let (word, tone) = verdict(&entry.worth);
    let instead: Vec<String> = entry.replaced_by.iter().map(|by| quote_identifier(name(by))).collect();
    vec![
        quote_identifier(&entry.name).into(),
        Cell::toned(word, tone),
        number(entry.loss_without, -1.0).into(),
        number(entry.gain_alone, 1.0).into(),
        entry.size.map_or_else(|| "unknown".to_owned(), |size| size.to_string()).into(),
        if instead.is_empty() { "-".to_owned() } else { instead.join(", ") }.into(),
    ]
}

fn verdict(worth: &EntryWorth) -> (&'static str, Tone) {
    match worth {
        EntryWorth::Pays => ("pays", Tone::Good),
        EntryWorth::Superfluous => ("superfluous", Tone::Warning),
        EntryWorth::Upkeep => ("costs more than it gains", Tone::Warning),
        EntryWorth::Unused => ("unused", Tone::Warning),
        EntryWorth::Unknown { .. } => ("unknown", Tone::Quiet),
    }
}

fn name(by: &Replacement) -> &str {
    match by {
        Replacement::Existing { name } | Replacement::Entry { name } | Replacement::Recommended { name } => name,
    }
}

/// The same for programs.
pub fn json(advice: &Advice) -> Value {
    let Some(catalog) = &advice.catalog else { return Value::Null };
    let entries: Vec<Value> = catalog
        .entries
        .iter()
        .map(|entry| {
            json!({
                "index": entry.name,
                "table": entry.table.sql(),
                "definition": entry.definition,
                "worth": entry.worth,
                "loss_without": entry.loss_without,
                "gain_alone": entry.gain_alone,
                "cost_provenance": "what-if",
                "writes": advice_json::writes(advice, &entry.upkeep),
                "size_bytes": entry.size,
                "size_provenance": "estimated",
                "replaced_by": entry.replaced_by,
            })
        })
        .collect();
    json!({
        "entries": entries,
        "cost_without": catalog.cost_without,
        "cost_whole": catalog.cost_whole,
        "upkeep_whole": catalog.upkeep_whole,
        "size_bytes_whole": catalog.size_whole,
        "smallest": {
            "indexes": catalog.smallest.indexes,
            "cost": catalog.smallest.cost,
            "size_bytes": catalog.smallest.size,
        },
    })
}
