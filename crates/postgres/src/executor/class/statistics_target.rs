//! `ALTER TABLE … ALTER COLUMN … SET STATISTICS`.

use pgtailor_model::change::Change;
use pgtailor_model::name::{Oid, printable};
use pgtailor_model::outcome::StepResult;

use super::{How, Look, as_it_is, nothing_to_do, refused};
use crate::executor::error::{ApplyError, while_doing};
use crate::executor::sessions::Sessions;
use crate::executor::settle::Settling;
use crate::ledger::Move;

pub(super) async fn ready(change: &Change, sessions: &Sessions) -> Result<Look, ApplyError> {
    let Change::SetStatisticsTarget { table, table_oid, column, from, to } = change else { unreachable!("called by kind") };
    let named = printable(column);
    Ok(match current(sessions, *table_oid, column).await?.map(|Target(now)| now) {
        None => refused(&format!("table {table} has no column {named}")),
        Some(now) if now == *to => nothing_to_do(&format!("column {named} has this statistics target already")),
        Some(now) if now != *from => refused(&format!(
            "the statistics target of column {named} is {}, and was {} when the decision was taken",
            words(now),
            words(*from)
        )),
        Some(_) => Ok(as_it_is(change, How::Short)),
    })
}

pub(super) async fn settle(settling: Settling<'_>) -> Result<StepResult, ApplyError> {
    let Change::SetStatisticsTarget { table_oid, column, to, .. } = settling.open.change else { unreachable!("called by kind") };
    if current(settling.sessions, *table_oid, column).await? == Some(Target(*to)) {
        return settling.applied(None, Move::default()).await;
    }
    settling.failed("the server did not set the target").await
}

/// A column's target; none is the default.
#[derive(PartialEq)]
struct Target(Option<u16>);

/// The target; `None` without such a column.
async fn current(sessions: &Sessions, table: Oid, column: &str) -> Result<Option<Target>, ApplyError> {
    // Null for the default since server 17, -1 before.
    const TARGET: &str = "SELECT /* pgtailor */ attstattarget::integer FROM pg_catalog.pg_attribute \
         WHERE attrelid = $1 AND attname::text = $2 AND NOT attisdropped";
    let doing = while_doing("look at the column's statistics target");
    let Some(row) = sessions.watchdog.query_opt(TARGET, &[&table.0, &column]).await.map_err(&doing)? else { return Ok(None) };
    let target: Option<i32> = row.try_get(0).map_err(&doing)?;
    Ok(Some(Target(target.and_then(|target| u16::try_from(target).ok()))))
}

fn words(target: Option<u16>) -> String {
    target.map_or_else(|| "the default".to_owned(), |target| target.to_string())
}
