//! Files and folders of SQL, cut into statements and added to a collector.

use pgtailor_model::unit::Milliseconds;
use pgtailor_sql::{Collector, Kind, Observation, Values, split};

/// What a text of SQL gave.
pub(super) struct Added {
    /// Statements in it.
    pub(super) statements: u64,
    /// What stands in the way of more, as sentences without a period.
    pub(super) notes: Vec<String>,
}

/// Adds each statement of `sql` as executed `calls` times. `place` says where the text is from.
pub(super) fn add(collector: &mut Collector, sql: &str, place: &str, calls: u64) -> Added {
    collector.fill(|filling| {
        let cut = split(sql);
        for statement in &cut.statements {
            filling.add(
                Kind::File,
                &Observation {
                    text: statement.text,
                    values: if statement.text.contains('$') { Values::Unknown } else { Values::Known(&|| Some(Vec::new())) },
                    calls,
                    total_time: Milliseconds(0.0),
                    spread: None,
                    rows: None,
                    planning_time: None,
                    wal: None,
                    blocks_read: None,
                    temp_written: None,
                    tags: None,
                    place: &|| format!("{place}, line {}", statement.line),
                },
            );
        }
        let mut notes = Vec::new();
        if cut.commands > 0 {
            notes.push(format!("{place}: {} psql commands (lines that begin with \\) were left out", cut.commands));
        }
        if let Some(line) = cut.unfinished {
            notes.push(format!(
                "{place}, line {line}: a literal or comment is not closed; the text from there on is one statement"
            ));
        }
        Added { statements: u64::try_from(cut.statements.len()).unwrap_or(u64::MAX), notes }
    })
}

/// Bytes as text; what is not UTF-8 is replaced and said.
pub(super) fn text(bytes: Vec<u8>, place: &str, notes: &mut Vec<String>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| {
        notes.push(format!("{place} is not UTF-8; the bytes that are not text were replaced"));
        String::from_utf8_lossy(error.as_bytes()).into_owned()
    })
}
