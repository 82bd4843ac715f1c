//! What is particular to each kind of change: what the catalog must look like before it, and what it looks like when it is done.
//!
//! One file a kind, with the same two functions. `ready` looks at the catalog right before anything is sent and says how to send it, or that
//! nothing is to be sent. `settle` reads from the catalog what became of it, whether the statement succeeded, failed, or was never heard
//! of again, and must come to the same end when it runs twice.

mod attach_index;
mod create_index;
mod drop_index;
mod drop_partitioned_index;
mod extended_statistics;
mod maintenance;
mod parameter;
mod partitioned_index;
mod rebuild_index;
mod statistics_target;
mod storage_parameters;

use pgtailor_model::catalog::Index;
use pgtailor_model::change::Change;
use pgtailor_model::index::IndexDefinition;
use pgtailor_model::name::{Oid, QualifiedName, printable};
use pgtailor_model::outcome::StepResult;

use super::error::{ApplyError, while_doing};
use super::sessions::Sessions;
use super::settle::Settling;
use super::supervise::Cancellable;

/// A change that may be sent now.
pub(super) struct Ready {
    /// The change, with what the catalog says now in place of what was known when it was decided.
    pub change: Change,
    /// What is sent.
    pub sql: String,
    /// How it is sent.
    pub how: How,
    /// Every index of the table at this moment: none of these is ours to clean up.
    pub indexes_before: Vec<Oid>,
    /// The index that it is about, with its name now: it may have been renamed, or rebuilt under another OID, since it was made.
    pub index: Option<(Oid, String)>,
}

/// How a statement is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// Without timeouts, under the eyes of the watchdog.
    Supervised(Cancellable),
    /// In a short transaction, tried again while its lock is taken.
    Short,
    /// By itself, and the server is told to read its configuration again.
    Reload,
}

/// What came of looking before sending.
pub(super) type Look = Result<Ready, StepResult>;

/// Looks at the catalog before `change` is sent. `undoes` says that it takes back what pgtailor did.
pub(super) async fn ready(change: &Change, undoes: bool, sessions: &Sessions) -> Result<Look, ApplyError> {
    if !sessions.holds_lock().await? {
        return Ok(refused("the advisory lock was lost, so another pgtailor may be at work"));
    }
    let mut indexes = Vec::new();
    if let Some((table, table_oid)) = change.table() {
        if current_name(sessions, table_oid).await?.as_ref() != Some(table) {
            return Ok(refused(&format!(
                "table {table} was dropped or renamed since the decision was taken; run pgtailor again"
            )));
        }
        indexes = sessions.indexes_of(table_oid).await?;
    }
    match change {
        Change::CreateIndex { .. } => create_index::ready(change, undoes, &indexes, sessions).await,
        Change::DropIndex { .. } => Ok(drop_index::ready(change, undoes, &indexes)),
        Change::RebuildIndex { .. } => Ok(rebuild_index::ready(change, &indexes)),
        Change::CreatePartitionedIndex { .. } => partitioned_index::ready(change, &indexes, sessions).await,
        Change::AttachIndex { .. } => attach_index::ready(change, &indexes, sessions).await,
        Change::DropPartitionedIndex { .. } => Ok(drop_partitioned_index::ready(change, &indexes)),
        Change::Analyze { .. } | Change::Vacuum { .. } => Ok(Ok(as_it_is(change, How::Supervised(Cancellable::Always)))),
        Change::CreateStatistics { .. } | Change::DropStatistics { .. } => extended_statistics::ready(change, sessions).await,
        Change::SetStatisticsTarget { .. } => statistics_target::ready(change, sessions).await,
        Change::SetStorageParameters { .. } => storage_parameters::ready(change, sessions).await,
        Change::SetParameter { .. } => parameter::ready(change, sessions).await,
    }
}

/// Reads from the catalog what became of a change, and brings its entry to an end.
pub(super) async fn settle(settling: Settling<'_>) -> Result<StepResult, ApplyError> {
    match settling.open.change {
        Change::CreateIndex { .. } => create_index::settle(settling).await,
        Change::DropIndex { .. } => drop_index::settle(settling).await,
        Change::RebuildIndex { .. } => rebuild_index::settle(settling).await,
        Change::CreatePartitionedIndex { .. } => partitioned_index::settle(settling).await,
        Change::AttachIndex { .. } => attach_index::settle(settling).await,
        Change::DropPartitionedIndex { .. } => drop_partitioned_index::settle(settling).await,
        Change::Analyze { .. } | Change::Vacuum { .. } => maintenance::settle(settling).await,
        Change::CreateStatistics { .. } | Change::DropStatistics { .. } => extended_statistics::settle(settling).await,
        Change::SetStatisticsTarget { .. } => statistics_target::settle(settling).await,
        Change::SetStorageParameters { .. } => storage_parameters::settle(settling).await,
        Change::SetParameter { .. } => parameter::settle(settling).await,
    }
}

fn refused(reason: &str) -> Look {
    Err(StepResult::Failed { reason: reason.to_owned(), sqlstate: None })
}

fn nothing_to_do(reason: &str) -> Look {
    Err(StepResult::NothingToDo { reason: reason.to_owned() })
}

/// A change that is sent as it is.
fn as_it_is(change: &Change, how: How) -> Ready {
    Ready { change: change.clone(), sql: change.sql(), how, indexes_before: Vec::new(), index: None }
}

fn oids(indexes: &[Index]) -> Vec<Oid> {
    indexes.iter().map(|index| index.oid).collect()
}

/// An index of `definition`, or of `name` and like it: expressions are spelled otherwise by the server, so then the name must agree, too.
fn alike<'i>(indexes: &'i [Index], name: &str, definition: &IndexDefinition) -> Option<&'i Index> {
    indexes.iter().find(|index| {
        let found = index.definition.as_ref();
        found == Some(definition) || (index.name == name && found.is_some_and(|found| definition.is_same_build(found)))
    })
}

/// Why an index must stay, whoever made it: what it carries now is more than what it was made for.
fn keeps(index: &Index, definition: &IndexDefinition, undoes: bool) -> Option<String> {
    if let Some(constraint) = &index.constraint {
        return Some(format!("now implements the constraint {}; it stays", printable(&constraint.name)));
    }
    if index.replica_identity {
        return Some("is the table's replica identity by now: without it updates would fail; it stays".to_owned());
    }
    if index.clustered {
        return Some("is the one that the table is clustered on by now; it stays".to_owned());
    }
    let Some(found) = &index.definition else {
        return Some("could not be read, because its table is locked; try again".to_owned());
    };
    if found.unique && !undoes {
        return Some("is unique: it refuses duplicates even if no query reads it; it stays".to_owned());
    }
    (!definition.is_same_build(found)).then(|| "is not what the ledger says that it was; it stays".to_owned())
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

/// Refuses when `name` is another relation's by now.
async fn name_refusal(sessions: &Sessions, schema: &str, name: &str) -> Result<Option<Look>, ApplyError> {
    let taken = name_is_taken(sessions, schema, name).await?;
    Ok(taken.then(|| refused(&format!("the name {} was taken since the decision was taken", printable(name)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unique_index_goes_only_when_it_was_ours() {
        let definition = IndexDefinition { unique: true, ..IndexDefinition::btree(["a"]) };
        let index = Index::new(Oid(1), "i", definition.clone());
        assert_eq!(keeps(&index, &definition, true), None);
        assert!(keeps(&index, &definition, false).is_some_and(|reason| reason.contains("unique")));
    }
}
