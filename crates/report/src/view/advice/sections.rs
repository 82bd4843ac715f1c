//! The parts of advice as blocks: one recommendation, what gets worse, other answers, what lost, what was left out, what it rests on.

use pgtailor_model::advice::{Advice, AdvisedStatement, Loss, Recommendation, Rejected};
use pgtailor_model::change::Change;
use pgtailor_model::name::quote_identifier;
use pgtailor_model::unit::{Milliseconds, grouped};

use super::{script, words};
use crate::document::{Block, Cell, ColumnKind, Document, Fact, Item, Table, Text, Tone};
use crate::number::{counted, growth_words, short_count};
use crate::view::twin::{fidelity_words, snapshot_words};

/// Most losers, refusals and skipped statements that are shown to people; the JSON has all.
const MOST: usize = 10;
/// Most statements shown under one recommendation.
const MOST_SERVED: usize = 3;
/// Most rows of the table of other answers.
const MOST_ANSWERS: usize = 8;
/// Gains whose ratio is closer to 1 than this are shown once.
const SAME_GAIN: f64 = 0.1;

/// How much is said of a recommendation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// The statements that gain most.
    Short,
    /// All of them.
    Full,
}

/// One recommendation with its evidence.
pub fn item(advice: &Advice, number: usize, recommendation: &Recommendation, detail: Detail) -> Item {
    let is_drop = matches!(recommendation.change, Change::DropIndex { .. });
    let mut facts = vec![Fact::words("table", recommendation.table.to_string())];
    if !recommendation.kinds.is_empty() && !is_drop {
        facts.push(Fact::words("good for", recommendation.kinds.join(", ")));
    }
    let (gain, loss) = (recommendation.gain, recommendation.loss_without);
    facts.push(Fact::number(
        "planner cost",
        format!("{} of the workload's", words::fall(advice, gain)),
        "what-if, added to those before it",
    ));
    if detail == Detail::Full || (gain - loss).abs() > SAME_GAIN * gain.abs().max(loss.abs()) {
        let rise = words::fall(advice, -loss);
        facts.push(Fact::number("without it", format!("{rise} of the workload's"), "what-if, all others being there"));
    }
    let size = if is_drop { "gives back" } else { "size" };
    facts.push(Fact::number(size, recommendation.size.to_string(), "estimated"));
    if !is_drop || recommendation.upkeep.entries > 0.0 {
        let label = if is_drop { "upkeep saved" } else { "upkeep" };
        facts.push(Fact::number(label, words::upkeep(advice, &recommendation.upkeep), "estimated"));
    }
    if !recommendation.replaces.is_empty() {
        facts.push(Fact::words("replaces", replaced(advice, recommendation)));
    }
    if recommendation.partitions.is_some() && !is_drop {
        let dance = "the table is partitioned: it is built on each partition concurrently and attached, see --format sql";
        facts.push(Fact::words("but", dance));
    }
    let because = recommendation.because.iter().enumerate();
    facts.extend(because.map(|(at, because)| Fact::words(if at == 0 { "because" } else { "and" }, because)));
    facts.extend(served(advice, recommendation, detail));
    let title = script::first_sql(advice, recommendation);
    Item { number, badge: None, title: Text::Sql(title), facts }
}

/// What it makes superfluous, and whether that is dropped.
fn replaced(advice: &Advice, recommendation: &Recommendation) -> String {
    let is_dropped = |name: &String| {
        advice.recommendations.iter().any(|other| {
            matches!(other.change, Change::DropIndex { .. })
                && other.change.index_name() == Some(name)
                && other.table == recommendation.table
        })
    };
    let names: Vec<String> = recommendation.replaces.iter().map(|name| quote_identifier(name)).collect();
    let stays = !recommendation.replaces.iter().all(is_dropped);
    format!(
        "{}{}",
        names.join(", "),
        if stays { "; with --drops its drop is weighed, too" } else { "; its drop is recommended, too" }
    )
}

