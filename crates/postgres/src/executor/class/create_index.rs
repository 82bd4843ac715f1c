//! `CREATE INDEX CONCURRENTLY`: there and valid, or gone without a trace.

use pgtailor_model::catalog::Index;
use pgtailor_model::change::Change;
use pgtailor_model::index::IndexDefinition;
use pgtailor_model::ledger::State;
use pgtailor_model::name::printable;
use pgtailor_model::outcome::StepResult;

use super::{How, Look, Ready, alike, name_refusal, nothing_to_do, oids};
use crate::executor::aside;
use crate::executor::error::ApplyError;
use crate::executor::sessions::Sessions;
use crate::executor::settle::Settling;
use crate::executor::short;
use crate::executor::supervise::Cancellable;
use crate::ledger::Move;

pub(super) async fn ready(change: &Change, undoes: bool, indexes: &[Index], sessions: &Sessions) -> Result<Look, ApplyError> {
    let Change::CreateIndex { table, name, definition, .. } = change else { unreachable!("called by kind") };
    if let Some(twin) = there_already(indexes, name, definition, undoes) {
        return Ok(nothing_to_do(&format!("index {} has the same definition", printable(&twin.name))));
    }
    if let Some(refusal) = name_refusal(sessions, &table.schema, name).await? {
        return Ok(refusal);
    }
    Ok(Ok(Ready {
        change: change.clone(),
        sql: change.sql(),
        how: How::Supervised(Cancellable::Always),
        indexes_before: oids(indexes),
        index: None,
    }))
}

/// The index that makes the build superfluous. One that comes back must have its name: the index that it was dropped as a duplicate of
/// still stands beside it.
fn there_already(indexes: &[Index], name: &str, definition: &IndexDefinition, undoes: bool) -> Option<Index> {
    let can_stand_in = |index: &&Index| index.valid && (!undoes || index.name == name);
    let candidates: Vec<Index> = indexes.iter().filter(can_stand_in).cloned().collect();
    alike(&candidates, name, definition).cloned()
}

pub(super) async fn settle(mut settling: Settling<'_>) -> Result<StepResult, ApplyError> {
    let Change::CreateIndex { table, table_oid, name, definition, .. } = settling.open.change else {
        unreachable!("called by kind")
    };
    let sessions = settling.sessions;
    let indexes = sessions.indexes_of(*table_oid).await?;
    let open = &settling.open;
    // By its name only when it is also like what was asked for: an entry that was left open makes nobody else's index ours (F31). One that
    // is like it and valid is what was wanted, whoever made it; the entry then speaks of it.
    let is_like = |index: &Index| index.definition.as_ref().is_none_or(|found| definition.is_same_build(found));
    let is_ours = |index: &&Index| {
        let has_name = index.name == *name || index.name == aside::name(index.oid);
        open.index_oid == Some(index.oid) || (has_name && !open.indexes_before.contains(&index.oid) && is_like(index))
    };
    // Renamed while it was built, and too quickly for the watchdog to see its OID (F38): the server says that it is there, so the one new
    // index that is what was asked for is it.
    let is_new_and_equal =
        |index: &&Index| index.valid && !open.indexes_before.contains(&index.oid) && index.definition.is_some() && is_like(index);
    let mut new = indexes.iter().filter(is_new_and_equal);
    let only_new = new.next().filter(|_| !settling.has_trouble() && new.next().is_none());
    let Some(index) = indexes.iter().find(is_ours).or(only_new) else {
        return settling.failed("the server built no index").await;
    };
    let found = Move { index_oid: Some(index.oid), built: index.definition.as_ref(), ..Move::default() };
    if index.valid && index.ready && index.live {
        if !index.definition.as_ref().is_some_and(|built| definition.is_same_build(built)) {
            settling.go(State::NeedsHuman, Move { note: Some("the index is not what was asked for"), ..found }).await?;
            let reason =
                format!("index {} exists but is not what was asked for; look at it before anything else", printable(name));
            return Ok(StepResult::NeedsHuman { reason });
        }
        for completion in settling.open.change.completed_by() {
            if let Err(error) = short::transaction(&completion, sessions).await {
                let reason = format!("index {} is built, but what it carried could not be given back: {error}", printable(name));
                return Ok(StepResult::LeftOver { reason });
            }
        }
        return settling.applied(index.size, found).await;
    }
    if settling.open.state != State::CleanupPending {
        settling.go(State::CleanupPending, found).await?;
    }
    if !aside::drop_leftover(sessions, &table.schema, *table_oid, index, settling.events).await? {
        let reason = format!(
            "{}; the unfinished index {} could not be dropped yet, because a transaction is in the way; run pgtailor again",
            settling.words("the build did not finish"),
            printable(&index.name)
        );
        return Ok(StepResult::LeftOver { reason });
    }
    settling.failed("the build did not finish").await
}

#[cfg(test)]
mod tests {
    use pgtailor_model::name::Oid;

    use super::*;

    #[test]
    fn a_duplicate_that_comes_back_is_built_beside_the_one_that_stayed() {
        let definition = IndexDefinition::btree(["a"]);
        let stayed = [Index::new(Oid(1), "one", definition.clone())];
        assert!(there_already(&stayed, "other", &definition, false).is_some());
        assert!(there_already(&stayed, "other", &definition, true).is_none());
        assert!(there_already(&stayed, "one", &definition, true).is_some());
    }
}
