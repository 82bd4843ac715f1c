//! From the ledger to the steps that take changes back, newest first.

use pgtailor_model::change::Change;
use pgtailor_model::ledger::{Entry, State};
use pgtailor_model::name::Oid;
use pgtailor_model::rollout::{Estimate, Step};

use crate::step::{create_step, drop_step};

/// Which entries to take back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// Everything that is applied and can be taken back; undoing is not undone.
    All,
    /// These.
    Entries(Vec<i64>),
}

/// A step that takes an entry back.
#[derive(Clone, Debug, PartialEq)]
pub struct UndoStep {
    /// The entry.
    pub undoes: i64,
    /// How.
    pub step: Step,
}

/// An entry that cannot be taken back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UndoError {
    /// No such entry.
    #[error("the ledger has no entry {0}")]
    NoEntry(i64),
    /// It is not applied.
    #[error("entry {id} is {state}, so there is nothing to take back")]
    NotApplied {
        /// The entry.
        id: i64,
        /// Its state.
        state: State,
    },
    /// Statistics are not taken back.
    #[error("entry {0} is an ANALYZE: statistics only describe the data, and are not taken back")]
    Irreversible(i64),
}

/// The steps that take `which` back, newest entry first.
///
/// # Errors
///
/// [`UndoError`] when a named entry cannot be taken back; `All` takes what can be and passes over the rest.
pub fn undo_steps(entries: &[Entry], which: &Which) -> Result<Vec<UndoStep>, UndoError> {
    let mut steps = Vec::new();
    match which {
        Which::All => {
            let applied = entries.iter().filter(|entry| entry.state == State::Applied && entry.undoes.is_none());
            steps.extend(applied.filter_map(undo_step));
        }
        Which::Entries(ids) => {
            for id in ids {
                let entry = entries.iter().find(|entry| entry.id == *id).ok_or(UndoError::NoEntry(*id))?;
                if entry.state != State::Applied {
                    return Err(UndoError::NotApplied { id: *id, state: entry.state });
                }
                steps.push(undo_step(entry).ok_or(UndoError::Irreversible(*id))?);
            }
        }
    }
    steps.sort_by_key(|step| std::cmp::Reverse(step.undoes));
    steps.dedup_by_key(|step| step.undoes);
    Ok(steps)
}

fn undo_step(entry: &Entry) -> Option<UndoStep> {
    let reason = format!("it takes back entry {}", entry.id);
    let step = match &entry.change {
        Change::CreateIndex { table, table_oid, name, definition } => {
            let definition = entry.built.as_ref().unwrap_or(definition);
            let index_oid = entry.index_oid.unwrap_or(Oid(0));
            drop_step(table, *table_oid, name, index_oid, definition, &reason)
        }
        Change::DropIndex { table, table_oid, name, definition, .. } => {
            create_step(table, *table_oid, name, definition, Estimate::default(), &reason)
        }
        Change::Analyze { .. } => return None,
    };
    Some(UndoStep { undoes: entry.id, step })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use pgtailor_model::index::IndexDefinition;
    use pgtailor_model::name::QualifiedName;

    use super::*;

    fn entry(id: i64, change: Change, state: State, undoes: Option<i64>) -> Entry {
        Entry {
            id,
            undoes,
            server_fingerprint: "1/5".to_owned(),
            change,
            do_sql: String::new(),
            undo_sql: None,
            indexes_before: Vec::new(),
            index_oid: Some(Oid(90)),
            built: None,
            state,
            state_since: Timestamp::UNIX_EPOCH,
            created_at: Timestamp::UNIX_EPOCH,
            builder: None,
            sqlstate: None,
            note: None,
        }
    }

    fn created(id: i64, state: State) -> Entry {
        let change = Change::CreateIndex {
            table: QualifiedName::new("public", "t"),
            table_oid: Oid(7),
            name: format!("idx_{id}"),
            definition: IndexDefinition::btree(["a"]),
        };
        entry(id, change, state, None)
    }

    fn analyzed(id: i64) -> Entry {
        let change = Change::Analyze { table: QualifiedName::new("public", "t"), table_oid: Oid(7) };
        entry(id, change, State::Applied, None)
    }

    #[test]
    fn all_takes_back_what_is_applied_newest_first() {
        let entries = [created(1, State::Applied), created(2, State::Failed), created(3, State::Applied), analyzed(4)];
        let steps = undo_steps(&entries, &Which::All).expect("nothing is named");
        let undone: Vec<_> = steps.iter().map(|step| (step.undoes, step.step.sql.as_str())).collect();
        assert_eq!(undone, [(3, "DROP INDEX CONCURRENTLY public.idx_3"), (1, "DROP INDEX CONCURRENTLY public.idx_1")]);
    }

    #[test]
    fn an_undo_is_not_undone_by_all_but_by_its_number() {
        let dropped = Change::DropIndex {
            table: QualifiedName::new("public", "t"),
            table_oid: Oid(7),
            name: "idx_1".to_owned(),
            index_oid: Oid(90),
            definition: IndexDefinition::btree(["a"]),
        };
        let entries = [created(1, State::RolledBack), entry(2, dropped, State::Applied, Some(1))];
        assert_eq!(undo_steps(&entries, &Which::All), Ok(Vec::new()));
        let steps = undo_steps(&entries, &Which::Entries(vec![2])).expect("it is applied");
        assert_eq!(steps[0].step.sql, "CREATE INDEX CONCURRENTLY idx_1 ON public.t (a)");
    }

    #[test]
    fn what_cannot_be_taken_back_says_why() {
        let entries = [created(1, State::Failed), analyzed(2)];
        let undo = |id| undo_steps(&entries, &Which::Entries(vec![id])).map(|_| ());
        assert_eq!(undo(9), Err(UndoError::NoEntry(9)));
        assert_eq!(undo(1), Err(UndoError::NotApplied { id: 1, state: State::Failed }));
        assert_eq!(undo(2), Err(UndoError::Irreversible(2)));
    }
}