fn served(advice: &Advice, recommendation: &Recommendation, detail: Detail) -> Vec<Fact> {
    let all: Vec<&AdvisedStatement> = recommendation.serves.iter().filter_map(|at| advice.statements.get(*at)).collect();
    let most = if detail == Detail::Full { all.len() } else { MOST_SERVED };
    let mut facts: Vec<Fact> = all
        .iter()
        .take(most)
        .enumerate()
        .map(|(at, statement)| Fact {
            label: if at == 0 { "serves" } else { "and" }.to_owned(),
            value: Text::Excerpt(statement.text.clone()),
            source: served_words(statement),
        })
        .collect();
    if all.len() > most {
        facts.push(Fact::words("and", counted(all.len() - most, "more statement", "more statements")));
    }
    facts
}

fn served_words(statement: &AdvisedStatement) -> String {
    let costs = words::before_after(statement.before, statement.after);
    let calls = if statement.calls == 1 { "execution" } else { "executions" };
    let early_stop = words::early_stop(statement);
    format!("planner cost {costs} with all recommendations (what-if{early_stop}), {} {calls}", grouped(statement.calls))
}

/// Statements that get worse, by their worst values; or that there is none.
pub fn push_worse(document: &mut Document, advice: &Advice) {
    if advice.recommendations.is_empty() {
        return;
    }
    let mut worse: Vec<&AdvisedStatement> = advice
        .statements
        .iter()
        .filter(|statement| words::is_worse(statement.worst_binding) || words::is_worse(statement.after / statement.before))
        .collect();
    if worse.is_empty() {
        document.note(Tone::Good, "no statement's planner cost rises, for any of the values that were planned (what-if)");
        return;
    }
    worse.sort_by(|one, other| other.worst_binding.total_cmp(&one.worst_binding));
    document.heading(format!("Worse: {}", counted(worse.len(), "statement", "statements")));
    let mut table = Table::new(
        "Planner costs of one execution, what-if; the last column is for the values for which it rises most.",
        [
            ("statement", ColumnKind::Excerpt),
            ("before", ColumnKind::Number),
            ("after", ColumnKind::Number),
            ("worst values", ColumnKind::Number),
        ],
    );
    table.rows = worse
        .iter()
        .take(MOST)
        .map(|statement| -> Vec<Cell> {
            vec![
                statement.text.clone().into(),
                words::cost(statement.before).into(),
                words::cost(statement.after).into(),
                Cell::toned(growth_words(1.0, statement.worst_binding), Tone::Warning),
            ]
        })
        .collect();
    document.blocks.push(Block::Table(table));
    push_more(document, worse.len());
}

/// Other answers, smaller and larger.
pub fn push_front(document: &mut Document, advice: &Advice) {
    if advice.front.is_empty() {
        return;
    }
    let mut table = Table::new(
        "Other answers, by size (estimated): each is better in planner cost (what-if) or in size than every other. The share is of the workload's cost before; upkeep is a part of the cost.",
        [
            ("indexes", ColumnKind::Number),
            ("size", ColumnKind::Number),
            ("cost", ColumnKind::Number),
            ("share", ColumnKind::Number),
            ("upkeep", ColumnKind::Number),
        ],
    );
    table.rows = spread(&advice.front, MOST_ANSWERS)
        .into_iter()
        .map(|point| -> Vec<Cell> {
            vec![
                point.indexes.to_string().into(),
                point.size.to_string().into(),
                words::cost(point.cost).into(),
                words::share(advice, point.cost).into(),
                words::cost(point.upkeep).into(),
            ]
        })
        .collect();
    document.blocks.push(Block::Table(table));
    if advice.front.len() > MOST_ANSWERS {
        let left = advice.front.len() - MOST_ANSWERS;
        document.paragraph(format!("{} in between: see --format json.", counted(left, "answer", "answers")));
    }
}

/// At most `most` of `all`, evenly spaced, the first and the last among them.
fn spread<T>(all: &[T], most: usize) -> Vec<&T> {
    if all.len() <= most {
        return all.iter().collect();
    }
    (0..most).map(|at| &all[at * (all.len() - 1) / (most - 1)]).collect()
}

