//! What every report answers, and the one function that renders it.

use serde_json::Value;

use crate::document::Document;
use crate::format::Format;

/// Version of the JSON that every report prints; raised when a documented field changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;

/// Something that can be shown in every format.
pub trait Report {
    /// Its name in the JSON's `kind`.
    fn kind(&self) -> &'static str;

    /// What a person reads.
    fn document(&self) -> Document;

    /// What a program reads: an object, as documented in `docs/json.md`, without `schema_version` and `kind`.
    fn json(&self) -> Value;

    /// The statements that a person would run by hand, in order. None when the report is no proposal.
    fn sql(&self) -> Vec<Statement> {
        Vec::new()
    }

    /// Whether its statements already are all that should be run, so that beside it those of other reports are not shown again.
    fn is_whole_proposal(&self) -> bool {
        false
    }

    /// What the SQL format says beside the statements, as comments.
    fn sql_remarks(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A statement that psql can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The statement, without a closing semicolon.
    pub sql: String,
    /// Why it is proposed, as sentences without a period, one a line.
    pub why: String,
}

/// How text for people looks. Never changes what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether colour is used.
    pub colour: Colour,
    /// The width of a line in terminal columns; used by the human format only, which takes no less than 40.
    pub width: usize,
}

/// Whether text carries colour, as ANSI escape sequences. Colour never carries meaning alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    Never,
    /// ANSI escape sequences.
    Always,
}

impl Style {
    /// Plain text of 80 columns: what a pipe gets.
    pub fn plain() -> Self {
        Self { colour: Colour::Never, width: 80 }
    }
}

/// `report` in `format`, ending in a line break. The same report, format and style give the same bytes.
pub fn render(report: &dyn Report, format: &dyn Format, style: &Style) -> String {
    let mut text = format.render(report, style);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}
