//! `crowded-pages`: updates that could stay on their page if it had room.

use std::collections::BTreeMap;

use pgtailor_model::catalog::{Table, TableKind};
use pgtailor_model::change::{Change, Replaced};
use pgtailor_model::finding::{Finding, Severity};
use pgtailor_model::name::printable;
use pgtailor_model::quantity::{Quantity, Unit};
use pgtailor_model::shape::WriteKind;
use pgtailor_model::snapshot::{NotExamined, Snapshot};
use pgtailor_model::unit::{count_as_f64, ratio};

use super::{Check, Subject};
use crate::evidence::{count_evidence, fraction_evidence};
use crate::family::without_counters;
use crate::indexes::contains;
use crate::threshold::{ENOUGH_UPDATES, HOT_SHARE_LOW, ROOMY_FILL_FACTOR};
use crate::uses::{Use, Uses};

/// Full pages under a table whose updates touch no indexed column.
///
/// # What it finds
///
/// Tables of which 10,000 rows or more were updated, fewer than half of them HOT, although most of the recorded updates change columns
/// that no index contains, and whose fill factor is the default of 100.
///
/// # Why it matters
///
/// An update that finds room on the row's page, and changes nothing that is indexed, writes no index entry at all (HOT) and is cleaned up
/// without vacuum. On a full page it goes elsewhere, with an entry in every index.
///
/// # Example
///
/// ```sql
/// UPDATE jobs SET heartbeat = now() WHERE id = 7;  -- heartbeat is in no index, and every page is full
/// ```
///
/// # Instead
///
/// ```sql
/// ALTER TABLE jobs SET (fillfactor = 85);  -- for new pages; old ones get room as rows leave them
/// ```
///
/// # When to ignore it
///
/// When rows are updated once in their life, all at about the same time: a page's worth of room would not last.
pub(super) struct CrowdedPages;

impl Check for CrowdedPages {
    fn name(&self) -> &'static str {
        "crowded-pages"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let full = |table: &&Table| table.kind == TableKind::Table && !table.parameters.contains_key("fillfactor");
        let uses = Uses::of(subject.workload);
        subject
            .snapshot
            .catalog
            .tables
            .iter()
            .filter(full)
            .filter_map(|table| self.finding(table, &uses, subject.snapshot))
            .collect()
    }

    fn not_examined(&self, subject: &Subject<'_>) -> Vec<NotExamined> {
        without_counters(subject.snapshot)
    }
}

impl CrowdedPages {
    fn finding(&self, table: &Table, uses: &Uses<'_>, snapshot: &Snapshot) -> Option<Finding> {
        let counters = snapshot.activity.tables.get(&table.oid)?;
        let hot = ratio(counters.hot_updated, counters.updated)?;
        if counters.updated < ENOUGH_UPDATES || hot > HOT_SHARE_LOW || table.indexes.is_empty() {
            return None;
        }
        let free = free_share(table, uses)?;
        // As many updates as are HOT could be so already.
        if free < 0.5 || free < 2.0 * hot {
            return None;
        }
        let hot_share = Quantity::measured(hot, Unit::Fraction);
        let problem = format!("only {hot_share} of the updates of {} stay on their page, since its pages are full", table.name);
        let advice = format!(
            "run ALTER TABLE {} SET (fillfactor = {ROOMY_FILL_FACTOR}); pages that are full now get room as their rows are updated",
            printable(&table.name.sql())
        );
        Some(Finding {
            evidence: vec![
                fraction_evidence("HOT share of updates", hot),
                fraction_evidence("share of recorded updates that change no indexed column", free),
                count_evidence("rows updated since counters began", counters.updated),
            ],
            remedy: Some(Change::SetStorageParameters {
                table: table.name.clone(),
                table_oid: table.oid,
                parameters: BTreeMap::from([(
                    "fillfactor".to_owned(),
                    Replaced { from: None, to: Some(ROOMY_FILL_FACTOR.to_string()) },
                )]),
            }),
            ..Finding::new(self.name(), Severity::Notice, &table.name, problem, advice)
        })
    }
}

/// Fraction of the recorded updates of the table, by rows, that change no column which an index contains; `None` without any.
fn free_share(table: &Table, uses: &Uses<'_>) -> Option<f64> {
    let (mut all, mut free) = (0.0, 0.0);
    for Use { query, shape, .. } in uses.of_tables(&[table.oid]) {
        let Some(write) = shape.write.as_ref().filter(|write| write.kind == WriteKind::Update) else { continue };
        let rows = query.rows.map_or(count_as_f64(query.calls), pgtailor_model::unit::Rows::as_f64);
        let indexed = |column: &String| {
            table.indexes.iter().any(|index| index.definition.as_ref().is_none_or(|definition| contains(definition, column)))
        };
        all += rows;
        if !write.columns.iter().any(indexed) {
            free += rows;
        }
    }
    (all > 0.0).then(|| free / all)
}

#[cfg(test)]
mod tests {
    use pgtailor_model::activity::TableActivity;
    use pgtailor_model::index::IndexDefinition;
    use pgtailor_model::shape::{Shape, Write};

    use super::*;
    use crate::fixture::{Fixture, activity, workload};

    fn found(hot: u64, column: &str) -> Vec<Finding> {
        let counters = TableActivity { updated: 20_000, hot_updated: hot, ..activity(1_000, 0, 10) };
        let fixture = Fixture::new().table("jobs", 500, &["id", "beat"]).activity("jobs", counters);
        let fixture = fixture.index("jobs", IndexDefinition::btree(["id"]));
        let write = Write { kind: WriteKind::Update, columns: vec![column.to_owned()] };
        let shape = Shape { write: Some(write), ..Shape::of(fixture.oid("jobs")) };
        CrowdedPages.find(&Subject::new(&fixture.snapshot(), &workload(&[("UPDATE jobs", 10.0, shape)])))
    }

    #[test]
    fn updates_must_be_able_to_stay_and_yet_leave() {
        assert_eq!(found(1_000, "beat").len(), 1);
        assert_eq!(found(11_000, "beat"), [], "most stay");
        assert_eq!(found(1_000, "id"), [], "an indexed column changes: room would not help");
    }
}
