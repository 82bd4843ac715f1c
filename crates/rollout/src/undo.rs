//! From the ledger to the steps that take changes back, newest first.

use pgtailor_model::change::Change;
use pgtailor_model::ledger::{Entry, State};
use pgtailor_model::rollout::{Estimate, LeftOut, Step};

use crate::plan::Request;
use crate::step::step;

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
    /// What takes it back is not what was written down when it was done.
    #[error("entry {0} was edited: its statement that takes it back does not follow from its change; nothing was done")]
    Tampered(i64),
    /// There is no way back.
    #[error("entry {id} cannot be taken back: {reason}")]
    Irreversible {
        /// The entry.
        id: i64,
        /// Why, as a sentence without a period.
        reason: String,
    },
}

/// The steps that take `which` back, newest entry first.
///
/// Indexes of partitions go with the index of the partitioned table: one step takes all of them back.
///
/// # Errors
///
/// [`UndoError`] when a named entry cannot be taken back; `All` takes what can be and passes over the rest, but for what was tampered with.
pub fn undo_steps(entries: &[Entry], which: &Which) -> Result<Vec<UndoStep>, UndoError> {
    let mut steps = Vec::new();
    match which {
        Which::All => {
            let applied = entries.iter().filter(|entry| entry.state == State::Applied && entry.undoes.is_none());
            for entry in applied {
                match undo_step(entry, entries) {
                    Ok(step) => steps.push(step),
                    Err(error @ UndoError::Tampered(_)) => return Err(error),
                    Err(_) => {}
                }
            }
        }
        Which::Entries(ids) => {
            for id in ids {
                let entry = entries.iter().find(|entry| entry.id == *id).ok_or(UndoError::NoEntry(*id))?;
                if entry.state != State::Applied {
                    return Err(UndoError::NotApplied { id: *id, state: entry.state });
                }
                steps.push(undo_step(entry, entries)?);
            }
        }
    }
    steps.sort_by_key(|step| std::cmp::Reverse(step.undoes));
    steps.dedup_by_key(|step| step.undoes);
    Ok(steps)
}

/// What taking everything back leaves: indexes that were attached to one of a partitioned table which somebody else made, and that go with
/// that one only.
pub fn undo_leaves(entries: &[Entry]) -> Vec<LeftOut> {
    let applied = entries.iter().filter(|entry| entry.state == State::Applied && entry.undoes.is_none());
    let left_out = |entry: &Entry| match (whole_of(entry, entries), undo_step(entry, entries)) {
        (Whole::Foreign, Err(UndoError::Irreversible { reason, .. })) => Some(LeftOut { change: entry.change.clone(), reason }),
        _ => None,
    };
    applied.filter_map(left_out).collect()
}

fn undo_step(entry: &Entry, entries: &[Entry]) -> Result<UndoStep, UndoError> {
    let irreversible = |reason: String| UndoError::Irreversible { id: entry.id, reason };
    match whole_of(entry, entries) {
        Whole::Itself => {}
        Whole::MadeBy(id) => {
            return Err(irreversible(format!(
                "its index is a part of the one of entry {id}; `pgtailor undo {id}` takes both back"
            )));
        }
        Whole::Foreign => {
            let reason = "its index is attached to one of the partitioned table that pgtailor did not make";
            return Err(irreversible(reason.to_owned()));
        }
    }
    let mut back = entry.change.inverse().map_err(|reason| irreversible(reason.to_owned()))?;
    if entry.undo_sql.as_ref() != Some(&back.sql()) {
        return Err(UndoError::Tampered(entry.id));
    }
    match &mut back {
        Change::DropIndex { index_oid, definition, .. } | Change::DropPartitionedIndex { index_oid, definition, .. } => {
            *index_oid = entry.index_oid.unwrap_or(*index_oid);
            if let Some(built) = &entry.built {
                definition.clone_from(built);
            }
        }
        _ => {}
    }
    let reason = format!("it takes back entry {}", entry.id);
    Ok(UndoStep { undoes: entry.id, step: step(&Request { change: back, reason, estimate: Estimate::default() }) })
}

/// What the index of an entry belongs to.
enum Whole {
    /// Nothing else.
    Itself,
    /// The index of a partitioned table that this entry made.
    MadeBy(i64),
    /// One that somebody else made.
    Foreign,
}

