//! The change that takes another one back.

use std::collections::BTreeMap;

use super::{Carried, Change};
use crate::name::Oid;

impl Change {
    /// What takes it back; else why nothing does, as a sentence without a period.
    pub fn inverse(&self) -> Result<Self, &'static str> {
        Ok(match self.clone() {
            // Which index it is shows once it is built.
            Self::CreateIndex { table, table_oid, name, definition, .. } => {
                Self::DropIndex { table, table_oid, name, index_oid: Oid(0), definition, carries: Carried::default() }
            }
            Self::DropIndex { carries: Carried { invalid: true, .. }, .. } => {
                return Err("the index was invalid, and one that is built in its place would not be");
            }
            Self::DropIndex { table, table_oid, name, definition, carries, .. } => {
                Self::CreateIndex { table, table_oid, name, definition, carries }
            }
            Self::CreatePartitionedIndex { table, table_oid, name, definition } => {
                Self::DropPartitionedIndex { table, table_oid, name, index_oid: Oid(0), definition }
            }
            Self::CreateStatistics { table, table_oid, name, definition } => {
                Self::DropStatistics { table, table_oid, name, definition }
            }
            Self::DropStatistics { table, table_oid, name, definition } => {
                Self::CreateStatistics { table, table_oid, name, definition }
            }
            Self::SetStatisticsTarget { table, table_oid, column, from, to } => {
                Self::SetStatisticsTarget { table, table_oid, column, from: to, to: from }
            }
            Self::SetStorageParameters { table, table_oid, parameters } => {
                let reversed = parameters.into_iter().map(|(name, value)| (name, value.reversed()));
                Self::SetStorageParameters { table, table_oid, parameters: reversed.collect::<BTreeMap<_, _>>() }
            }
            Self::SetParameter { name, value } => Self::SetParameter { name, value: value.reversed() },
            Self::RebuildIndex { .. } => return Err("the rebuilt index is the same index in fewer pages"),
            Self::AttachIndex { .. } => {
                return Err("PostgreSQL detaches no index; it goes with the index of the partitioned table");
            }
            Self::DropPartitionedIndex { .. } => return Err("an index on every partition is built by a rollout of its own"),
            Self::Analyze { .. } => return Err("statistics only describe the data, and the next ANALYZE replaces them"),
            Self::Vacuum { .. } => return Err("no row is changed; what was freed is filled again by new ones"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Replaced;
    use super::*;
    use crate::index::IndexDefinition;
    use crate::name::QualifiedName;

    #[test]
    fn an_invalid_index_does_not_come_back_as_a_valid_one() {
        let drop = |invalid| Change::DropIndex {
            table: QualifiedName::new("app", "orders"),
            table_oid: Oid(1),
            name: "i_ccnew".to_owned(),
            index_oid: Oid(2),
            definition: IndexDefinition::btree(["a"]),
            carries: Carried { invalid, ..Carried::default() },
        };
        assert!(drop(false).inverse().is_ok());
        assert!(drop(true).inverse().is_err());
    }

    #[test]
    fn taking_back_twice_is_doing_it() {
        let value = Replaced { from: None, to: Some("1.1".to_owned()) };
        let change = Change::SetParameter { name: "random_page_cost".to_owned(), value };
        let back = change.inverse().expect("there is a way back");
        assert_eq!(back.sql(), "ALTER SYSTEM RESET random_page_cost");
        assert_eq!(back.inverse(), Ok(change));
    }
}
