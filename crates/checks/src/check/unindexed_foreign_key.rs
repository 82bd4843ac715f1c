//! `unindexed-foreign-key`: foreign keys whose own columns no index leads with, where that costs something.

use std::collections::{BTreeMap, BTreeSet};

use pgtailor_model::catalog::{ForeignKey, Index, Table};
use pgtailor_model::change::{Carried, Change};
use pgtailor_model::finding::{Cause, Evidence, Finding, Severity};
use pgtailor_model::index::{Build, IndexDefinition};
use pgtailor_model::name::{Oid, free_name, printable};
use pgtailor_model::quantity::{Quantity, Unit};
use pgtailor_model::shape::WriteKind;
use pgtailor_model::snapshot::{NotExamined, Snapshot};
use pgtailor_model::unit::{count_as_f64, grouped};

use super::{Check, Subject};
use crate::evidence::count_evidence;
use crate::family::{Family, by_member, families, rows};
use crate::serving::{Need, picks_rows, serves};
use crate::threshold::{MOST_CAUSES, SMALL_TABLE_PAGES, WHOLE_READS};
use crate::unexamined::unexamined;
use crate::uses::{Use, Uses};

/// Foreign keys without an index, of which the other table is really changed, or by which the table is really joined.
///
/// # What it finds
///
/// Foreign keys of any number of columns on tables of at least 100 pages that no B-tree or hash index serves: none whose first keys are
/// their columns, in any order, nor enough of them to leave few rows. A partial index serves only when all it leaves out are nulls. It is
/// told when ten rows and more of the referenced table were deleted, when a recorded statement updates the referenced columns, or when a
/// recorded statement joins by the foreign key's columns. Only for deletions an index is proposed: for joins the planner is to be asked.
///
/// # Why it matters
///
/// For each row that is deleted from the referenced table, or whose key changes, the server looks for rows that refer to it. Without an
/// index each time reads the referring table whole, and holds a lock on the deleted row meanwhile.
///
/// # Example
///
/// ```sql
/// ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers ON DELETE CASCADE;
/// DELETE FROM customers WHERE id = 7;  -- reads all orders
/// ```
///
/// # Instead
///
/// ```sql
/// CREATE INDEX CONCURRENTLY orders_customer_id ON orders (customer_id);
/// ```
///
/// # When to ignore it
///
/// When rows are deleted from the referenced table once in a while, by somebody who has time.
pub(super) struct UnindexedForeignKey;

impl Check for UnindexedForeignKey {
    fn name(&self) -> &'static str {
        "unindexed-foreign-key"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let (families, uses) = (families(subject.snapshot), Uses::of(subject.workload));
        let parents = by_member(&families);
        let mut taken = BTreeSet::new();
        let mut findings = Vec::new();
        for family in families.iter().filter(|family| family.pages() >= SMALL_TABLE_PAGES) {
            for key in unserved(family) {
                findings.extend(self.finding(family, key, &parents, &uses, subject.snapshot, &mut taken));
            }
        }
        findings
    }

    fn not_examined(&self, subject: &Subject<'_>) -> Vec<NotExamined> {
        let families = families(subject.snapshot);
        let parents = by_member(&families);
        let has_no_counters =
            |key: &&ForeignKey| parents.get(&key.references).is_none_or(|parent| parent.counters(subject.snapshot).is_none());
        let large = families.iter().filter(|family| family.pages() >= SMALL_TABLE_PAGES);
        let unknown = large.flat_map(unserved).filter(has_no_counters).map(|key| format!("foreign key {}", printable(&key.name)));
        let reason = "no counters of the tables that they refer to were captured";
        unexamined(unknown, ("foreign key", "foreign keys"), reason).into_iter().collect()
    }
}