fn whole_of(entry: &Entry, entries: &[Entry]) -> Whole {
    let (Change::CreateIndex { table_oid, name, .. } | Change::CreatePartitionedIndex { table_oid, name, .. }) = &entry.change
    else {
        return Whole::Itself;
    };
    let applied = || entries.iter().filter(|entry| entry.state == State::Applied && entry.undoes.is_none());
    let attached_to = applied().find_map(|attached| match &attached.change {
        Change::AttachIndex { table_oid: below, name: below_name, parent_oid, parent_index, .. }
            if below == table_oid && below_name == name =>
        {
            Some((parent_oid, parent_index))
        }
        _ => None,
    });
    let Some((parent, parent_name)) = attached_to else { return Whole::Itself };
    let is_maker = |made: &&Entry| matches!(&made.change, Change::CreatePartitionedIndex { table_oid, name, .. } if table_oid == parent && name == parent_name);
    let Some(maker) = applied().find(is_maker) else { return Whole::Foreign };
    match whole_of(maker, entries) {
        Whole::Itself => Whole::MadeBy(maker.id),
        above => above,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use pgtailor_model::change::Carried;
    use pgtailor_model::index::IndexDefinition;
    use pgtailor_model::name::{Oid, QualifiedName};

    use pgtailor_model::ledger::parts_of;

    use super::*;

    fn entry(id: i64, change: Change, state: State, undoes: Option<i64>) -> Entry {
        Entry {
            id,
            undoes,
            server_fingerprint: "1/5".to_owned(),
            do_sql: String::new(),
            undo_sql: change.inverse().ok().map(|back| back.sql()),
            change,
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
            carries: Carried::default(),
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
            carries: Carried { comment: Some("keep".to_owned()), ..Carried::default() },
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
        assert!(matches!(undo(2), Err(UndoError::Irreversible { id: 2, .. })));
    }

    #[test]
    fn an_edited_entry_is_not_followed() {
        let mut edited = created(1, State::Applied);
        edited.undo_sql = Some("DROP TABLE t".to_owned());
        assert_eq!(undo_steps(std::slice::from_ref(&edited), &Which::All), Err(UndoError::Tampered(1)));
        assert_eq!(undo_steps(&[edited], &Which::Entries(vec![1])), Err(UndoError::Tampered(1)));
    }

    fn attached(id: i64, below: (u32, &str), parent: (u32, &str)) -> Entry {
        let change = Change::AttachIndex {
            table: QualifiedName::new("public", "below"),
            table_oid: Oid(below.0),
            name: below.1.to_owned(),
            parent: QualifiedName::new("public", "parent"),
            parent_oid: Oid(parent.0),
            parent_index: parent.1.to_owned(),
        };
        entry(id, change, State::Applied, None)
    }

    fn made(id: i64, table_oid: u32, name: &str, is_partitioned: bool) -> Entry {
        let (table, table_oid, name) = (QualifiedName::new("public", "t"), Oid(table_oid), name.to_owned());
        let definition = IndexDefinition::btree(["a"]);
        let change = if is_partitioned {
            Change::CreatePartitionedIndex { table, table_oid, name, definition }
        } else {
            Change::CreateIndex { table, table_oid, name, definition, carries: Carried::default() }
        };
        entry(id, change, State::Applied, None)
    }

    #[test]
    fn what_was_made_on_partitions_goes_with_the_index_of_the_partitioned_table() {
        let entries = [
            made(1, 1, "whole", true),
            made(2, 2, "half", true),
            made(3, 3, "leaf", false),
            attached(4, (3, "leaf"), (2, "half")),
            attached(5, (2, "half"), (1, "whole")),
            made(6, 9, "apart", false),
        ];
        let steps = undo_steps(&entries, &Which::All).expect("nothing is named");
        let undone: Vec<_> = steps.iter().map(|step| (step.undoes, step.step.sql.as_str())).collect();
        assert_eq!(undone, [(6, "DROP INDEX CONCURRENTLY public.apart"), (1, "DROP INDEX public.whole")]);
        let mut parts: Vec<_> = parts_of(&entries, Oid(1), "whole").iter().map(|part| part.id).collect();
        parts.sort_unstable();
        assert_eq!(parts, [2, 3, 4, 5]);
        let alone = undo_steps(&entries, &Which::Entries(vec![3])).expect_err("it is a part");
        assert!(alone.to_string().contains("pgtailor undo 1"), "{alone}");
        assert_eq!(undo_leaves(&entries), [], "it goes with the whole");
        let without_the_whole = &entries[1..];
        let left: Vec<_> =
            undo_leaves(without_the_whole).iter().map(|left| left.change.index_name().map(str::to_owned)).collect();
        assert_eq!(left, [Some("half".to_owned()), Some("leaf".to_owned())], "the whole is somebody else's");
    }
}
