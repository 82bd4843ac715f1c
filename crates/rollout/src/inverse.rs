//! The change that takes another one back.

use std::collections::BTreeMap;

use pgtailor_model::change::{Carried, Change};
use pgtailor_model::name::Oid;

/// What takes `change` back; else why nothing does, as a sentence without a period.
pub fn inverse(change: &Change) -> Result<Change, &'static str> {
    Ok(match change.clone() {
        // Which index it is shows once it is built.
        Change::CreateIndex { table, table_oid, name, definition, .. } => {
            Change::DropIndex { table, table_oid, name, index_oid: Oid(0), definition, carries: Carried::default() }
        }
        Change::DropIndex { table, table_oid, name, definition, carries, .. } => {
            Change::CreateIndex { table, table_oid, name, definition, carries }
        }
        Change::CreatePartitionedIndex { table, table_oid, name, definition } => {
            Change::DropPartitionedIndex { table, table_oid, name, index_oid: Oid(0), definition }
        }
        Change::CreateStatistics { table, table_oid, name, definition } => {
            Change::DropStatistics { table, table_oid, name, definition }
        }
        Change::DropStatistics { table, table_oid, name, definition } => {
            Change::CreateStatistics { table, table_oid, name, definition }
        }
        Change::SetStatisticsTarget { table, table_oid, column, from, to } => {
            Change::SetStatisticsTarget { table, table_oid, column, from: to, to: from }
        }
        Change::SetStorageParameters { table, table_oid, parameters } => {
            let reversed = parameters.into_iter().map(|(name, value)| (name, value.reversed()));
            Change::SetStorageParameters { table, table_oid, parameters: reversed.collect::<BTreeMap<_, _>>() }
        }
        Change::SetParameter { name, value } => Change::SetParameter { name, value: value.reversed() },
        Change::RebuildIndex { .. } => return Err("the rebuilt index is the same index in fewer pages"),
        Change::AttachIndex { .. } => {
            return Err("PostgreSQL detaches no index; it goes with the index of the partitioned table");
        }
        Change::DropPartitionedIndex { .. } => return Err("an index on every partition is built by a rollout of its own"),
        Change::Analyze { .. } => return Err("statistics only describe the data, and the next ANALYZE replaces them"),
        Change::Vacuum { .. } => return Err("no row is changed; what was freed is filled again by new ones"),
    })
}

#[cfg(test)]
mod tests {
    use pgtailor_model::change::Replaced;

    use super::*;

    #[test]
    fn taking_back_twice_is_doing_it() {
        let value = Replaced { from: None, to: Some("1.1".to_owned()) };
        let change = Change::SetParameter { name: "random_page_cost".to_owned(), value };
        let back = inverse(&change).expect("there is a way back");
        assert_eq!(back.sql(), "ALTER SYSTEM RESET random_page_cost");
        assert_eq!(inverse(&back), Ok(change));
    }
}