/// Candidates that must not be made.
pub fn push_refused(document: &mut Document, advice: &Advice) {
    let refused: Vec<&Rejected> = advice.rejected.iter().filter(|one| matches!(one.reason, Loss::Refused { .. })).collect();
    push_rejected(document, advice, "Refused", &refused);
}

/// Candidates that lost, those first that would have gained most.
pub fn push_lost(document: &mut Document, advice: &Advice) {
    let mut lost: Vec<&Rejected> = advice.rejected.iter().filter(|one| !matches!(one.reason, Loss::Refused { .. })).collect();
    lost.sort_by(|one, other| words::gain_of(other).total_cmp(&words::gain_of(one)));
    push_rejected(document, advice, "Not recommended", &lost);
}

fn push_rejected(document: &mut Document, advice: &Advice, title: &str, rejected: &[&Rejected]) {
    if rejected.is_empty() {
        return;
    }
    document.heading(format!("{title}: {}", counted(rejected.len(), "candidate", "candidates")));
    let lines = rejected.iter().take(MOST).map(|one| rejected_line(advice, one)).collect();
    document.blocks.push(Block::List(lines));
    if rejected.len() > MOST {
        document.paragraph(format!("{} more: pgtailor why-not \"table (a, b)\" says why of each.", rejected.len() - MOST));
    }
}

/// `orders (status), 21.0 MB: gains 0.3 % alone …`
pub fn rejected_line(advice: &Advice, rejected: &Rejected) -> String {
    let size = rejected.size.map_or_else(String::new, |size| format!(", {size}"));
    format!("{} {}{size}: {}", rejected.table, rejected.definition, words::loss(advice, &rejected.reason))
}

/// Statements that were not considered, with the reason of each.
pub fn push_skipped(document: &mut Document, advice: &Advice) {
    let skipped = &advice.skipped;
    if skipped.is_empty() {
        return;
    }
    document.heading(format!("Not considered: {}", counted(skipped.len(), "statement", "statements")));
    let mut table =
        Table::new("", [("statement", ColumnKind::Excerpt), ("executions", ColumnKind::Number), ("reason", ColumnKind::Words)]);
    table.rows = skipped
        .iter()
        .take(MOST)
        .map(|one| -> Vec<Cell> { vec![one.statement.clone().into(), short_count(one.calls).into(), one.reason.clone().into()] })
        .collect();
    document.blocks.push(Block::Table(table));
    push_more(document, skipped.len());
}

/// Where the answer comes from, what it had to keep to and what it took.
pub fn basis(advice: &Advice) -> Vec<Fact> {
    let effort = advice.effort;
    let planner = advice.fidelity.as_ref().map_or_else(|| "the database's own".to_owned(), fidelity_words);
    vec![
        Fact::words("database", snapshot_words(&advice.database, &advice.version, advice.captured_at)),
        Fact::words("planner", planner),
        Fact::words("statements", counted(advice.statements.len(), "considered", "considered")),
        Fact::words("weighed by", words::weighing(advice.weighed_by)),
        Fact::words("limits", words::limits(advice)),
        Fact::words(
            "effort",
            format!(
                "{} for {}; {} more costs followed from them",
                counted(usize::try_from(effort.what_if_calls).unwrap_or(usize::MAX), "planning", "plannings"),
                counted(effort.candidates, "candidate", "candidates"),
                grouped(effort.plans_derived)
            ),
        ),
        Fact::number("time", Milliseconds(effort.seconds * 1000.0).to_string(), "measured"),
    ]
}

fn push_more(document: &mut Document, count: usize) {
    if count > MOST {
        document.paragraph(format!("{} more: see --format json.", count - MOST));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_thinned_from_end_to_end() {
        let all: Vec<usize> = (0..20).collect();
        let few = spread(&all, 8);
        assert_eq!((few.len(), few.first(), few.last()), (8, Some(&&0), Some(&&19)));
        assert!(few.is_sorted_by(|one, other| one < other));
        assert_eq!(spread(&all[..3], 8).len(), 3);
    }
}
