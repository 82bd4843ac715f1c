//! The reports, one file each: what is said, in which order, in which words.

pub mod advice;
pub mod analysis;
pub mod audit;
pub mod catalog;
pub mod demo;
pub mod doctor;
pub mod history;
pub mod outcome;
pub mod plan_check;
pub mod rollout;
pub mod together;
pub mod twin;
pub mod workload;

use jiff::Timestamp;
use pgtailor_model::change::Change;
use pgtailor_model::name::quote_identifier;

/// A moment for people, in UTC, to the minute: `2025-11-23 06:14`.
fn moment(timestamp: Timestamp) -> String {
    timestamp.strftime("%Y-%m-%d %H:%M").to_string()
}

/// The table of `change`, for people.
fn table_of(change: &Change) -> String {
    change.table().map_or_else(|| "the whole server".to_owned(), |(table, _)| table.to_string())
}

/// The same for programs: its SQL name, or null.
fn table_json(change: &Change) -> Option<String> {
    change.table().map(|(table, _)| table.sql())
}

/// A name as SQL writes it, for people.
fn named(name: &str) -> String {
    quote_identifier(name)
}