impl UnindexedForeignKey {
    fn finding(
        &self,
        family: &Family<'_>,
        key: &ForeignKey,
        parents: &BTreeMap<Oid, &Family<'_>>,
        uses: &Uses<'_>,
        snapshot: &Snapshot,
        taken: &mut BTreeSet<String>,
    ) -> Option<Finding> {
        let table = family.root;
        let parent = parents.get(&key.references);
        let name = parent.map_or_else(|| "another table".to_owned(), |parent| parent.root.name.to_string());
        let counters = parent.and_then(|parent| parent.counters(snapshot));
        let deleted = counters.map(|all| all.iter().map(|one| one.deleted).fold(0, u64::saturating_add));
        let updating = parent.map(|parent| key_updates(key, parent, uses)).unwrap_or_default();
        let joining = joins(key, family, uses);
        let is_searched = deleted.is_some_and(|deleted| deleted >= WHOLE_READS);
        let mut why = Vec::new();
        if let Some(deleted) = deleted.filter(|_| is_searched) {
            why.push(format!("{} rows of {name} were deleted, each of which looks for it", grouped(deleted)));
        }
        if !updating.is_empty() {
            why.push(format!("the key of {name} is updated"));
        }
        if !joining.is_empty() {
            why.push(format!(
                "{} by it",
                if joining.len() == 1 {
                    "a recorded statement joins".to_owned()
                } else {
                    format!("{} recorded statements join", joining.len())
                }
            ));
        }
        if why.is_empty() {
            return None;
        }
        let definition = IndexDefinition::btree(key.columns.iter().cloned());
        let mut words = vec![table.name.name.clone()];
        words.extend(key.columns.iter().cloned());
        words.push("idx".to_owned());
        let index = free_name(words, |name| !snapshot.catalog.has_relation(&table.name.schema, name) && !taken.contains(name));
        taken.insert(index.clone());
        let rows =
            family.leaves.iter().filter_map(|leaf| Some(rows(leaf, snapshot.activity.tables.get(&leaf.oid)?).0)).sum::<u64>();
        let mut evidence: Vec<Evidence> =
            deleted.map(|deleted| count_evidence(format!("rows deleted from {name}"), deleted)).into_iter().collect();
        evidence.push(Evidence {
            label: format!("rows of {}", table.name),
            quantity: Quantity::estimated(count_as_f64(rows), Unit::Rows),
        });
        evidence.push(Evidence {
            label: format!("pages of {}", table.name),
            quantity: Quantity::measured(count_as_f64(family.pages()), Unit::Count),
        });
        let statement = definition.create_sql(&index, &table.name, Build::Concurrent);
        Some(Finding {
            check: self.name().to_owned(),
            object: Some(key.name.clone()),
            severity: if is_searched { Severity::Warning } else { Severity::Notice },
            table: table.name.clone(),
            problem: format!(
                "no index of {} serves its foreign key {} ({}): {}",
                table.name,
                printable(&key.name),
                printable(&key.columns.join(", ")),
                why.join("; ")
            ),
            evidence,
            statements: updating.into_iter().chain(joining).take(MOST_CAUSES).collect(),
            advice: if is_searched {
                format!("run {}", printable(&statement))
            } else {
                format!("have the advisor compare an index with what it costs writes, or run {}", printable(&statement))
            },
            // For joins the planner must be asked what it is worth; a deletion has no other plan than to read the table.
            remedy: is_searched.then(|| Change::CreateIndex {
                table: table.name.clone(),
                table_oid: table.oid,
                name: index,
                definition,
                carries: Carried::default(),
            }),
        })
    }
}

/// The foreign keys of `family` that some part of it has no index for, those with the same columns once.
fn unserved<'s>(family: &Family<'s>) -> Vec<&'s ForeignKey> {
    let mut found: Vec<&ForeignKey> = Vec::new();
    for key in &family.root.foreign_keys {
        let is_known = found.iter().any(|known| known.columns == key.columns && known.references == key.references);
        if !is_known && !family.leaves.iter().all(|leaf| is_served(key, leaf)) {
            found.push(key);
        }
    }
    found
}

/// Whether an index of `table` finds the rows that refer to one key.
fn is_served(key: &ForeignKey, table: &Table) -> bool {
    let need = Need { equality: key.columns.clone(), range: Vec::new(), order: Vec::new() };
    // Nulls refer to nothing, so an index without them will do; the lookup is an equality, which implies that.
    let is_whole = |index: &&Index| {
        index.definition.as_ref().is_some_and(|one| {
            one.predicate.as_deref().is_none_or(|predicate| key.columns.iter().any(|column| is_not_null(predicate, column)))
        })
    };
    table.indexes.iter().filter(is_whole).any(|index| serves(index, &need, table))
}

fn is_not_null(predicate: &str, column: &str) -> bool {
    let asked = format!("{} IS NOT NULL", pgtailor_model::name::quote_identifier(column));
    predicate.trim_start_matches('(').trim_end_matches(')') == asked
}

/// The recorded updates of the columns that `key` refers to.
fn key_updates(key: &ForeignKey, parent: &Family<'_>, uses: &Uses<'_>) -> Vec<Cause> {
    let changes = |one: &Use<'_>| {
        one.shape.write.as_ref().is_some_and(|write| {
            write.kind == WriteKind::Update && write.columns.iter().any(|column| key.referenced_columns.contains(column))
        })
    };
    uses.queries(&parent.members, changes).into_iter().map(|query| cause(query, key)).collect()
}

