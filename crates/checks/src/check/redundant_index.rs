//! `redundant-index`: indexes that are the beginning of another one.

use pgtailor_model::activity::TableActivity;
use pgtailor_model::catalog::{Index, Table, TableKind};
use pgtailor_model::finding::{Evidence, Finding, Severity};
use pgtailor_model::name::printable;
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::unit::{Bytes, ratio, three_digits};

use super::{Check, Subject};
use crate::evidence::{count_evidence, size_evidence};
use crate::indexes::{counted_for, drop_change, drop_statement, is_small, scans, serves_more, size, standing, twin_to_keep};
use crate::threshold::{ENOUGH_UPDATES, MUCH_WIDER, SMALL_TABLE_PAGES, UNUSED_MENTIONED_AFTER};

/// B-trees whose keys are the first keys of another B-tree.
///
/// # What it finds
///
/// Indexes that enforce nothing and whose keys, with operator classes, collations and order (or all of it reversed), are the first keys of
/// another valid index with the same predicate, which returns their included columns, too.
///
/// # Why it matters
///
/// Every query that the narrow index serves is served by the wide one. Writes maintain both. What is lost by dropping the narrow one is
/// its size: a scan of the wide index reads more pages for the same rows, and the finding says how many times more.
///
/// # Example
///
/// ```sql
/// CREATE INDEX orders_customer ON orders (customer_id);
/// CREATE INDEX orders_customer_created ON orders (customer_id, created_at);
/// ```
///
/// # Instead
///
/// ```sql
/// DROP INDEX CONCURRENTLY orders_customer;
/// ```
///
/// # When to ignore it
///
/// When the narrow one is much smaller and scanned all the time, above all where many rows share a key: a B-tree stores such keys once, and
/// the wide one cannot. Small indexes of small tables that are hardly written are not told at all.
pub(super) struct RedundantIndex;

impl Check for RedundantIndex {
    fn name(&self) -> &'static str {
        "redundant-index"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let snapshot = subject.snapshot;
        let worth_a_word = standing(snapshot).filter(|(table, index)| !is_small_and_quiet(table, index, snapshot));
        let duplicates_aside = worth_a_word.filter(|(table, index)| twin_to_keep(table, index, snapshot).is_none());
        duplicates_aside.filter_map(|(table, index)| self.finding(table, index, wider(table, index)?, snapshot)).collect()
    }
}

impl RedundantIndex {
    fn finding(&self, table: &Table, index: &Index, wide: &Index, snapshot: &Snapshot) -> Option<Finding> {
        let (name, other) = (printable(&index.name), printable(&wide.name));
        let (own, others) = (size(table, index, snapshot), size(table, wide, snapshot));
        let uses = scans(table, index, snapshot);
        let times = own.zip(others).and_then(|(Bytes(own), Bytes(other))| ratio(other, own));
        // Nobody will miss its being small when nobody uses it. What is not counted, or not for long, may be used.
        let is_unused = uses == Some(0) && counted_for(snapshot).is_some_and(|time| time.as_hours() >= UNUSED_MENTIONED_AFTER);
        let is_missed = !is_unused && times.is_some_and(|times| times >= MUCH_WIDER);
        let trade = match times {
            Some(times) if times > 1.05 => format!("the price is {other} being {} times as large to read", three_digits(times)),
            Some(_) => format!("{other} is no larger"),
            None => "their sizes are not known".to_owned(),
        };
        let statement = drop_statement(table, index);
        let advice = if is_missed {
            format!("compare the time of its scans with and without it, then run {statement}; {trade}")
        } else {
            format!("run {statement}; {trade}")
        };
        let mut evidence: Vec<Evidence> = own.map(|size| size_evidence(format!("size of {name}"), size)).into_iter().collect();
        evidence.extend(others.map(|size| size_evidence(format!("size of {other}"), size)));
        evidence.extend(uses.map(|scans| count_evidence(format!("scans of {name}"), scans)));
        Some(Finding {
            check: self.name().to_owned(),
            object: Some(index.name.clone()),
            severity: if is_missed || is_small(own, snapshot) { Severity::Notice } else { Severity::Warning },
            table: table.name.clone(),
            problem: format!(
                "index {name} of {} is redundant by proof: {other} serves all that it serves, {} beside {}",
                table.name,
                printable(&index.definition.as_ref()?.to_string()),
                printable(&wide.definition.as_ref()?.to_string())
            ),
            evidence,
            statements: Vec::new(),
            advice,
            remedy: drop_change(table, index).filter(|_| !is_missed),
        })
    }
}

/// Whether neither its space nor its upkeep is worth a word: a few pages over a table of a few pages that is hardly written. Without counters
/// it may be written all the time.
fn is_small_and_quiet(table: &Table, index: &Index, snapshot: &Snapshot) -> bool {
    let writes = |one: &TableActivity| one.inserted.saturating_add(one.updated).saturating_add(one.deleted);
    let is_quiet = snapshot.activity.tables.get(&table.oid).is_some_and(|one| writes(one) < ENOUGH_UPDATES);
    let is_small_table = table.kind != TableKind::Partitioned && table.pages.0 < SMALL_TABLE_PAGES;
    is_quiet && is_small_table && is_small(size(table, index, snapshot), snapshot)
}

