//! Guards: what a change must pass before it becomes a step. One file each, and one line in [`ALL`].
//!
//! Two lists share these files in spirit: what the snapshot shows is asked here, what only the moment shows is asked by the executor.

mod columns;
mod kept_index;
mod known_bad_version;
mod ownership;
mod parameter;
mod primary;
mod schema_privilege;
mod storage_parameter;
mod table_kind;

use pgtailor_model::change::Change;
use pgtailor_model::snapshot::Snapshot;

pub use parameter::settable_parameters;

/// A reason not to carry out a change, computed from the snapshot.
pub trait Guard: Sync {
    /// Its name, for the dry run and the tests.
    fn name(&self) -> &'static str;

    /// Why `change` must not be carried out on this database, as a sentence without a period; `None` when it passes.
    fn refuses(&self, change: &Change, snapshot: &Snapshot) -> Option<String>;
}

/// Every guard, the most general first: a person wants to hear "this is a standby" before "you do not own the table".
pub static ALL: &[&dyn Guard] = &[
    &primary::Primary,
    &known_bad_version::KnownBadVersion,
    &table_kind::TableKind,
    &columns::Columns,
    &kept_index::KeptIndex,
    &parameter::AllowedParameter,
    &storage_parameter::AllowedStorageParameter,
    &ownership::Ownership,
    &schema_privilege::SchemaPrivilege,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::ALL;

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<_> = ALL.iter().map(|guard| guard.name()).collect();
        assert_eq!(names.len(), ALL.len());
    }
}
