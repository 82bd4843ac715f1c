//! `CREATE INDEX … ON ONLY parent`: declares, builds nothing, and is invalid until the last partition's index is attached.

use pgtailor_model::catalog::Index;
use pgtailor_model::change::Change;
use pgtailor_model::name::{Oid, printable};
use pgtailor_model::outcome::StepResult;

use super::{How, Look, Ready, alike, name_refusal, nothing_to_do, oids, refused};
use crate::executor::error::{ApplyError, while_doing};
use crate::executor::sessions::Sessions;
use crate::executor::settle::Settling;
use crate::ledger::Move;

pub(super) async fn ready(change: &Change, indexes: &[Index], sessions: &Sessions) -> Result<Look, ApplyError> {
    let Change::CreatePartitionedIndex { table, table_oid, name, definition } = change else { unreachable!("called by kind") };
    if let Some(twin) = alike(indexes, name, definition) {
        return Ok(nothing_to_do(&format!("index {} has the same definition", printable(&twin.name))));
    }
    if has_foreign_partition(sessions, *table_oid).await? {
        return Ok(refused(&format!(
            "table {table} has a foreign table as partition, on which no index can be: the one of the whole would stay invalid"
        )));
    }
    if let Some(refusal) = name_refusal(sessions, &table.schema, name).await? {
        return Ok(refusal);
    }
    Ok(Ok(Ready { change: change.clone(), sql: change.sql(), how: How::Short, indexes_before: oids(indexes), index: None }))
}

pub(super) async fn settle(settling: Settling<'_>) -> Result<StepResult, ApplyError> {
    let Change::CreatePartitionedIndex { table_oid, name, definition, .. } = settling.open.change else {
        unreachable!("called by kind")
    };
    let indexes = settling.sessions.indexes_of(*table_oid).await?;
    let new: Vec<Index> = indexes.into_iter().filter(|index| !settling.open.indexes_before.contains(&index.oid)).collect();
    match alike(&new, name, definition) {
        Some(index) => {
            let found = Move { index_oid: Some(index.oid), built: index.definition.as_ref(), ..Move::default() };
            settling.applied(None, found).await
        }
        None => settling.failed("the server declared no index").await,
    }
}

async fn has_foreign_partition(sessions: &Sessions, table: Oid) -> Result<bool, ApplyError> {
    const FOREIGN: &str = "SELECT /* pgtailor */ EXISTS (SELECT FROM pg_catalog.pg_partition_tree($1::oid::regclass) t \
         JOIN pg_catalog.pg_class c ON c.oid = t.relid WHERE c.relkind = 'f')";
    let doing = while_doing("look at the partitions");
    let row = sessions.watchdog.query_one(FOREIGN, &[&table.0]).await.map_err(&doing)?;
    row.try_get(0).map_err(&doing)
}
