//! Phrases about advice: costs as shares of the workload's, limits, upkeep, losses and the bound. Every number says what it is of.

use std::cmp::Ordering;

use pgtailor_model::advice::{Advice, AdvisedStatement, Loss, Rejected, Upkeep, Weighing};
use pgtailor_model::unit::{Bytes, f64_as_count, three_digits};

use crate::number::{counted, percent, reduction, reduction_words, short_count};
use crate::text::cut;

/// Below this, cost after divided by cost before is a difference of rounding.
const WORSE: f64 = 1.0 + 1e-9;
/// Columns of a statement within a sentence.
const EXCERPT: usize = 48;

pub fn title(advice: &Advice) -> String {
    let database = &advice.database;
    match advice.recommendations.len() {
        0 => format!("Advice: nothing to recommend for {database}"),
        count => {
            let changes = counted(count, "change", "changes");
            let less = reduction(advice.cost_before, advice.cost_after).map(reduction_words);
            let less = less.filter(|words| words != "no change").unwrap_or_else(|| "unchanged".to_owned());
            format!("Advice: {changes} for {database}, planner cost of the workload {less} (what-if)")
        }
    }
}

pub fn summary(advice: &Advice) -> String {
    let (before, after) = (cost(advice.cost_before), cost(advice.cost_after));
    let changes = match advice.cost_after.total_cmp(&advice.cost_before) {
        Ordering::Less => "falls from",
        Ordering::Equal => "stays as it is, from",
        Ordering::Greater => "rises from",
    };
    let upkeep = if advice.upkeep > 0.0 {
        format!(", of which {} is the upkeep of new indexes", cost(advice.upkeep))
    } else {
        String::new()
    };
    format!(
        "The workload's planner cost {changes} {before} to {after}{upkeep}; new indexes take {} (estimated).{} Costs are what-if, planned and \
         not measured, and no times.",
        advice.size,
        early_stops(advice)
    )
}

/// What of the costs the planner does not see, as a sentence after another.
fn early_stops(advice: &Advice) -> String {
    let Some(stops) = advice.early_stops else { return String::new() };
    format!(
        " Of that, {} before and {} after are the price of plans of {} that mean to stop early and may not: the planner alone sees {} and {}.",
        cost(stops.before),
        cost(stops.after),
        counted(stops.statements, "statement", "statements"),
        cost(advice.planner_before()),
        cost(advice.planner_after())
    )
}

/// What of a statement's costs the planner does not see, as a clause behind others; empty where no plan of it stops early.
pub fn early_stop(statement: &AdvisedStatement) -> String {
    let (before, after) = (statement.early_stop_before, statement.early_stop_after);
    match (before > 0.0, after > 0.0) {
        (false, false) => String::new(),
        (true, false) => format!("; {} of the first is the price of an early stop", cost(before)),
        (false, true) => format!("; {} of the second is the price of an early stop", cost(after)),
        (true, true) => format!("; {} and {} of them are the price of early stops", cost(before), cost(after)),
    }
}

