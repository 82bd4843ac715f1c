//! DDL that comes with a change, carried out in a twin of its own before sizes and statistics are put there.
//!
//! It is added to the definitions of the snapshot, behind all of them, so the same powerless role carries it out. The two rows that a
//! twin's table may have are no data: a condition that they break is no mistake of the change.

use std::collections::BTreeSet;
use std::path::PathBuf;

use pgtailor_model::catalog::Catalog;
use pgtailor_model::name::{Oid, quote_identifier};
use pgtailor_model::planner::{Inexact, SchemaObject, SchemaObjectKind};
use pgtailor_model::snapshot::Snapshot;

use crate::error::Error;

/// The kind that is made last of all that comes before statistics and sizes.
const KIND: SchemaObjectKind = SchemaObjectKind::Statistics;

/// One statement of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// File and line.
    place: String,
    text: String,
}

/// The statements in `files`, without those that begin and end transactions.
pub(super) fn read(files: &[PathBuf]) -> Result<Vec<Change>, Error> {
    let mut changes = Vec::new();
    for path in files {
        let bytes = std::fs::read(path).map_err(|source| Error::ReadFile { path: path.clone(), source })?;
        let sql = String::from_utf8_lossy(&bytes);
        for statement in &pgtailor_sql::split(&sql).statements {
            if !controls_a_transaction(statement.text) {
                let place = format!("{}, line {}", path.display(), statement.line);
                changes.push(Change { place, text: in_one_transaction(statement.text) });
            }
        }
    }
    Ok(changes)
}

/// Tables whose name, or an index of which, occurs in the change: all that it could be about, and maybe more.
pub(super) fn tables_named(catalog: &Catalog, changes: &[Change]) -> BTreeSet<Oid> {
    let text: String = changes.iter().map(|change| change.text.to_lowercase() + "\n").collect();
    let occurs = |name: &str| text.contains(&name.to_lowercase());
    let is_named = |table: &&pgtailor_model::catalog::Table| {
        occurs(&table.name.name) || table.indexes.iter().any(|index| occurs(&index.name))
    };
    catalog.tables.iter().filter(is_named).map(|table| table.oid).collect()
}

/// `snapshot` with the change behind its definitions.
pub(super) fn with(snapshot: &Snapshot, changes: &[Change]) -> Snapshot {
    let mut with_them = snapshot.clone();
    if let Some(inputs) = &mut with_them.planner {
        let path: Vec<String> = inputs.search_path.iter().map(|schema| quote_identifier(schema)).collect();
        let path = if path.is_empty() { "pg_catalog".to_owned() } else { path.join(", ") };
        let object =
            |change: &Change| SchemaObject::new(KIND, &change.place, format!("SET LOCAL search_path = {path}; {}", change.text));
        inputs.schema.extend(changes.iter().map(object));
    }
    with_them
}

/// What of raising a twin with the change concerns the twin; a statement that was refused is an error.
pub(super) fn outcome(changes: &[Change], inexact: Vec<Inexact>) -> Result<Vec<Inexact>, Error> {
    let mut left = Vec::new();
    for mut inexact in inexact {
        let is_it = |change: &&Change| inexact.object == format!("{} {}", KIND.name(), change.place);
        let Some(change) = changes.iter().find(is_it) else {
            left.push(inexact);
            continue;
        };
        let sqlstate = sqlstate_in(&inexact.reason);
        if !sqlstate.starts_with("23") {
            return Err(Error::Change { place: change.place.clone(), reason: reason(&sqlstate).to_owned(), sqlstate });
        }
        inexact.object.clone_from(&change.place);
        "the rows that stand for the data in a twin do not fulfil it, so it is not there".clone_into(&mut inexact.reason);
        left.push(inexact);
    }
    Ok(left)
}

/// The code at the end of a reason.
fn sqlstate_in(reason: &str) -> String {
    let code = reason.rsplit_once("SQLSTATE ").map(|(_, code)| code.trim_end_matches(')'));
    code.unwrap_or_default().to_owned()
}

/// By SQLSTATE (`errcodes.txt`), what DDL usually fails of.
fn reason(sqlstate: &str) -> &'static str {
    match sqlstate {
        "42601" => "it is no statement that this server's grammar knows",
        "42P01" => "it names a table, view or index that does not exist",
        "42704" => "it names an index, type or other object that does not exist",
        "42703" => "it names a column that does not exist",
        "42883" => "it names a function or operator that does not exist",
        "42P07" | "42710" | "42701" => "something of this name exists already",
        "3F000" => "it names a schema that does not exist",
        "42501" => "it needs more rights than those of the schema's owner",
        "2BP01" => "something else depends on what it drops",
        _ => "the twin's server refuses it",
    }
}

fn controls_a_transaction(text: &str) -> bool {
    let word = words(text).next().unwrap_or_default().to_uppercase();
    ["BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE"].contains(&word.as_str())
}

/// Without `CONCURRENTLY`, which has no meaning where nobody else is and is refused in a transaction.
fn in_one_transaction(text: &str) -> String {
    let head: Vec<String> = words(text).take(4).map(str::to_uppercase).collect();
    let is_of_index =
        head.iter().any(|word| word == "INDEX") && head.first().is_some_and(|word| word == "CREATE" || word == "DROP");
    let lower = text.to_lowercase();
    match lower.find("concurrently") {
        Some(at) if is_of_index && head.iter().any(|word| word == "CONCURRENTLY") && lower.len() == text.len() => {
            format!("{}{}", &text[..at], &text[at + "concurrently".len()..])
        }
        _ => text.to_owned(),
    }
}

/// Words from the first that is in no comment.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let code = text.lines().map(|line| line.split("--").next().unwrap_or_default());
    code.flat_map(str::split_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions_are_left_to_the_twin() {
        assert!(controls_a_transaction("BEGIN") && controls_a_transaction("-- why\ncommit work"));
        assert!(!controls_a_transaction("CREATE TABLE begin ()"));
        assert_eq!(in_one_transaction("create index concurrently i ON t (a)"), "create index  i ON t (a)");
        assert_eq!(in_one_transaction("DROP INDEX CONCURRENTLY i"), "DROP INDEX  i");
        assert_eq!(in_one_transaction("COMMENT ON TABLE t IS 'concurrently'"), "COMMENT ON TABLE t IS 'concurrently'");
    }

    #[test]
    fn a_condition_that_the_twins_rows_break_is_no_mistake_of_the_change() {
        let change = Change { place: "a.sql, line 1".to_owned(), text: String::new() };
        let refused = |state: &str| Inexact {
            object: "extended statistics a.sql, line 1".to_owned(),
            table: None,
            reason: format!("the twin's server could not make it (SQLSTATE {state})"),
        };
        let noted = outcome(std::slice::from_ref(&change), vec![refused("23503")]).expect("no error");
        assert_eq!(noted[0].object, "a.sql, line 1");
        let error = outcome(&[change], vec![refused("42P01")]).expect_err("an error").to_string();
        assert_eq!(error, "cannot apply a.sql, line 1: it names a table, view or index that does not exist (SQLSTATE 42P01)");
    }
}
