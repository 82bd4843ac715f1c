//! `missing-index`: tables that are read whole again and again, and the statements and columns that cause it.

use pgtailor_model::activity::Statements;
use pgtailor_model::finding::{Cause, Evidence, Finding, Severity};
use pgtailor_model::quantity::{Quantity, Unit};
use pgtailor_model::shape::Shape;
use pgtailor_model::snapshot::NotExamined;
use pgtailor_model::unit::Milliseconds;
use pgtailor_model::workload::Query;

use super::{Check, Subject};
use crate::family::{Family, families, without_counters};
use crate::reading::{Reading, evidence, reading};
use crate::serving::{Need, columns, columns_sql, fraction, is_served, need, picks_rows};
use crate::suspect::mean;
use crate::threshold::{
    ENOUGH_CALLS, LARGEST_INDEXED_FRACTION, MOST_CAUSES, NOTICEABLE_MEAN, NOTICEABLE_SHARE, SEQUENTIAL_SHARE_POOR,
    SEQUENTIAL_SHARE_WATCH, TIME_SHARE_CRITICAL,
};
use crate::uses::{Use, Uses};

/// Tables that sequential scans read over and over.
///
/// # What it finds
///
/// Tables of 100 pages and more whose rows sequential scans have read at least ten times over. The measure is rows read, not scans
/// begun. With `pg_stat_statements` it names the statements that filter, join or sort such a table by columns that no valid index leads with,
/// and an index that would serve each. It offers no change: whether the planner would use the index, and what it costs writes, is for
/// the advisor to find out.
///
/// # Why it matters
///
/// Each of these statements reads the whole table to return a few rows; the time grows with the table, and so does the load on
/// memory and disk.
///
/// # Example
///
/// ```sql
/// SELECT * FROM orders WHERE customer_id = $1 ORDER BY created_at DESC LIMIT 20;  -- no index on customer_id
/// ```
///
/// # Instead
///
/// ```sql
/// CREATE INDEX CONCURRENTLY ON orders (customer_id, created_at DESC);
/// ```
///
/// # When to ignore it
///
/// When the statements are reports that need most of the rows, or when the table is written far more often than it is read.
pub(super) struct MissingIndex;

impl Check for MissingIndex {
    fn name(&self) -> &'static str {
        "missing-index"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let (families, uses) = (families(subject.snapshot), Uses::of(subject.workload));
        let suspects = families.iter().filter_map(|family| Some((family, reading(family, subject.snapshot)?)));
        suspects.filter_map(|(family, reading)| self.finding(family, &reading, subject, &uses)).collect()
    }

    fn not_examined(&self, subject: &Subject<'_>) -> Vec<NotExamined> {
        let mut unexamined = without_counters(subject.snapshot);
        if matches!(subject.snapshot.activity.statements, Statements::Recorded { .. }) {
            let uses = Uses::of(subject.workload);
            for family in families(subject.snapshot) {
                if reading(&family, subject.snapshot).is_some()
                    && causes(&family, &uses).is_empty()
                    && refused(&family, &uses).is_empty()
                {
                    unexamined.push(NotExamined {
                        object: family.root.name.to_string(),
                        reason: "it is read sequentially, but no recorded statement picks few of its rows by columns without an index; \
                                 the scans come from statements that need most rows, or that were not recorded"
                            .to_owned(),
                    });
                }
            }
        }
        unexamined
    }
}

/// A statement that reads a table whole, as far as can be told from its text.
struct Culprit<'w> {
    query: &'w Query,
    need: Need,
}