/// Why nothing is recommended.
pub fn nothing(advice: &Advice) -> String {
    let statements = counted(advice.statements.len(), "statement", "statements");
    if advice.statements.is_empty() {
        return "No statement could be considered, so nothing is known to be good or bad: see what was skipped.".to_owned();
    }
    if advice.rejected.is_empty() {
        return format!(
            "No candidate fits any of the {statements}: what they ask for is served by what is there, or no index could serve it."
        );
    }
    let count = |matches: fn(&Loss) -> bool| advice.rejected.iter().filter(|one| matches(&one.reason)).count();
    let parts = [
        (count(|loss| matches!(loss, Loss::Unused)), "that no plan uses"),
        (count(|loss| matches!(loss, Loss::Overlapped { .. })), "that gain less than the minimum"),
        (count(|loss| matches!(loss, Loss::Upkeep { .. })), "whose upkeep takes more than they gain"),
        (count(|loss| matches!(loss, Loss::Size { .. })), "that gain less than their size must"),
        (count(|loss| matches!(loss, Loss::Limit { .. })), "that do not fit the limits"),
        (count(|loss| matches!(loss, Loss::Regression { .. })), "with which some statement would get too dear"),
        (count(|loss| matches!(loss, Loss::Refused { .. })), "that are refused whatever they gain"),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let candidates = counted(advice.rejected.len(), "candidate", "candidates");
    format!(
        "The indexes that are there serve these {statements}: {candidates} tried, none worth it ({}). Costs are what-if, planned and not \
         measured, and no times.",
        parts.join(", ")
    )
}

/// How far from the best it can be; rounded so that it still holds.
pub fn bound(advice: &Advice) -> String {
    let bound = advice.bound;
    let within = advice.limits.budget.map_or_else(|| " within the limits".to_owned(), |budget| format!(" within {budget}"));
    let of = match bound.candidates {
        0 => return "There was no candidate to choose from, so there is no better choice among them.".to_owned(),
        1 => "this 1 candidate".to_owned(),
        count => format!("these {}", counted(count, "candidate", "candidates")),
    };
    let is_free = advice.limits.minimal_gain <= 0.0 && advice.limits.gain_per_size == Some(0.0);
    let counted = if is_free { "" } else { ", counting for each index the least that it must gain" };
    if bound.proven {
        return format!("No set of {of}{within} is better{counted}: proven, as far as one more index never makes a plan dearer.");
    }
    format!(
        "No set of {of}{within} is better by more than {} of the planner cost{counted}, as far as one more index never makes a plan dearer.",
        percent_up(bound.gap)
    )
}

/// Planner cost in few digits.
pub fn cost(value: f64) -> String {
    if value >= 10_000.0 { short_count(f64_as_count(value)) } else { three_digits(value) }
}

/// `part` of the workload's cost before, for people: `41.0 %`.
pub fn share(advice: &Advice, part: f64) -> String {
    let share = if advice.cost_before > 0.0 { part / advice.cost_before } else { 0.0 };
    if share < 0.0 { format!("-{}", percent(-share)) } else { percent(share) }
}

/// By what part the workload's cost falls: `-41.0 %`; a rise is `+41.0 %`.
pub fn fall(advice: &Advice, gain: f64) -> String {
    let percent = if advice.cost_before > 0.0 { gain / advice.cost_before * 100.0 } else { 0.0 };
    let sign = if percent > 0.0 { "-" } else { "+" };
    if percent == 0.0 { "0 %".to_owned() } else { format!("{sign}{} %", three_digits(percent.abs())) }
}

/// `71 234 -> 54.5`
pub fn before_after(before: f64, after: f64) -> String {
    format!("{} -> {}", cost(before), cost(after))
}

/// Whether a ratio of cost after to cost before is a rise.
pub fn is_worse(factor: f64) -> bool {
    factor > WORSE
}

/// What an index costs writes.
pub fn upkeep(advice: &Advice, upkeep: &Upkeep) -> String {
    if upkeep.entries <= 0.0 && upkeep.cost <= 0.0 && upkeep.hot_lost.is_empty() {
        return "none: no statement of the workload writes an entry to it".to_owned();
    }
    let mut parts = vec![format!("planner cost {} of the workload's", share(advice, upkeep.cost))];
    parts.push(match upkeep.wal_a_day {
        Some(wal) => format!("{wal} of write-ahead log a day"),
        None if upkeep.wal == Bytes(0) => "no write-ahead log".to_owned(),
        None => format!("{} of write-ahead log for the whole workload", upkeep.wal),
    });
    if upkeep.hot_lost.is_empty() {
        parts.push("no HOT update lost".to_owned());
    }
    for (column, updates) in &upkeep.hot_lost {
        parts.push(format!("{} HOT updates lost by {column}", short_count(f64_as_count(*updates))));
    }
    parts.join("; ")
}

/// Why a candidate lost, as a clause with its numbers.
pub fn loss(advice: &Advice, loss: &Loss) -> String {
    match loss {
        Loss::Refused { because } => because.clone(),
        Loss::Unused => "no plan uses it, even when every candidate is there".to_owned(),
        Loss::Overlapped { alone, beside, by } => {
            let by = if by.is_empty() { "the recommended indexes".to_owned() } else { by.join(", ") };
            format!("gains {} alone, but {} beside {by}", share(advice, *alone), share(advice, *beside))
        }
        Loss::Upkeep { gain, upkeep } => {
            format!("gains {}, but its upkeep costs {}", share(advice, *gain), share(advice, *upkeep))
        }
        Loss::Size { gain, least } => {
            format!("gains {}, less than the {} that an index of its size must gain", share(advice, *gain), share(advice, *least))
        }
        Loss::Limit { gain, limit } => format!("gains {}, but {limit}", share(advice, *gain)),
        Loss::Regression { statement, factor } => {
            let known = advice.statements.iter().find(|one| one.fingerprint == *statement);
            let text = known.map_or_else(String::new, |one| format!(" ({})", cut(&one.text, EXCERPT)));
            format!("statement {statement}{text} would cost {} times as much", three_digits(*factor))
        }
    }
}

/// What a candidate would have gained, for sorting: planner cost.
pub fn gain_of(rejected: &Rejected) -> f64 {
    match rejected.reason {
        Loss::Overlapped { alone, .. } => alone,
        Loss::Upkeep { gain, .. } | Loss::Size { gain, .. } | Loss::Limit { gain, .. } => gain,
        Loss::Refused { .. } | Loss::Unused | Loss::Regression { .. } => 0.0,
    }
}

/// What statements are weighed by.
pub fn weighing(weighing: Weighing) -> &'static str {
    match weighing {
        Weighing::Executions => "executions: a unit of planner cost counts the same in every statement",
        Weighing::Time => "time: each statement's share of the cost is its share of the measured time",
    }
}

