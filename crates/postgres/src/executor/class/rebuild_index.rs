//! `REINDEX INDEX CONCURRENTLY`: it builds a second index and swaps the two, so that what is left over says how far it came.
//!
//! Before the swap a new, invalid index is left (`…_ccnew`), after it the old one, invalid (`…_ccold`): then the rebuild has succeeded,
//! whatever the reply was (`faults` F66 to F72). Which is which follows from OIDs, not from names, which are cut when they are long.

use pgtailor_model::catalog::{ConstraintKind, Index};
use pgtailor_model::change::Change;
use pgtailor_model::ledger::State;
use pgtailor_model::name::printable;
use pgtailor_model::outcome::StepResult;

use super::{How, Look, Ready, oids, refused};
use crate::executor::aside;
use crate::executor::error::ApplyError;
use crate::executor::settle::Settling;
use crate::executor::supervise::Cancellable;
use crate::ledger::Move;

pub(super) fn ready(change: &Change, indexes: &[Index]) -> Look {
    let Change::RebuildIndex { table, table_oid, name, index_oid, definition, .. } = change else {
        unreachable!("called by kind")
    };
    let Some(found) = indexes.iter().find(|index| index.name == *name) else {
        return refused(&format!("index {} is gone or was renamed since the decision was taken", printable(name)));
    };
    if !found.definition.as_ref().is_some_and(|found| definition.is_same_build(found)) {
        return refused(&format!("index {} is not what it was when the decision was taken", printable(name)));
    }
    if found.oid != *index_oid && found.valid {
        return super::nothing_to_do(&format!("index {} was rebuilt since the decision was taken", printable(name)));
    }
    if found.constraint.as_ref().is_some_and(|constraint| constraint.kind == ConstraintKind::Exclusion) {
        return refused("an index of an exclusion constraint cannot be rebuilt concurrently");
    }
    if !found.valid && indexes.iter().any(|other| other.valid && other.definition == found.definition) {
        return refused(&format!("index {} is what a rebuild left over: it wants dropping, not rebuilding", printable(name)));
    }
    Ok(Ready {
        change: Change::RebuildIndex {
            table: table.clone(),
            table_oid: *table_oid,
            name: name.clone(),
            index_oid: found.oid,
            definition: definition.clone(),
            size: found.size,
        },
        sql: change.sql(),
        how: How::Supervised(Cancellable::Always),
        indexes_before: oids(indexes),
        index: Some((found.oid, found.name.clone())),
    })
}

pub(super) async fn settle(mut settling: Settling<'_>) -> Result<StepResult, ApplyError> {
    let Change::RebuildIndex { table, table_oid, name, index_oid, definition, .. } = settling.open.change else {
        unreachable!("called by kind")
    };
    let sessions = settling.sessions;
    let indexes = sessions.indexes_of(*table_oid).await?;
    let is_new = |index: &Index| !settling.open.indexes_before.contains(&index.oid);
    // Another invalid index that is new on the table is somebody else's, unless it is the same index once more (F66).
    let is_like = |index: &Index| index.definition.as_ref().is_some_and(|found| definition.is_same_build(found));
    let rebuilt = indexes.iter().find(|index| index.name == *name && index.oid != *index_oid && is_new(index));
    let left: Vec<&Index> = indexes
        .iter()
        .filter(|index| !index.valid && ((is_new(index) && is_like(index)) || (rebuilt.is_some() && index.oid == *index_oid)))
        .filter(|index| rebuilt.is_none_or(|rebuilt| rebuilt.oid != index.oid))
        .collect();
    if !left.is_empty() && settling.open.state != State::CleanupPending {
        settling.go(State::CleanupPending, Move::default()).await?;
    }
    for index in left {
        if !aside::drop_leftover(sessions, &table.schema, *table_oid, index, settling.events).await? {
            let what = if rebuilt.is_some() { "the index is rebuilt" } else { "the rebuild did not finish" };
            let reason = format!(
                "{}; its remainder {} could not be dropped yet, because a transaction is in the way; run pgtailor again",
                settling.words(what),
                printable(&index.name)
            );
            return Ok(StepResult::LeftOver { reason });
        }
    }
    match rebuilt {
        Some(index) => {
            let found = Move { index_oid: Some(index.oid), built: index.definition.as_ref(), ..Move::default() };
            settling.applied(index.size, found).await
        }
        None => settling.failed("the rebuild did not finish, and the index is as it was").await,
    }
}