impl MissingIndex {
    fn finding(&self, family: &Family<'_>, reading: &Reading, subject: &Subject<'_>, uses: &Uses<'_>) -> Option<Finding> {
        let name = &family.root.name;
        let share = Quantity::measured(reading.share, Unit::Fraction);
        let read = format!("{share} of the rows read from {name} come from sequential scans");
        let severity = if reading.share >= SEQUENTIAL_SHARE_WATCH { Severity::Warning } else { Severity::Notice };
        let mut finding = Finding {
            check: self.name().to_owned(),
            object: None,
            severity,
            table: name.clone(),
            problem: String::new(),
            evidence: evidence(family, reading, subject.snapshot),
            statements: Vec::new(),
            advice: String::new(),
            remedy: None,
        };
        if let Statements::Unavailable { reason, remedy } = &subject.snapshot.activity.statements {
            finding.problem = format!("{read}; by which columns cannot be told, since statements are not recorded: {reason}");
            finding.advice = format!("{remedy}; then check again to see the statements and columns that cause it");
            return Some(finding);
        }
        let causes = causes(family, uses);
        if !causes.is_empty() {
            let time: f64 = causes.iter().map(|culprit| culprit.query.total_time.0).sum();
            let all_time: f64 = subject.workload.queries.iter().map(|query| query.total_time.0).sum();
            if reading.share >= SEQUENTIAL_SHARE_POOR && time >= TIME_SHARE_CRITICAL * all_time {
                finding.severity = Severity::Critical;
            }
            let is_slow = |one: &Culprit<'_>| one.query.calls >= ENOUGH_CALLS && mean(one.query) >= NOTICEABLE_MEAN;
            if time < NOTICEABLE_SHARE * all_time && !causes.iter().any(is_slow) {
                finding.severity = Severity::Notice;
            }
            finding.problem = format!(
                "{read}; {} by columns that no index leads with",
                statements(causes.len(), "filters or sorts it", "filter or sort it")
            );
            finding.evidence.push(Evidence {
                label: "time of the statements that cause it".to_owned(),
                quantity: Quantity::measured(time, Unit::Milliseconds),
            });
            finding.advice = advice(&causes);
            finding.statements = causes.iter().take(MOST_CAUSES).map(Culprit::cause).collect();
            return Some(finding);
        }
        let refused = refused(family, uses);
        let (_, first) = refused.first()?;
        finding.severity = finding.severity.min(Severity::Warning);
        finding.problem =
            format!("{read}; {} in a way that no B-tree serves", statements(refused.len(), "filters it", "filter it"));
        let reasons: Vec<String> = first.not_sargable().iter().map(|(column, reason)| format!("{column}: {reason}")).collect();
        finding.advice =
            format!("rewrite the condition, or index what it computes; in the first statement, {}", reasons.join(", "));
        finding.statements = refused.iter().take(MOST_CAUSES).map(|(query, shape)| refused_cause(query, shape)).collect();
        Some(finding)
    }
}

impl Culprit<'_> {
    fn cause(&self) -> Cause {
        Cause {
            statement: self.query.text.clone(),
            calls: self.query.calls,
            total_time: self.query.total_time,
            columns: columns(&self.need),
        }
    }
}

/// The statements that an index would serve and none does, longest first, each with what it needs.
fn causes<'w>(family: &Family<'_>, uses: &Uses<'w>) -> Vec<Culprit<'w>> {
    let mut culprits: Vec<Culprit<'w>> = Vec::new();
    for Use { query, shape, position, .. } in uses.of_tables(&family.members) {
        let Some(need) = need(shape, picks_rows(query, position)) else { continue };
        let is_known = culprits.iter().any(|known| known.query.fingerprint == query.fingerprint && known.need == need);
        if !is_known && is_worth_an_index(&need, family) {
            culprits.push(Culprit { query, need });
        }
    }
    culprits
}

/// Whether `need` leaves few rows, or can stop early, and some leaf has no index for it.
fn is_worth_an_index(need: &Need, family: &Family<'_>) -> bool {
    let picks_few = fraction(need, family.root)
        .or_else(|| family.leaves.first().and_then(|leaf| fraction(need, leaf)))
        .is_none_or(|left| left <= LARGEST_INDEXED_FRACTION);
    (picks_few || !need.order.is_empty()) && !family.leaves.iter().all(|leaf| is_served(need, leaf))
}

/// The statements that filter `family` only in ways that no B-tree serves, longest first.
fn refused<'w>(family: &Family<'_>, uses: &Uses<'w>) -> Vec<(&'w Query, &'w Shape)> {
    let of_family = uses.of_tables(&family.members).into_iter().map(|one| (one.query, one.shape));
    of_family.filter(|(_, shape)| !shape.not_sargable().is_empty() && need(shape, true).is_none()).collect()
}

fn refused_cause(query: &Query, shape: &Shape) -> Cause {
    let mut columns: Vec<String> = shape.not_sargable().into_iter().map(|(column, _)| column.to_owned()).collect();
    columns.dedup();
    Cause { statement: query.text.clone(), calls: query.calls, total_time: query.total_time, columns }
}

