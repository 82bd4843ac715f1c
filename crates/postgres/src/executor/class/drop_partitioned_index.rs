//! `DROP INDEX` of a partitioned table, with those of its partitions: only to take back what pgtailor made (`faults` F62).

use pgtailor_model::catalog::Index;
use pgtailor_model::change::Change;
use pgtailor_model::ledger::{State, parts_of};
use pgtailor_model::name::printable;
use pgtailor_model::outcome::StepResult;

use super::{How, Look, Ready, keeps, nothing_to_do, oids, refused};
use crate::executor::error::ApplyError;
use crate::executor::settle::Settling;
use crate::ledger::Move;

pub(super) fn ready(change: &Change, indexes: &[Index]) -> Look {
    let Change::DropPartitionedIndex { name, index_oid, definition, .. } = change else { unreachable!("called by kind") };
    let Some(found) = indexes.iter().find(|index| index.oid == *index_oid) else {
        return nothing_to_do(&format!("index {} is gone already", printable(name)));
    };
    if let Some(reason) = keeps(found, definition, true) {
        return refused(&format!("index {} {reason}", printable(name)));
    }
    if found.attached_to.is_some() || found.name != *name {
        return refused(&format!("index {} was renamed or attached to another since it was made; it stays", printable(name)));
    }
    let index = Some((found.oid, found.name.clone()));
    Ok(Ready { change: change.clone(), sql: change.sql(), how: How::Short, indexes_before: oids(indexes), index })
}

pub(super) async fn settle(settling: Settling<'_>) -> Result<StepResult, ApplyError> {
    let Change::DropPartitionedIndex { table_oid, name, index_oid, .. } = settling.open.change else {
        unreachable!("called by kind")
    };
    let sessions = settling.sessions;
    if sessions.indexes_of(*table_oid).await?.iter().any(|index| index.oid == *index_oid) {
        return settling.failed("the server did not drop the index").await;
    }
    let entries = sessions.ledger().entries().await?.unwrap_or_default();
    // What is attached before its being attached, by which it is found: a run that dies between them leaves the rest for the next one.
    for part in parts_of(&entries, *table_oid, name).into_iter().rev() {
        sessions.ledger().advance(part.id, State::Applied, State::RolledBack, &Move::default()).await?;
    }
    settling.applied(None, Move::default()).await
}