/// The recorded statements that look up rows of `family` by all columns of `key` for some rows of another table.
fn joins(key: &ForeignKey, family: &Family<'_>, uses: &Uses<'_>) -> Vec<Cause> {
    let joins = |one: &Use<'_>| {
        let joined = one.shape.join();
        key.columns.iter().all(|column| joined.contains(&column.as_str())) && picks_rows(one.query, one.position)
    };
    uses.queries(&family.members, joins).into_iter().map(|query| cause(query, key)).collect()
}

fn cause(query: &pgtailor_model::workload::Query, key: &ForeignKey) -> Cause {
    Cause { statement: query.text.clone(), calls: query.calls, total_time: query.total_time, columns: key.columns.clone() }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::activity::TableActivity;
    use pgtailor_model::catalog::ReferentialAction;
    use pgtailor_model::shape::{Comparison, Shape, Write};
    use pgtailor_model::workload::Workload;

    use super::*;
    use crate::fixture::{Fixture, activity, shape, workload};

    /// `orders` refers to `customers` by two columns.
    fn shop(deleted: u64) -> Fixture {
        let fixture = Fixture::new()
            .table("customers", 500, &["id", "region"])
            .activity("customers", TableActivity { deleted, ..activity(1_000, 0, 9) })
            .table("orders", 500, &["id", "customer", "region"])
            .activity("orders", activity(50_000, 0, 9));
        let references = fixture.oid("customers");
        let owned = |names: [&str; 2]| names.map(str::to_owned).to_vec();
        fixture.foreign_key(
            "orders",
            ForeignKey {
                name: "orders_customer_fkey".to_owned(),
                columns: owned(["customer", "region"]),
                references,
                referenced_columns: owned(["id", "region"]),
                validated: true,
                on_delete: ReferentialAction::NoAction,
            },
        )
    }

    fn found(fixture: Fixture, workload: &Workload) -> Vec<Finding> {
        UnindexedForeignKey.find(&Subject::new(&fixture.snapshot(), workload))
    }

    #[test]
    fn deletes_there_make_an_index_needed_here() {
        let nothing = Workload::default();
        assert_eq!(found(shop(9), &nothing), []);
        let findings = found(shop(10), &nothing);
        assert_eq!((findings.len(), findings[0].severity), (1, Severity::Warning));
        let expected = "run CREATE INDEX CONCURRENTLY orders_customer_region_idx ON public.orders (customer, region)";
        assert_eq!(findings[0].advice, expected);
        assert!(matches!(&findings[0].remedy, Some(Change::CreateIndex { .. })));
    }

    #[test]
    fn an_index_in_any_order_serves_and_a_partial_one_that_leaves_rows_out_does_not() {
        let nothing = Workload::default();
        let count = |definition: IndexDefinition| found(shop(10).index("orders", definition), &nothing).len();
        let both = || IndexDefinition::btree(["region", "customer"]);
        assert_eq!(count(both()), 0);
        assert_eq!(count(IndexDefinition { predicate: Some("(customer IS NOT NULL)".to_owned()), ..both() }), 0);
        assert_eq!(count(IndexDefinition { predicate: Some("(region = 1)".to_owned()), ..both() }), 1);
        let broken = shop(10).index("orders", both()).last_index("orders", |index| index.valid = false);
        assert_eq!(found(broken, &nothing).len(), 1);
    }

    #[test]
    fn a_join_or_an_update_of_the_key_is_a_reason_too() {
        let fixture = shop(0);
        let join = shape(fixture.oid("orders"), &[("customer", Comparison::Join), ("region", Comparison::Join)]);
        let picks = shape(fixture.oid("customers"), &[("id", Comparison::Equal)]);
        let mut joined = workload(&[("orders of a customer", 9.0, join)]);
        assert_eq!(found(shop(0), &joined), [], "every row is joined");
        joined.queries[0].shapes.push(picks);
        let by_join = &found(shop(0), &joined)[0];
        assert_eq!((by_join.severity, &by_join.remedy), (Severity::Notice, &None), "the planner must be asked first");
        let write = Some(Write { kind: WriteKind::Update, columns: vec!["region".to_owned()] });
        let moved = Shape { write, ..Shape::of(fixture.oid("customers")) };
        assert!(found(shop(0), &workload(&[("moved", 9.0, moved)]))[0].problem.ends_with("the key of customers is updated"));
    }

    #[test]
    fn small_tables_never_fire_and_unknown_counters_are_said() {
        assert_eq!(found(shop(10).pages("orders", 99), &Workload::default()), []);
        let mut snapshot = shop(10).snapshot();
        snapshot.activity.tables.clear();
        let workload = Workload::default();
        let subject = Subject::new(&snapshot, &workload);
        assert_eq!(UnindexedForeignKey.find(&subject), []);
        assert_eq!(UnindexedForeignKey.not_examined(&subject)[0].object, "foreign key orders_customer_fkey");
    }
}
