//! `duplicate-index`: indexes that are the same as another one.

use pgtailor_model::catalog::{Index, Table};
use pgtailor_model::finding::{Evidence, Finding, Severity};
use pgtailor_model::name::printable;
use pgtailor_model::snapshot::Snapshot;

use super::{Check, Subject};
use crate::evidence::{count_evidence, size_evidence};
use crate::indexes::{drop_change, drop_statement, is_small, scans, size, standing, twin_to_keep};

/// Two valid indexes of one definition.
///
/// # What it finds
///
/// Indexes that agree in everything that decides which queries they serve and which writes they refuse: method, keys with operator
/// class, collation, order and place of nulls, included columns, predicate, uniqueness. Names, tablespaces and storage parameters may differ.
/// The one to keep is the one that has a duty (a constraint, the replica identity), else the one with more scans, else the older one.
///
/// # Why it matters
///
/// Every write maintains both, and both compete for memory. No query is served better by two.
///
/// # Example
///
/// ```sql
/// CREATE INDEX orders_customer_id ON orders (customer_id);
/// CREATE INDEX idx_orders_customer ON orders (customer_id);
/// ```
///
/// # Instead
///
/// ```sql
/// DROP INDEX CONCURRENTLY idx_orders_customer;
/// ```
///
/// # When to ignore it
///
/// While one replaces the other, for example with another fill factor or in another tablespace.
pub(super) struct DuplicateIndex;

impl Check for DuplicateIndex {
    fn name(&self) -> &'static str {
        "duplicate-index"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let snapshot = subject.snapshot;
        standing(snapshot)
            .filter_map(|(table, index)| self.finding(table, index, twin_to_keep(table, index, snapshot)?, snapshot))
            .collect()
    }
}

impl DuplicateIndex {
    fn finding(&self, table: &Table, index: &Index, kept: &Index, snapshot: &Snapshot) -> Option<Finding> {
        let definition = index.definition.as_ref()?;
        let (name, other) = (printable(&index.name), printable(&kept.name));
        let advice = match (&index.constraint, index.duty()) {
            (Some(constraint), _) => format!(
                "both implement constraints; run ALTER TABLE {} DROP CONSTRAINT {} once no foreign key needs it",
                printable(&table.name.sql()),
                printable(&pgtailor_model::name::quote_identifier(&constraint.name))
            ),
            (None, Some(_)) => {
                format!("index {name} {}; {other} does the same, so run {}", duty(index), drop_statement(table, index))
            }
            (None, None) => format!("run {}; {other} serves the same queries", drop_statement(table, index)),
        };
        let size = size(table, index, snapshot);
        let mut evidence: Vec<Evidence> = size.map(|size| size_evidence(format!("size of {name}"), size)).into_iter().collect();
        for one in [index, kept] {
            let scans = scans(table, one, snapshot);
            evidence.extend(scans.map(|scans| count_evidence(format!("scans of {}", printable(&one.name)), scans)));
        }
        Some(Finding {
            check: self.name().to_owned(),
            object: Some(index.name.clone()),
            severity: if is_small(size, snapshot) { Severity::Notice } else { Severity::Warning },
            table: table.name.clone(),
            problem: format!(
                "index {name} of {} is redundant by proof: {other} is the same, {}",
                table.name,
                printable(&definition.to_string())
            ),
            evidence,
            statements: Vec::new(),
            advice,
            remedy: drop_change(table, index),
        })
    }
}

fn duty(index: &Index) -> String {
    index.duty().map(|duty| duty.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use pgtailor_model::catalog::{Constraint, ConstraintKind};
    use pgtailor_model::index::IndexDefinition;
    use pgtailor_model::name::QualifiedName;
    use pgtailor_model::workload::Workload;

    use super::*;
    use crate::fixture::Fixture;

    /// Names of the indexes that are said to be superfluous, with whether there is a remedy.
    fn found(fixture: Fixture) -> Vec<(String, bool)> {
        let findings = DuplicateIndex.find(&Subject::new(&fixture.snapshot(), &Workload::default()));
        let name = |finding: &Finding| finding.problem.split(' ').nth(1).expect("a name").to_owned();
        findings.iter().map(|finding| (name(finding), finding.remedy.is_some())).collect()
    }

    fn two(first: u64, second: u64) -> Fixture {
        let by_a = || IndexDefinition::btree(["a"]);
        let fixture = Fixture::new().table("orders", 500, &["a"]).index("orders", by_a()).scanned("orders", first, 0);
        fixture.index("orders", by_a()).scanned("orders", second, 0)
    }

    #[test]
    fn the_less_used_one_goes_and_of_two_alike_the_younger() {
        assert_eq!(found(two(5, 9)), [("orders_index_1".to_owned(), true)]);
        assert_eq!(found(two(0, 0)), [("orders_index_2".to_owned(), true)]);
    }

    #[test]
    fn the_one_of_a_constraint_stays_however_little_it_is_used() {
        let constraint = Constraint { name: "orders_pkey".to_owned(), kind: ConstraintKind::PrimaryKey };
        let fixture = two(9, 0).last_index("orders", |index| index.constraint = Some(constraint));
        assert_eq!(found(fixture), [("orders_index_1".to_owned(), true)]);
    }

    #[test]
    fn lookalikes_are_told_apart() {
        for change in [
            |definition: &mut IndexDefinition| definition.keys[0].operator_class = Some("int4_other_ops".to_owned()),
            |definition: &mut IndexDefinition| definition.keys[0].collation = Some(QualifiedName::new("pg_catalog", "C")),
            |definition: &mut IndexDefinition| definition.predicate = Some("(a > 0)".to_owned()),
            |definition: &mut IndexDefinition| definition.unique = true,
        ] {
            let fixture = two(0, 0).last_index("orders", |index| change(index.definition.as_mut().expect("it has one")));
            assert_eq!(found(fixture), []);
        }
        assert_eq!(found(two(0, 0).last_index("orders", |index| index.valid = false)), []);
    }

    #[test]
    fn a_second_unique_index_is_told_and_left_to_a_person() {
        let unique = IndexDefinition { unique: true, ..IndexDefinition::btree(["a"]) };
        let fixture = Fixture::new().table("orders", 500, &["a"]).index("orders", unique.clone()).index("orders", unique);
        assert_eq!(found(fixture), [("orders_index_2".to_owned(), false)]);
    }
}
