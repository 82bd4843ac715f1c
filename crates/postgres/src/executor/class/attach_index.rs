//! `ALTER INDEX parent ATTACH PARTITION child`: only a valid child, since one that is not keeps the parent invalid for good (`faults` F61).

use pgtailor_model::catalog::Index;
use pgtailor_model::change::Change;
use pgtailor_model::name::printable;
use pgtailor_model::outcome::StepResult;
use pgtailor_model::unit::Bytes;

use super::{How, Look, Ready, nothing_to_do, oids, refused};
use crate::executor::error::ApplyError;
use crate::executor::sessions::Sessions;
use crate::executor::settle::Settling;
use crate::ledger::Move;

pub(super) async fn ready(change: &Change, indexes: &[Index], sessions: &Sessions) -> Result<Look, ApplyError> {
    let Change::AttachIndex { table, name, parent, parent_oid, parent_index, .. } = change else {
        unreachable!("called by kind")
    };
    let whole = sessions.indexes_of(*parent_oid).await?.into_iter().find(|index| index.name == *parent_index);
    let Some(whole) = whole else {
        return Ok(refused(&format!("table {parent} has no index {} to attach to", printable(parent_index))));
    };
    if let Some(attached) = indexes.iter().find(|index| index.attached_to == Some(whole.oid)) {
        // Attaching once more is how the server is made to look whether the whole is valid by now.
        if whole.valid || attached.name != *name {
            return Ok(nothing_to_do(&format!("index {} is attached already", printable(&attached.name))));
        }
    }
    let Some(part) = indexes.iter().find(|index| index.name == *name) else {
        return Ok(refused(&format!("table {table} has no index {} to attach", printable(name))));
    };
    if !part.valid && part.attached_to.is_none() && !is_declared_only(part) {
        return Ok(refused(&format!("index {} is invalid, and would keep the whole invalid", printable(name))));
    }
    let same = part.definition.as_ref().zip(whole.definition.as_ref()).is_some_and(|(part, whole)| whole.is_same_build(part));
    if !same {
        return Ok(refused(&format!("index {} is not like {}", printable(name), printable(parent_index))));
    }
    let index = Some((part.oid, part.name.clone()));
    Ok(Ok(Ready { change: change.clone(), sql: change.sql(), how: How::Short, indexes_before: oids(indexes), index }))
}

pub(super) async fn settle(settling: Settling<'_>) -> Result<StepResult, ApplyError> {
    let Change::AttachIndex { table_oid, name, parent_oid, parent_index, .. } = settling.open.change else {
        unreachable!("called by kind")
    };
    let sessions = settling.sessions;
    let whole = sessions.indexes_of(*parent_oid).await?.into_iter().find(|index| index.name == *parent_index);
    let indexes = sessions.indexes_of(*table_oid).await?;
    let is_attached =
        |index: &&Index| index.name == *name && whole.as_ref().is_some_and(|whole| index.attached_to == Some(whole.oid));
    match indexes.iter().find(is_attached) {
        Some(index) => settling.applied(None, Move { index_oid: Some(index.oid), ..Move::default() }).await,
        None => settling.failed("the server did not attach the index").await,
    }
}

/// The index of a partitioned table is invalid while its own partitions wait: that is no fault. It has no page of its own.
fn is_declared_only(index: &Index) -> bool {
    index.size == Some(Bytes(0))
}