/// The indexes that would serve the statements, those of the longest time first; one that is the beginning of another is left out.
fn advice(causes: &[Culprit<'_>]) -> String {
    const MOST: usize = 3;
    let mut lists: Vec<(Vec<String>, String, f64)> = Vec::new();
    for culprit in causes {
        let (list, sql, Milliseconds(time)) = (columns(&culprit.need), columns_sql(&culprit.need), culprit.query.total_time);
        match lists.iter_mut().find(|(_, known, _)| *known == sql) {
            Some((.., known_time)) => *known_time += time,
            None => lists.push((list, sql, time)),
        }
    }
    lists.sort_by(|a, b| b.2.total_cmp(&a.2));
    let is_prefix = |list: &Vec<String>| lists.iter().any(|(other, ..)| other.len() > list.len() && other.starts_with(list));
    let kept: Vec<String> = lists.iter().filter(|(list, ..)| !is_prefix(list)).map(|(_, sql, _)| format!("({sql})")).collect();
    let more = match kept.len().saturating_sub(MOST) {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    let shown = kept.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
    if kept.len() == 1 {
        format!("an index on {shown} would serve them; have the advisor compare its gain with what it costs writes")
    } else {
        format!("indexes on {shown}{more} would serve them; declare those that are worth their cost in writes")
    }
}

fn statements(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 recorded statement {one}") } else { format!("{count} recorded statements {many}") }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::activity::TableActivity;
    use pgtailor_model::catalog::TableKind;
    use pgtailor_model::index::{Direction, IndexDefinition};
    use pgtailor_model::shape::{Comparison, Service};
    use pgtailor_model::workload::Workload;

    use super::*;
    use crate::fixture::{Fixture, activity, order_key, shape, workload};

    fn found(fixture: Fixture, workload: &Workload) -> Vec<Finding> {
        MissingIndex.find(&Subject::new(&fixture.snapshot(), workload))
    }

    fn suffering() -> TableActivity {
        activity(1_000, 900_000, 100_000)
    }

    fn orders() -> Fixture {
        Fixture::new()
            .table("orders", 500, &["id", "customer_id", "status", "created_at"])
            .activity("orders", suffering())
            .recorded()
    }

    fn latest_of_customer(fixture: &Fixture) -> Workload {
        let count = shape(fixture.oid("orders"), &[("customer_id", Comparison::Equal)]);
        let latest = Shape { order_by: vec![order_key("created_at", Direction::Descending)], limited: true, ..count.clone() };
        workload(&[("latest", 900.0, latest), ("count", 50.0, count), ("other", 50.0, Shape::default())])
    }

    #[test]
    fn names_the_statements_and_columns_that_cause_it() {
        let fixture = orders();
        let workload = latest_of_customer(&fixture);
        let findings = found(fixture, &workload);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].severity, Severity::Critical);
        assert_eq!(findings[0].statements[0].columns, ["customer_id", "created_at"]);
        assert_eq!(findings[0].statements.len(), 2);
        assert!(
            findings[0].advice.starts_with("an index on (customer_id, created_at DESC) would serve them"),
            "{}",
            findings[0].advice
        );
        assert!(findings[0].problem.starts_with("90.0 % of the rows read from orders"), "{}", findings[0].problem);
        let share = findings[0].evidence.iter().find(|evidence| evidence.quantity.unit == Unit::Fraction).expect("the share");
        assert!((share.quantity.value - 0.9).abs() < 1e-9);
        assert_eq!(findings[0].remedy, None);
    }

    /// A key that is looked up a dozen times beside thousands of other statements: read whole each time, and nobody waits for it.
    #[test]
    fn statements_that_take_no_time_are_only_noticed() {
        let fixture = orders();
        let by_customer = shape(fixture.oid("orders"), &[("customer_id", Comparison::Equal)]);
        let by_id = shape(fixture.oid("orders"), &[("id", Comparison::Equal)]);
        let severity = |time: f64, calls: u64| {
            let indexed = orders().index("orders", IndexDefinition::btree(["id"]));
            let mut workload = workload(&[("by id", 10_000.0, by_id.clone()), ("by customer", time, by_customer.clone())]);
            workload.queries[1].calls = calls;
            found(indexed, &workload)[0].severity
        };
        assert_eq!(severity(60.0, 12), Severity::Notice);
        assert_eq!(severity(60.0, 2), Severity::Notice, "slow, and run twice by somebody at a prompt");
        assert_eq!(severity(60.0 * 4.0, 12), Severity::Warning, "20 ms each");
        assert_eq!(severity(102.0, 12), Severity::Warning, "a hundredth of all time");
    }

    #[test]
    fn an_index_that_serves_ends_it_and_an_invalid_one_does_not() {
        let fixture = orders();
        let workload = latest_of_customer(&fixture);
        let indexed = orders().index("orders", IndexDefinition::btree(["customer_id"]));
        assert_eq!(found(indexed, &workload), []);
        let broken =
            orders().index("orders", IndexDefinition::btree(["customer_id"])).last_index("orders", |index| index.valid = false);
        assert_eq!(found(broken, &workload).len(), 1);
    }

    #[test]
    fn tiny_tables_and_single_reports_never_fire() {
        let fixture = orders();
        let workload = latest_of_customer(&fixture);
        let columns = ["id", "customer_id", "status", "created_at"];
        let tiny = Fixture::new().table("orders", 99, &columns).activity("orders", suffering()).recorded();
        assert_eq!(found(tiny, &workload), []);
        let report = orders().activity("orders", TableActivity { sequential_scans: 100_000, ..activity(1_000, 9_999, 0) });
        assert_eq!(found(report, &workload), [], "many scans, few rows");
    }

    #[test]
    fn a_filter_that_most_rows_pass_is_no_cause() {
        let fixture = orders().distinct("orders", "status", 3.0);
        let by_status = shape(fixture.oid("orders"), &[("status", Comparison::Equal)]);
        let workload = workload(&[("by status", 9.0, by_status)]);
        let snapshot = fixture.snapshot();
        let subject = Subject::new(&snapshot, &workload);
        assert_eq!(MissingIndex.find(&subject), []);
        assert!(MissingIndex.not_examined(&subject)[0].reason.contains("most rows"));
    }

    #[test]
    fn what_no_btree_serves_is_said() {
        let fixture = orders();
        let mut lower = shape(fixture.oid("orders"), &[("status", Comparison::Other)]);
        lower.predicates[0].service = Service::nothing("function lower(...) of the column");
        let findings = found(fixture, &workload(&[("lower", 9.0, lower)]));
        assert!(findings[0].problem.contains("in a way that no B-tree serves"));
        assert!(findings[0].advice.contains("status: function lower(...) of the column"));
    }

    #[test]
    fn without_recorded_statements_it_admits_that_it_cannot_tell_the_column() {
        let columns = ["id", "customer_id"];
        let mut snapshot = Fixture::new().table("orders", 500, &columns).activity("orders", suffering()).snapshot();
        snapshot.activity.statements = Statements::Unavailable {
            reason: "the extension is not installed".to_owned(),
            remedy: "run CREATE EXTENSION pg_stat_statements".to_owned(),
        };
        let findings = MissingIndex.find(&Subject::new(&snapshot, &Workload::default()));
        assert!(findings[0].problem.contains("by which columns cannot be told"));
        assert!(findings[0].advice.starts_with("run CREATE EXTENSION pg_stat_statements"));
        assert_eq!((findings[0].severity, findings[0].statements.len()), (Severity::Warning, 0));
    }

    #[test]
    fn missing_counters_are_not_zero() {
        let snapshot = Fixture::new().table("orders", 500, &["id"]).recorded().snapshot();
        let workload = Workload::default();
        let subject = Subject::new(&snapshot, &workload);
        assert_eq!(MissingIndex.find(&subject), []);
        assert_eq!(MissingIndex.not_examined(&subject)[0].reason, "no counters were captured");
    }

    #[test]
    fn a_partitioned_table_is_one_table() {
        let columns = ["customer_id"];
        let fixture = Fixture::new()
            .table("orders", 0, &columns)
            .kind("orders", TableKind::Partitioned)
            .table("orders_1", 60, &columns)
            .partition_of("orders_1", "orders")
            .activity("orders_1", suffering())
            .table("orders_2", 60, &columns)
            .partition_of("orders_2", "orders")
            .activity("orders_2", suffering())
            .recorded();
        let by_customer = shape(fixture.oid("orders"), &[("customer_id", Comparison::Equal)]);
        let findings = found(fixture, &workload(&[("by customer", 9.0, by_customer)]));
        assert_eq!(findings.iter().map(|finding| finding.table.name.as_str()).collect::<Vec<_>>(), ["orders"]);
    }
}
