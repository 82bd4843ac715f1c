//! `DROP INDEX CONCURRENTLY`: under a name that is no other index's, and forward only once it has begun (`faults` F36, F73).

use pgtailor_model::catalog::Index;
use pgtailor_model::change::Change;
use pgtailor_model::index::RebuildPart;
use pgtailor_model::ledger::State;
use pgtailor_model::name::printable;
use pgtailor_model::outcome::StepResult;

use super::{How, Look, Ready, keeps, nothing_to_do, oids, refused};
use crate::executor::aside;
use crate::executor::error::ApplyError;
use crate::executor::settle::Settling;
use crate::executor::supervise::Cancellable;
use crate::ledger::Move;

pub(super) fn ready(change: &Change, undoes: bool, indexes: &[Index]) -> Look {
    let Change::DropIndex { table, table_oid, name, index_oid, definition, .. } = change else { unreachable!("called by kind") };
    let found = indexes
        .iter()
        .find(|index| index.oid == *index_oid)
        .or_else(|| indexes.iter().find(|index| index.name == *name && index.definition.as_ref() == Some(definition)));
    let Some(found) = found else {
        return nothing_to_do(&format!("index {} is gone already", printable(name)));
    };
    if let Some(reason) = keeps(found, definition, undoes) {
        return refused(&format!("index {} {reason}", printable(&found.name)));
    }
    if found.valid && found.name != *name && RebuildPart::named(name) == Some(RebuildPart::New) {
        return refused(&format!(
            "index {} is the valid one now, because the REINDEX that it was left by was still running; it stays",
            printable(&found.name)
        ));
    }
    if found.attached_to.is_some() {
        return refused(&format!(
            "index {} is a part of the one on the partitioned table, and goes with that only; it stays",
            printable(&found.name)
        ));
    }
    Ok(Ready {
        change: Change::DropIndex {
            table: table.clone(),
            table_oid: *table_oid,
            name: name.clone(),
            index_oid: found.oid,
            definition: found.definition.clone().unwrap_or_else(|| definition.clone()),
            carries: found.carries.clone(),
        },
        sql: aside::drop_sql(&table.schema, &aside::name(found.oid)),
        how: How::Supervised(Cancellable::WhileValid(found.oid)),
        indexes_before: oids(indexes),
        index: Some((found.oid, found.name.clone())),
    })
}

pub(super) async fn settle(mut settling: Settling<'_>) -> Result<StepResult, ApplyError> {
    let Change::DropIndex { table, table_oid, name, index_oid, .. } = settling.open.change else {
        unreachable!("called by kind")
    };
    let sessions = settling.sessions;
    let indexes = sessions.indexes_of(*table_oid).await?;
    let index_oid = settling.open.index_oid.unwrap_or(*index_oid);
    match indexes.iter().find(|index| index.oid == index_oid) {
        Some(index) if index.valid => {
            // Nothing of the drop has begun: the old name is given back.
            if index.name != *name {
                aside::rename(sessions, &table.schema, &index.name, name, index.oid).await?;
            }
            return settling.failed("the server did not drop the index").await;
        }
        Some(index) => {
            // A drop that has made the index invalid is only ever finished: writes still pay for what no query can use.
            if settling.open.state != State::CleanupPending {
                settling.go(State::CleanupPending, Move::default()).await?;
            }
            if !aside::drop_leftover(sessions, &table.schema, *table_oid, index, settling.events).await? {
                let reason = format!(
                    "{}; index {} is invalid and could not be dropped yet, because a transaction is in the way; run pgtailor again",
                    settling.words("the drop did not finish"),
                    printable(name)
                );
                return Ok(StepResult::LeftOver { reason });
            }
        }
        None => {}
    }
    settling.applied(None, Move::default()).await
}

#[cfg(test)]
mod tests {
    use pgtailor_model::change::Carried;
    use pgtailor_model::index::IndexDefinition;
    use pgtailor_model::name::{Oid, QualifiedName};

    use super::*;

    /// What comes of dropping index 9, called `i_ccnew` when that was decided.
    fn dropping(found: &Index) -> Option<String> {
        let change = Change::DropIndex {
            table: QualifiedName::new("public", "orders"),
            table_oid: Oid(1),
            name: "i_ccnew".to_owned(),
            index_oid: Oid(9),
            definition: IndexDefinition::btree(["a"]),
            carries: Carried::default(),
        };
        match ready(&change, false, std::slice::from_ref(found)) {
            Err(StepResult::Failed { reason, .. }) => Some(reason),
            Err(other) => Some(format!("{other:?}")),
            Ok(_) => None,
        }
    }

    #[test]
    fn a_leftover_that_became_the_index_is_not_dropped() {
        let named = |name: &str, valid: bool| Index { valid, ..Index::new(Oid(9), name, IndexDefinition::btree(["a"])) };
        assert!(dropping(&named("i", true)).expect("a reason").contains("is the valid one now"));
        assert_eq!(dropping(&named("i_ccnew", false)), None);
        assert_eq!(dropping(&named("renamed", false)), None, "whatever it is called by then");
    }
}