/// The smallest index that serves more than `index` and is not superfluous itself.
fn wider<'s>(table: &'s Table, index: &Index) -> Option<&'s Index> {
    let is_widest = |one: &&Index| !table.indexes.iter().any(|other| serves_more(other, one));
    let serving = table.indexes.iter().filter(|other| other.oid != index.oid && serves_more(other, index));
    serving.filter(is_widest).min_by_key(|other| (other.size.is_none(), other.size, other.oid))
}

#[cfg(test)]
mod tests {
    use pgtailor_model::index::{Direction, IndexKey, Nulls};
    use pgtailor_model::workload::Workload;

    use super::*;
    use crate::fixture::Fixture;
    use pgtailor_model::index::IndexDefinition;

    fn found(fixture: Fixture) -> Vec<Finding> {
        RedundantIndex.find(&Subject::new(&fixture.snapshot(), &Workload::default()))
    }

    fn beside(narrow: IndexDefinition, wide: IndexDefinition, wide_pages: u64, scans: u64) -> Fixture {
        let fixture = Fixture::new().table("orders", 5000, &["a", "b", "c"]).index("orders", narrow);
        fixture.index_pages("orders", 200).scanned("orders", scans, 0).index("orders", wide).index_pages("orders", wide_pages)
    }

    fn keys(columns: &[&str]) -> IndexDefinition {
        IndexDefinition::btree(columns.iter().copied())
    }

    #[test]
    fn a_prefix_goes_and_what_it_costs_is_said() {
        let findings = found(beside(keys(&["a"]), keys(&["a", "b"]), 300, 7));
        assert_eq!((findings.len(), findings[0].severity), (1, Severity::Warning));
        assert!(findings[0].problem.contains("orders_index_1 of orders is redundant by proof"), "{}", findings[0].problem);
        assert!(
            findings[0].advice.ends_with("the price is orders_index_2 being 1.50 times as large to read"),
            "{}",
            findings[0].advice
        );
        assert!(findings[0].remedy.is_some());
    }

    #[test]
    fn a_much_smaller_one_that_is_used_is_left_to_a_person() {
        let used = found(beside(keys(&["a"]), keys(&["a", "b"]), 400, 7));
        assert_eq!((used[0].severity, &used[0].remedy), (Severity::Notice, &None));
        let unused = |days| found(beside(keys(&["a"]), keys(&["a", "b"]), 400, 0).counting_for(days));
        assert!(unused(8)[0].remedy.is_some());
        assert_eq!((unused(6)[0].severity, &unused(6)[0].remedy), (Severity::Notice, &None), "who knows whether it is used");
    }

    /// The permissions of every Django project: 170 rows, written by migrations only.
    #[test]
    fn a_few_pages_that_are_hardly_written_are_not_worth_a_word() {
        let small = |table_pages, updated| {
            let fixture = beside(keys(&["a"]), keys(&["a", "b"]), 12, 7).pages("orders", table_pages);
            let narrow = |table: &mut Table| table.indexes[0].size = Some(Bytes(5 * 8192));
            found(fixture.edit("orders", narrow).activity("orders", TableActivity { updated, ..TableActivity::default() })).len()
        };
        assert_eq!([small(99, 9_999), small(100, 9_999), small(99, 10_000)], [0, 1, 1]);
    }

    #[test]
    fn what_is_no_prefix_or_enforces_something_is_needed() {
        let descending = IndexKey { direction: Direction::Descending, nulls: Nulls::First, ..IndexKey::column("b") };
        let mut mixed = keys(&["a"]);
        mixed.keys.push(descending);
        let partial = IndexDefinition { predicate: Some("(c IS NULL)".to_owned()), ..keys(&["a", "b"]) };
        let unique = IndexDefinition { unique: true, ..keys(&["a"]) };
        let mut including = keys(&["a"]);
        including.include.insert("c".to_owned());
        for (narrow, wide) in [
            (keys(&["b"]), keys(&["a", "b"])),
            (mixed, keys(&["a", "b"])),
            (keys(&["a"]), partial),
            (unique, keys(&["a", "b"])),
            (including, keys(&["a", "b"])),
        ] {
            assert_eq!(found(beside(narrow.clone(), wide.clone(), 300, 0)), [], "{narrow} beside {wide}");
        }
    }

    #[test]
    fn of_a_chain_the_widest_stays() {
        let fixture = beside(keys(&["a"]), keys(&["a", "b"]), 300, 0).index("orders", keys(&["a", "b", "c"]));
        let findings = found(fixture.index_pages("orders", 350));
        assert_eq!(findings.len(), 2);
        assert!(findings.iter().all(|finding| finding.problem.contains("orders_index_3 serves all that it serves")));
    }
}
