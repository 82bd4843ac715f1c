//! Every statement that this crate can send to somebody's database.
//!
//! `statements.txt` is read out of the source by `xtask`, and a house rule keeps it so; changes are written by one function of the
//! model, and an example of each is added here. Statements for servers of our own (labs, twins) are not in it. Start with [`statements`].

use std::collections::{BTreeMap, BTreeSet};

use pgtailor_model::audit::{AuditedStatement, StatementClass};
use pgtailor_model::change::{Carried, Change, Replaced, StatisticsDefinition, StatisticsKind, StatisticsTarget};
use pgtailor_model::index::IndexDefinition;
use pgtailor_model::name::{Oid, QualifiedName};

/// A line a statement: class, file and text, with tabs between.
const LIST: &str = include_str!("statements.txt");
/// What the client library itself sends around a transaction.
const TRANSACTION: &[&str] = &[
    "START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    "ROLLBACK",
    "SAVEPOINT pgtailor_each",
    "ROLLBACK TO pgtailor_each",
    "RELEASE pgtailor_each",
    "SAVEPOINT pgtailor_attempt",
    "ROLLBACK TO pgtailor_attempt",
    "RELEASE pgtailor_attempt",
];

/// All of them, by class. In those that change something, `s.t` stands for the table, `i` for the index, and so on.
pub fn statements() -> Vec<AuditedStatement> {
    let mut all: Vec<AuditedStatement> = LIST.lines().filter_map(statement).collect();
    let made = |class, place: &str, sql: String| AuditedStatement { class, place: place.to_owned(), sql };
    all.extend(TRANSACTION.iter().map(|sql| made(StatementClass::Session, "client library", (*sql).to_owned())));
    for change in examples() {
        let sent = std::iter::once(change.sql()).chain(change.completed_by());
        all.extend(sent.map(|sql| made(StatementClass::Changes, change.class().name(), sql)));
    }
    all.push(made(StatementClass::Changes, "drop-index", "ALTER INDEX s.i RENAME TO _pgt_drop_1".to_owned()));
    all.sort();
    all.dedup();
    all
}

fn statement(line: &str) -> Option<AuditedStatement> {
    let mut parts = line.splitn(3, '\t');
    let name = parts.next()?;
    let class = StatementClass::ALL.into_iter().find(|class| class.name() == name)?;
    Some(AuditedStatement { class, place: parts.next()?.to_owned(), sql: parts.next()?.to_owned() })
}

/// One change of each kind.
fn examples() -> Vec<Change> {
    let (table, table_oid, name) = (QualifiedName::new("s", "t"), Oid(1), "i".to_owned());
    let definition = IndexDefinition::btree(["c"]);
    let carries = Carried {
        comment: Some("comment".to_owned()),
        tablespace: Some("tablespace".to_owned()),
        parameters: vec!["fillfactor=70".to_owned()],
        statistics_targets: vec![StatisticsTarget { position: 1, target: 100 }],
        ..Carried::default()
    };
    let statistics = StatisticsDefinition {
        columns: BTreeSet::from(["c".to_owned(), "d".to_owned()]),
        kinds: BTreeSet::from([StatisticsKind::NDistinct, StatisticsKind::Dependencies, StatisticsKind::MostCommonValues]),
    };
    let set = || Replaced { from: None, to: Some("value".to_owned()) };
    let parameters = |value: Replaced| BTreeMap::from([("parameter".to_owned(), value)]);
    let t = || table.clone();
    vec![
        Change::CreateIndex {
            table: t(),
            table_oid,
            name: name.clone(),
            definition: definition.clone(),
            carries: Carried::default(),
        },
        Change::CreateIndex {
            table: t(),
            table_oid,
            name: name.clone(),
            definition: definition.clone(),
            carries: carries.clone(),
        },
        Change::DropIndex {
            table: t(),
            table_oid,
            name: name.clone(),
            index_oid: Oid(1),
            definition: definition.clone(),
            carries,
        },
        Change::RebuildIndex {
            table: t(),
            table_oid,
            name: name.clone(),
            index_oid: Oid(1),
            definition: definition.clone(),
            size: None,
        },
        Change::CreatePartitionedIndex { table: t(), table_oid, name: name.clone(), definition: definition.clone() },
        Change::AttachIndex {
            table: QualifiedName::new("s", "partition"),
            table_oid,
            name: "partition_i".to_owned(),
            parent: t(),
            parent_oid: Oid(1),
            parent_index: name.clone(),
        },
        Change::DropPartitionedIndex { table: t(), table_oid, name: name.clone(), index_oid: Oid(1), definition },
        Change::Analyze { table: t(), table_oid },
        Change::Vacuum { table: t(), table_oid, freeze: false },
        Change::Vacuum { table: t(), table_oid, freeze: true },
        Change::CreateStatistics { table: t(), table_oid, name: name.clone(), definition: statistics.clone() },
        Change::DropStatistics { table: t(), table_oid, name, definition: statistics },
        Change::SetStatisticsTarget { table: t(), table_oid, column: "c".to_owned(), from: None, to: Some(100) },
        Change::SetStorageParameters { table: t(), table_oid, parameters: parameters(set()) },
        Change::SetStorageParameters { table: t(), table_oid, parameters: parameters(set().reversed()) },
        Change::SetParameter { name: "parameter".to_owned(), value: set() },
        Change::SetParameter { name: "parameter".to_owned(), value: set().reversed() },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_list_is_understood() {
        assert_eq!(LIST.lines().filter_map(statement).count(), LIST.lines().count());
    }

    /// A new kind of change does not compile here before it has a number, and fails the test before it has an example.
    #[test]
    fn every_kind_of_change_has_an_example() {
        let number = |change: &Change| match change {
            Change::CreateIndex { .. } => 0,
            Change::DropIndex { .. } => 1,
            Change::RebuildIndex { .. } => 2,
            Change::CreatePartitionedIndex { .. } => 3,
            Change::AttachIndex { .. } => 4,
            Change::DropPartitionedIndex { .. } => 5,
            Change::Analyze { .. } => 6,
            Change::Vacuum { .. } => 7,
            Change::CreateStatistics { .. } => 8,
            Change::DropStatistics { .. } => 9,
            Change::SetStatisticsTarget { .. } => 10,
            Change::SetStorageParameters { .. } => 11,
            Change::SetParameter { .. } => 12,
        };
        let found: BTreeSet<usize> = examples().iter().map(number).collect();
        assert_eq!(found, (0..13).collect());
    }
}
