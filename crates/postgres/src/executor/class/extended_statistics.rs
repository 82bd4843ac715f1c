//! `CREATE STATISTICS` and `DROP STATISTICS`: found by what they are, not by their names.

use std::collections::BTreeSet;

use pgtailor_model::change::{Change, StatisticsDefinition, StatisticsKind};
use pgtailor_model::name::{Oid, printable};
use pgtailor_model::outcome::StepResult;

use super::{How, Look, as_it_is, nothing_to_do, refused};
use crate::executor::error::{ApplyError, while_doing};
use crate::executor::sessions::Sessions;
use crate::executor::settle::Settling;
use crate::ledger::Move;

/// Extended statistics as the catalog has them; `None` when they are over expressions, which is none of ours.
struct Found {
    schema: String,
    name: String,
    definition: Option<StatisticsDefinition>,
}

pub(super) async fn ready(change: &Change, sessions: &Sessions) -> Result<Look, ApplyError> {
    let (Change::CreateStatistics { table, table_oid, name, definition }
    | Change::DropStatistics { table, table_oid, name, definition }) = change
    else {
        unreachable!("called by kind")
    };
    let found = on_table(sessions, *table_oid).await?;
    let named = found.iter().find(|one| one.schema == table.schema && one.name == *name);
    Ok(match change {
        Change::CreateStatistics { .. } => {
            if let Some(twin) = found.iter().find(|one| one.definition.as_ref() == Some(definition)) {
                nothing_to_do(&format!("statistics {} are the same", printable(&twin.name)))
            } else if is_taken(sessions, &table.schema, name).await? {
                refused(&format!("the name {} was taken since the decision was taken", printable(name)))
            } else {
                Ok(as_it_is(change, How::Short))
            }
        }
        _ => match named {
            None => nothing_to_do(&format!("statistics {} are gone already", printable(name))),
            Some(one) if one.definition.as_ref() == Some(definition) => Ok(as_it_is(change, How::Short)),
            Some(_) => refused(&format!("statistics {} are not what the ledger says that they were; they stay", printable(name))),
        },
    })
}

pub(super) async fn settle(settling: Settling<'_>) -> Result<StepResult, ApplyError> {
    let (Change::CreateStatistics { table, table_oid, name, definition }
    | Change::DropStatistics { table, table_oid, name, definition }) = settling.open.change
    else {
        unreachable!("called by kind")
    };
    let found = on_table(settling.sessions, *table_oid).await?;
    let is_there =
        found.iter().any(|one| one.schema == table.schema && one.name == *name && one.definition.as_ref() == Some(definition));
    let is_wanted = matches!(settling.open.change, Change::CreateStatistics { .. });
    if is_there == is_wanted {
        return settling.applied(None, Move::default()).await;
    }
    settling.failed(if is_wanted { "the server declared no statistics" } else { "the server did not drop the statistics" }).await
}

async fn on_table(sessions: &Sessions, table: Oid) -> Result<Vec<Found>, ApplyError> {
    const FOUND: &str = "SELECT /* pgtailor */ n.nspname::text, s.stxname::text, s.stxkind::text[], \
             ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a \
                    WHERE a.attrelid = s.stxrelid AND a.attnum = ANY (s.stxkeys)) \
         FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace WHERE s.stxrelid = $1";
    let doing = while_doing("look at the table's extended statistics");
    let rows = sessions.watchdog.query(FOUND, &[&table.0]).await.map_err(&doing)?;
    let mut all = Vec::new();
    for row in rows {
        let letters: Vec<String> = row.try_get(2).map_err(&doing)?;
        let columns: Vec<String> = row.try_get(3).map_err(&doing)?;
        let kinds: Option<BTreeSet<StatisticsKind>> = letters.iter().map(|letter| kind(letter)).collect();
        all.push(Found {
            schema: row.try_get(0).map_err(&doing)?,
            name: row.try_get(1).map_err(&doing)?,
            definition: kinds.map(|kinds| StatisticsDefinition { columns: columns.into_iter().collect(), kinds }),
        });
    }
    Ok(all)
}

/// Letters of `stxkind` (`catalog/pg_statistic_ext.h`); `e`, expressions, is none of ours.
fn kind(letter: &str) -> Option<StatisticsKind> {
    match letter {
        "d" => Some(StatisticsKind::NDistinct),
        "f" => Some(StatisticsKind::Dependencies),
        "m" => Some(StatisticsKind::MostCommonValues),
        _ => None,
    }
}

async fn is_taken(sessions: &Sessions, schema: &str, name: &str) -> Result<bool, ApplyError> {
    const TAKEN: &str = "SELECT /* pgtailor */ EXISTS (SELECT FROM pg_catalog.pg_statistic_ext s \
         JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace WHERE n.nspname::text = $1 AND s.stxname::text = $2)";
    let doing = while_doing("look whether the name is free");
    let row = sessions.watchdog.query_one(TAKEN, &[&schema, &name]).await.map_err(&doing)?;
    row.try_get(0).map_err(&doing)
}
