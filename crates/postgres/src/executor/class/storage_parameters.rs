//! `ALTER TABLE … SET (…)`: fill factor and autovacuum of one table.

use std::collections::BTreeMap;

use pgtailor_model::change::Change;
use pgtailor_model::name::Oid;
use pgtailor_model::outcome::StepResult;

use super::{How, Look, as_it_is, nothing_to_do, refused};
use crate::executor::error::{ApplyError, while_doing};
use crate::executor::sessions::Sessions;
use crate::executor::settle::Settling;
use crate::ledger::Move;

pub(super) async fn ready(change: &Change, sessions: &Sessions) -> Result<Look, ApplyError> {
    let Change::SetStorageParameters { table, table_oid, parameters } = change else { unreachable!("called by kind") };
    let now = current(sessions, *table_oid).await?;
    if parameters.iter().all(|(name, value)| now.get(name) == value.to.as_ref()) {
        return Ok(nothing_to_do(&format!("table {table} has these storage parameters already")));
    }
    let changed =
        parameters.iter().find(|(name, value)| now.get(*name) != value.from.as_ref() && now.get(*name) != value.to.as_ref());
    Ok(match changed {
        Some((name, value)) => refused(&format!(
            "{name} of table {table} is {}, and was {} when the decision was taken",
            words(now.get(name)),
            words(value.from.as_ref())
        )),
        None => Ok(as_it_is(change, How::Short)),
    })
}

pub(super) async fn settle(settling: Settling<'_>) -> Result<StepResult, ApplyError> {
    let Change::SetStorageParameters { table_oid, parameters, .. } = settling.open.change else { unreachable!("called by kind") };
    let now = current(settling.sessions, *table_oid).await?;
    if parameters.iter().all(|(name, value)| now.get(name) == value.to.as_ref()) {
        return settling.applied(None, Move::default()).await;
    }
    settling.failed("the server did not set the parameters").await
}

async fn current(sessions: &Sessions, table: Oid) -> Result<BTreeMap<String, String>, ApplyError> {
    const OPTIONS: &str = "SELECT /* pgtailor */ coalesce(reloptions, '{}') FROM pg_catalog.pg_class WHERE oid = $1";
    let doing = while_doing("look at the table's storage parameters");
    let row = sessions.watchdog.query_opt(OPTIONS, &[&table.0]).await.map_err(&doing)?;
    let options: Vec<String> = row.map(|row| row.try_get(0)).transpose().map_err(&doing)?.unwrap_or_default();
    let pair = |option: &String| option.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(options.iter().filter_map(pair).collect())
}

fn words(value: Option<&String>) -> &str {
    value.map_or("not set", String::as_str)
}
