//! The tables of the demo: by category, by statement, and what stays slow.

use pgtailor_model::measurement::{CategoryMeasurement, Latency, Measurement, StatementMeasurement};
use pgtailor_model::unit::{Milliseconds, grouped, three_digits};

use super::{gain, kept};
use crate::document::{Cell, ColumnKind, Table};
use crate::number::{percent, reduction_words};

pub(super) fn category_table(categories: &[CategoryMeasurement]) -> Table {
    let mut table = Table::new(
        "Milliseconds as the client saw them, measured.",
        [
            ("category", ColumnKind::Words),
            ("promised", ColumnKind::Number),
            ("median before (ms)", ColumnKind::Number),
            ("median after (ms)", ColumnKind::Number),
            ("p95 before (ms)", ColumnKind::Number),
            ("p95 after (ms)", ColumnKind::Number),
            ("median gained", ColumnKind::Number),
            ("verdict", ColumnKind::Words),
        ],
    );
    table.rows = categories
        .iter()
        .map(|category| {
            let [median_before, median_after, p95_before, p95_after] = latencies(&category.before, &category.after);
            vec![
                category.name.as_str().into(),
                bracket(category.promise).into(),
                median_before,
                median_after,
                p95_before,
                p95_after,
                gain_cell(&category.before, &category.after),
                kept(category).cell(),
            ]
        })
        .collect();
    table
}

pub(super) fn statement_table(statements: &[StatementMeasurement]) -> Table {
    let mut table = Table::new(
        "Milliseconds as the client saw them, measured.",
        [
            ("statement", ColumnKind::Words),
            ("runs before", ColumnKind::Number),
            ("runs after", ColumnKind::Number),
            ("median before (ms)", ColumnKind::Number),
            ("median after (ms)", ColumnKind::Number),
            ("p95 before (ms)", ColumnKind::Number),
            ("p95 after (ms)", ColumnKind::Number),
            ("median gained", ColumnKind::Number),
        ],
    );
    table.rows = statements
        .iter()
        .map(|statement| {
            let [median_before, median_after, p95_before, p95_after] = latencies(&statement.before, &statement.after);
            vec![
                statement.name.as_str().into(),
                grouped(statement.before.executions).into(),
                grouped(statement.after.executions).into(),
                median_before,
                median_after,
                p95_before,
                p95_after,
                gain_cell(&statement.before, &statement.after),
            ]
        })
        .collect();
    table
}

pub(super) fn slow_table(measured: &Measurement) -> Table {
    let mut table = Table::new(
        "Medians in milliseconds, measured.",
        [
            ("statement", ColumnKind::Words),
            ("before (ms)", ColumnKind::Number),
            ("after (ms)", ColumnKind::Number),
            ("because", ColumnKind::Words),
        ],
    );
    table.rows = measured
        .stays_slow
        .iter()
        .map(|slow| {
            let statement = measured.statements.iter().find(|statement| statement.name == slow.statement);
            let [before, after, ..] =
                statement.map_or_else(Default::default, |statement| latencies(&statement.before, &statement.after));
            vec![slow.statement.as_str().into(), before, after, slow.reason.as_str().into()]
        })
        .collect();
    table
}

/// Median before and after, p95 before and after; `-` where nothing was executed.
fn latencies(before: &Latency, after: &Latency) -> [Cell; 4] {
    let shown = |latency: &Latency, value: Milliseconds| -> Cell {
        if latency.executions == 0 { "-".into() } else { three_digits(value.0).into() }
    };
    [shown(before, before.median), shown(after, after.median), shown(before, before.p95), shown(after, after.p95)]
}

pub(super) fn gain_cell(before: &Latency, after: &Latency) -> Cell {
    let Some(gain) = gain(before, after) else { return "-".into() };
    let words = reduction_words(gain);
    let short = words
        .strip_suffix(" less")
        .map_or_else(|| words.strip_suffix(" more").map_or_else(|| "0 %".to_owned(), |loss| format!("-{loss}")), str::to_owned);
    short.into()
}

pub(super) fn bracket(promise: Option<(f64, f64)>) -> String {
    promise.map_or_else(
        || "-".to_owned(),
        |(low, high)| {
            let whole = |fraction: f64| percent(fraction).trim_end_matches(" %").trim_end_matches(".0").to_owned();
            format!("{}-{} %", whole(low), whole(high))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_run_gained_nothing() {
        let idle = Latency::default();
        let busy = Latency { executions: 10, median: Milliseconds(5.0), ..Latency::default() };
        assert_eq!(gain(&busy, &idle), None);
        assert_eq!(gain(&idle, &busy), None);
        assert_eq!(gain_cell(&busy, &idle).text, "-");
        assert_eq!(gain_cell(&busy, &busy).text, "0 %");
    }

    #[test]
    fn a_bracket_is_written_without_needless_zeros() {
        assert_eq!(bracket(Some((0.9, 0.99))), "90-99 %");
        assert_eq!(bracket(None), "-");
    }
}