/// What the answer had to keep to.
pub fn limits(advice: &Advice) -> String {
    let limits = &advice.limits;
    let mut parts = Vec::new();
    parts.extend(limits.budget.map(|budget| format!("{budget} of new indexes")));
    parts.extend(limits.indexes.map(|count| format!("at most {}", counted(count, "new index", "new indexes"))));
    parts.extend(limits.per_table.map(|count| format!("at most {count} a table")));
    parts.extend(limits.upkeep.map(|upkeep| format!("upkeep at most {} of the workload's cost", percent(upkeep))));
    parts.push(format!("each index gains at least {} of what is left", percent(limits.minimal_gain)));
    parts.extend(
        limits.gain_per_size.map(|part| format!("and {} of the part by which it makes the database larger", percent(part))),
    );
    parts.extend(limits.regression.map(|most| format!("no statement more than {} dearer", percent(most))));
    parts.push(format!("at most {}", counted(limits.columns, "key column", "key columns")));
    parts.join(", ")
}

/// A fraction as a percentage with one decimal, never less than it is.
fn percent_up(fraction: f64) -> String {
    // Rounding alone must not make 3.1 % into 3.2 %, and nothing must not become minus nothing.
    let tenths = (fraction * 1000.0 - 1e-6).ceil() + 0.0;
    format!("{:.1} %", tenths / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_never_rounded_to_less_than_was_proven() {
        assert_eq!(percent_up(0.0301), "3.1 %");
        assert_eq!(percent_up(0.031), "3.1 %");
        assert_eq!(percent_up(0.000_01), "0.1 %");
        assert_eq!(percent_up(0.0), "0.0 %");
    }

    #[test]
    fn equal_costs_are_no_rise() {
        assert!(!is_worse(1.0) && !is_worse(1.0 + 1e-12) && is_worse(1.001));
    }
}
