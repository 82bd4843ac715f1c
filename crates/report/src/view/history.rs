//! What the ledger holds: every change, where it stands, and since when.

use pgtailor_model::change::Change;
use pgtailor_model::ledger::{Entry, State};
use serde_json::{Value, json};

use crate::document::{Block, Cell, ColumnKind, Document, Table, Tone};
use crate::number::counted;
use crate::report::Report;
use crate::sql_text::change_words;
use crate::view::{moment, table_json, table_of};

/// The ledger's entries, in the order given.
#[derive(Clone, Copy, Debug)]
pub struct HistoryReport<'a> {
    /// The entries.
    pub entries: &'a [Entry],
}

impl<'a> HistoryReport<'a> {
    /// A report on `entries`.
    pub fn new(entries: &'a [Entry]) -> Self {
        Self { entries }
    }
}

impl Report for HistoryReport<'_> {
    fn kind(&self) -> &'static str {
        "history"
    }

    fn document(&self) -> Document {
        let mut document = Document::new(match self.entries.len() {
            0 => "History: nothing was changed here".to_owned(),
            count => format!("History: {} in the ledger", counted(count, "change", "changes")),
        });
        if self.entries.is_empty() {
            document.next("`pgtailor optimize --dry-run` shows what could be done");
            return document;
        }
        document.blocks.push(Block::Table(table(self.entries)));
        let count = |wanted: fn(State) -> bool| self.entries.iter().filter(|entry| wanted(entry.state)).count();
        let unsettled = count(|state| !state.is_settled());
        document.next(if count(|state| state == State::NeedsHuman) > 0 {
            "look at the entries marked `needs-human`; nothing else will touch them"
        } else if unsettled > 0 {
            "a run is under way or was cut short; the next `pgtailor optimize` settles what was cut short"
        } else if count(|state| state == State::Applied) > 0 {
            "`pgtailor undo ID` takes one change back, `pgtailor undo --all` every one"
        } else {
            "nothing; no change of this ledger is in the database"
        });
        document
    }

    fn json(&self) -> Value {
        json!({ "entries": self.entries.iter().map(entry_json).collect::<Vec<_>>() })
    }
}

fn table(entries: &[Entry]) -> Table {
    let columns = [
        ("id", ColumnKind::Number),
        ("state", ColumnKind::Words),
        ("since (UTC)", ColumnKind::Words),
        ("change", ColumnKind::Words),
    ];
    let mut table = Table::new("", columns);
    table.rows = entries
        .iter()
        .map(|entry| -> Vec<Cell> {
            vec![
                entry.id.to_string().into(),
                Cell::toned(entry.state.name(), tone(entry.state)),
                moment(entry.state_since).into(),
                words(entry).into(),
            ]
        })
        .collect();
    table
}

/// What was done to which table, and what there is to say of it.
fn words(entry: &Entry) -> String {
    let change = match &entry.change {
        Change::SetParameter { .. } => change_words(&entry.change),
        Change::Analyze { .. } | Change::Vacuum { .. } => format!("{} {}", change_words(&entry.change), table_of(&entry.change)),
        _ => format!("{} on {}", change_words(&entry.change), table_of(&entry.change)),
    };
    let undoes = entry.undoes.map(|id| format!("takes back {id}"));
    let sqlstate = entry.sqlstate.as_ref().map(|code| format!("SQLSTATE {code}"));
    let remarks: Vec<String> = [undoes, entry.note.clone(), sqlstate].into_iter().flatten().collect();
    if remarks.is_empty() { change } else { format!("{change}; {}", remarks.join("; ")) }
}

fn tone(state: State) -> Tone {
    match state {
        State::Applied => Tone::Good,
        State::RolledBack => Tone::Quiet,
        State::Failed | State::NeedsHuman => Tone::Bad,
        State::Intent | State::Running | State::Verifying | State::Reconciling | State::CleanupPending => Tone::Warning,
    }
}

fn entry_json(entry: &Entry) -> Value {
    json!({
        "id": entry.id,
        "undoes": entry.undoes,
        "kind": entry.change.class(),
        "table": table_json(&entry.change),
        "index": entry.change.index_name(),
        "index_oid": entry.index_oid,
        "state": entry.state,
        "settled": entry.state.is_settled(),
        "state_since": entry.state_since,
        "created_at": entry.created_at,
        "sql": entry.do_sql,
        "undo_sql": entry.undo_sql,
        "sqlstate": entry.sqlstate,
        "note": entry.note,
        "server_fingerprint": entry.server_fingerprint,
    })
}
