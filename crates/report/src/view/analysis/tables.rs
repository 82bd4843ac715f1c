//! How the tables are used, as the server's counters say it.

use jiff::Timestamp;
use pgtailor_model::performance::{Assessment, TablePerformance};
use pgtailor_model::unit::{Rows, ratio};
use serde_json::{Value, json};

use crate::document::{Cell, ColumnKind, Table, Tone};
use crate::number::{age, percent, short_count};
use crate::view::moment;

/// Who reads how much of each table, and whether that is good.
pub(super) fn reads_table(tables: &[TablePerformance], since: Option<Timestamp>) -> Table {
    let window = since.map_or_else(String::new, |since| format!(" since {} UTC", moment(since)));
    let mut view = Table::new(
        format!("Reads{window}, measured by the server's counters."),
        [
            ("table", ColumnKind::Words),
            ("reads", ColumnKind::Words),
            ("size", ColumnKind::Number),
            ("indexes", ColumnKind::Number),
            ("whole scans", ColumnKind::Number),
            ("rows a scan", ColumnKind::Number),
            ("index scans", ColumnKind::Number),
            ("rows by whole scans", ColumnKind::Number),
        ],
    );
    view.rows = tables
        .iter()
        .map(|table| -> Vec<Cell> {
            let a_scan = table.sequential_rows.zip(table.sequential_scans).and_then(|(rows, scans)| rows.0.checked_div(scans));
            vec![
                table.table.to_string().into(),
                assessment(table.assessment),
                shown(table.size.map(|size| size.to_string())),
                shown(table.index_size.map(|size| size.to_string())),
                shown(table.sequential_scans.map(short_count)),
                shown(a_scan.map(short_count)),
                shown(table.index_scans.map(short_count)),
                shown(table.sequential_share.map(percent)),
            ]
        })
        .collect();
    view
}

/// In what state each table is kept.
pub(super) fn upkeep_table(tables: &[TablePerformance], now: Timestamp) -> Table {
    let mut view = Table::new(
        "Upkeep, measured by the server's counters; ages at the capture. Row counts are the server's own estimate.",
        [
            ("table", ColumnKind::Words),
            ("live rows", ColumnKind::Number),
            ("dead rows", ColumnKind::Number),
            ("dead share", ColumnKind::Number),
            ("HOT updates", ColumnKind::Number),
            ("vacuum age", ColumnKind::Number),
            ("analyze age", ColumnKind::Number),
        ],
    );
    // Without counters nobody knows whether it ever was.
    let since = |table: &TablePerformance, moment: Option<Timestamp>| match moment {
        Some(moment) => age_at(moment, now).into(),
        None if table.live_rows.is_some() => "never".into(),
        None => shown(None),
    };
    view.rows = tables
        .iter()
        .map(|table| -> Vec<Cell> {
            vec![
                table.table.to_string().into(),
                shown(table.live_rows.map(|rows| short_count(rows.0))),
                shown(table.dead_rows.map(|rows| short_count(rows.0))),
                shown(dead_share(table).map(percent)),
                shown(table.hot_share.map(percent)),
                since(table, table.last_vacuum),
                since(table, table.last_analyze),
            ]
        })
        .collect();
    view
}

/// The tables that want attention, each with the reason.
pub(super) fn remarks(tables: &[TablePerformance]) -> Vec<String> {
    tables
        .iter()
        .filter(|table| table.assessment.is_some_and(|assessment| assessment >= Assessment::Watch))
        .map(|table| format!("{}: {}", table.table, table.reason))
        .collect()
}

pub(super) fn table_json(table: &TablePerformance) -> Value {
    json!({
        "table": table.table.sql(),
        "estimated_rows": table.estimated_rows,
        "size_bytes": table.size,
        "index_size_bytes": table.index_size,
        "sequential_scans": table.sequential_scans,
        "sequential_rows": table.sequential_rows,
        "index_scans": table.index_scans,
        "index_rows": table.index_rows,
        "sequential_share": table.sequential_share,
        "live_rows": table.live_rows,
        "dead_rows": table.dead_rows,
        "dead_share": dead_share(table),
        "hot_share": table.hot_share,
        "last_vacuum": table.last_vacuum,
        "last_analyze": table.last_analyze,
        "assessment": table.assessment,
        "reason": table.reason,
    })
}

/// How long before `now` `moment` was.
pub(super) fn age_at(moment: Timestamp, now: Timestamp) -> String {
    age(now.as_second() - moment.as_second())
}

fn dead_share(table: &TablePerformance) -> Option<f64> {
    let (Rows(dead), Rows(live)) = table.dead_rows.zip(table.live_rows)?;
    ratio(dead, dead.saturating_add(live))
}

fn assessment(assessment: Option<Assessment>) -> Cell {
    let tone = match assessment {
        None => return shown(None),
        Some(Assessment::Unused) => Tone::Quiet,
        Some(Assessment::Good) => Tone::Good,
        Some(Assessment::Watch) => Tone::Warning,
        Some(Assessment::Poor) => Tone::Bad,
    };
    Cell::toned(assessment.map_or("", Assessment::name), tone)
}

/// A number, or `-` where it was not captured.
fn shown(text: Option<String>) -> Cell {
    text.unwrap_or_else(|| "-".to_owned()).into()
}
