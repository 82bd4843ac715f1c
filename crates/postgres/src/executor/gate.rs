//! The last questions before a statement is sent; what only the moment shows.

use pgtailor_model::catalog::Index;
use pgtailor_model::change::Change;
use pgtailor_model::index::{IndexDefinition, KeyPart};
use pgtailor_model::name::{Oid, QualifiedName, printable};
use pgtailor_model::outcome::StepResult;

use super::error::{ApplyError, while_doing};
use super::sessions::Sessions;

/// What the gate found when it let a change pass.
pub(super) struct Passed {
    /// Every index of the table at this moment: none of these is ours to clean up.
    pub indexes_before: Vec<Oid>,
    /// The index to drop, with its name now: it may have been renamed, or rebuilt under another OID, since it was made.
    pub to_drop: Option<(Oid, String)>,
}

/// Lets `change` pass, or says what became of it without anything being sent.
pub(super) async fn pass(change: &Change, sessions: &Sessions) -> Result<Result<Passed, StepResult>, ApplyError> {
    let (table, table_oid) = change.table();
    let refused = |reason: String| Ok(Err(StepResult::Failed { reason, sqlstate: None }));
    if !sessions.holds_lock().await? {
        return refused("the advisory lock was lost, so another pgtailor may be at work".to_owned());
    }
    if current_name(sessions, table_oid).await?.as_ref() != Some(table) {
        return refused(format!("table {table} was dropped or renamed since the decision was taken; run pgtailor again"));
    }
    let indexes = sessions.indexes_of(table_oid).await?;
    let indexes_before = indexes.iter().map(|index| index.oid).collect();
    match change {
        Change::CreateIndex { name, definition, .. } => {
            // Expressions are spelled otherwise by the server: then the name must agree, too.
            let is_twin = |index: &&Index| {
                let found = index.definition.as_ref();
                index.valid
                    && (found == Some(definition)
                        || (index.name == *name && found.is_some_and(|found| same_build(definition, found))))
            };
            let twin = indexes.iter().find(is_twin);
            if let Some(twin) = twin {
                let reason = format!("index {} has the same definition", printable(&twin.name));
                return Ok(Err(StepResult::NothingToDo { reason }));
            }
            if name_is_taken(sessions, &table.schema, name).await? {
                return refused(format!("the name {} was taken since the decision was taken", printable(name)));
            }
            Ok(Ok(Passed { indexes_before, to_drop: None }))
        }
        Change::DropIndex { name, index_oid, definition, .. } => {
            let found = indexes
                .iter()
                .find(|index| index.oid == *index_oid)
                .or_else(|| indexes.iter().find(|index| index.name == *name && index.definition.as_ref() == Some(definition)));
            let Some(found) = found else {
                let reason = format!("index {} is gone already", printable(name));
                return Ok(Err(StepResult::NothingToDo { reason }));
            };
            match keeps(found, definition) {
                Some(reason) => refused(format!("index {} {reason}", printable(&found.name))),
                None => Ok(Ok(Passed { indexes_before, to_drop: Some((found.oid, found.name.clone())) })),
            }
        }
        Change::Analyze { .. } => Ok(Ok(Passed { indexes_before, to_drop: None })),
    }
}

/// Whether two definitions describe one build: equal, but for the spelling of expressions and predicates, which the server rewrites.
pub(super) fn same_build(asked: &IndexDefinition, built: &IndexDefinition) -> bool {
    fn without_spelling(definition: &IndexDefinition) -> IndexDefinition {
        let mut plain = definition.clone();
        plain.predicate = plain.predicate.map(|_| String::new());
        for key in &mut plain.keys {
            if let KeyPart::Expression(text) = &mut key.part {
                text.clear();
            }
        }
        plain
    }
    without_spelling(asked) == without_spelling(built)
}

/// Why an index must stay, whoever made it: what it carries now is more than what it was made for.
fn keeps(index: &Index, definition: &IndexDefinition) -> Option<String> {
    if let Some(constraint) = &index.constraint {
        return Some(format!("now implements the constraint {}; it stays", printable(&constraint.name)));
    }
    if index.replica_identity {
        return Some("is the table's replica identity by now: without it updates would fail; it stays".to_owned());
    }
    if index.clustered {
        return Some("is the one that the table is clustered on by now; it stays".to_owned());
    }
    match &index.definition {
        Some(found) if same_build(definition, found) => None,
        Some(_) => Some("is not what the ledger says that it was; it stays".to_owned()),
        None => Some("could not be read, because its table is locked; try again".to_owned()),
    }
}

async fn current_name(sessions: &Sessions, table: Oid) -> Result<Option<QualifiedName>, ApplyError> {
    const NAME: &str = "SELECT /* pgtailor */ n.nspname::text, c.relname::text FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1";
    let doing = while_doing("look at the table");
    let Some(row) = sessions.watchdog.query_opt(NAME, &[&table.0]).await.map_err(&doing)? else { return Ok(None) };
    let schema: String = row.try_get(0).map_err(&doing)?;
    let name: String = row.try_get(1).map_err(&doing)?;
    Ok(Some(QualifiedName::new(schema, name)))
}

async fn name_is_taken(sessions: &Sessions, schema: &str, name: &str) -> Result<bool, ApplyError> {
    const TAKEN: &str = "SELECT /* pgtailor */ EXISTS (SELECT FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname::text = $1 AND c.relname::text = $2)";
    let row =
        sessions.watchdog.query_one(TAKEN, &[&schema, &name]).await.map_err(while_doing("look whether the name is free"))?;
    row.try_get(0).map_err(while_doing("look whether the name is free"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_is_the_same_whatever_the_server_made_of_its_predicate() {
        let asked = IndexDefinition { predicate: Some("deleted_at IS NULL".to_owned()), ..IndexDefinition::btree(["a"]) };
        let built = IndexDefinition { predicate: Some("(deleted_at IS NULL)".to_owned()), ..asked.clone() };
        assert!(same_build(&asked, &built));
        assert!(!same_build(&asked, &IndexDefinition::btree(["a"])));
        assert!(!same_build(&asked, &IndexDefinition { unique: true, ..built }));
    }
}
