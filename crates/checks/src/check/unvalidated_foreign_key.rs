//! `unvalidated-foreign-key`: references that were never checked.

use pgtailor_model::catalog::{ForeignKey, Table};
use pgtailor_model::finding::{Finding, Severity};
use pgtailor_model::name::{printable, quote_identifier};

use super::{Check, Subject};

/// Foreign keys that hold for new rows only.
///
/// # What it finds
///
/// Foreign keys that were added with `NOT VALID` and never validated.
///
/// # Why it matters
///
/// Rows from before may refer to nothing, which nobody has looked for; a restored dump may fail on them. The planner trusts no constraint
/// that is not validated when it estimates joins by foreign keys.
///
/// # Example
///
/// ```sql
/// ALTER TABLE items ADD CONSTRAINT items_order FOREIGN KEY (order_id) REFERENCES orders NOT VALID;
/// ```
///
/// # Instead
///
/// ```sql
/// ALTER TABLE items VALIDATE CONSTRAINT items_order;  -- reads the table, and blocks neither reads nor writes
/// ```
///
/// # When to ignore it
///
/// While a migration is on its way between the two steps, or where old rows are known to be wrong and must stay.
pub(super) struct UnvalidatedForeignKey;

impl Check for UnvalidatedForeignKey {
    fn name(&self) -> &'static str {
        "unvalidated-foreign-key"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let tables = subject.snapshot.catalog.tables.iter();
        let keys = tables.flat_map(|table| table.foreign_keys.iter().map(move |key| (table, key)));
        keys.filter(|(_, key)| !key.validated).map(|(table, key)| self.finding(table, key)).collect()
    }
}

impl UnvalidatedForeignKey {
    fn finding(&self, table: &Table, key: &ForeignKey) -> Finding {
        let problem = format!(
            "foreign key {} of {} was never validated: rows from before may refer to nothing",
            printable(&key.name),
            table.name
        );
        let advice = format!(
            "run ALTER TABLE {} VALIDATE CONSTRAINT {}, which blocks neither reads nor writes; should it fail, it names the first row \
             that refers to nothing",
            printable(&table.name.sql()),
            printable(&quote_identifier(&key.name))
        );
        Finding { object: Some(key.name.clone()), ..Finding::new(self.name(), Severity::Notice, &table.name, problem, advice) }
    }
}
