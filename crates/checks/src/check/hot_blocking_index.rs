//! `hot-blocking-index`: indexes for which updates cannot be HOT.

use std::collections::{BTreeMap, BTreeSet};

use pgtailor_model::activity::Statements;
use pgtailor_model::catalog::Index;
use pgtailor_model::finding::{Cause, Evidence, Finding, Severity};
use pgtailor_model::name::{Oid, printable};
use pgtailor_model::quantity::{Quantity, Unit};
use pgtailor_model::shape::WriteKind;
use pgtailor_model::snapshot::{NotExamined, Snapshot};
use pgtailor_model::unit::{count_as_f64, ratio};
use pgtailor_model::workload::Query;

use super::{Check, Subject};
use crate::evidence::count_evidence;
use crate::family::{Family, families};
use crate::indexes::{contains, scans};
use crate::threshold::{BLOCKED_SHARE, ENOUGH_UPDATES, HOT_SHARE_LOW, MOST_CAUSES, UPDATES_FOR_EACH_SCAN};
use crate::unexamined::unexamined;
use crate::uses::{Use, Uses};

/// Indexes over columns that are updated far more often than anybody searches by them.
///
/// # What it finds
///
/// Tables with 10 000 updates and more of which fewer than half are HOT, where a quarter of the recorded updates write columns of indexes
/// that are scanned less than once for ten updates. Indexes with a duty (constraints, unique ones) are never blamed, nor is BRIN since
/// version 16, where it no longer matters.
///
/// # Why it matters
///
/// An update that changes an indexed column writes an entry to *every* index of the table, and a page image of each page it touches
/// after a checkpoint. A HOT update writes none, and needs no vacuum to clean up behind it.
///
/// # Example
///
/// ```sql
/// CREATE INDEX sessions_seen_at ON sessions (seen_at);
/// UPDATE sessions SET seen_at = now() WHERE id = 7;  -- at each request
/// ```
///
/// # Instead
///
/// ```sql
/// DROP INDEX CONCURRENTLY sessions_seen_at;
/// ```
///
/// # When to ignore it
///
/// When the few scans are worth it, such as one that finds what expired.
pub(super) struct HotBlockingIndex;

impl Check for HotBlockingIndex {
    fn name(&self) -> &'static str {
        "hot-blocking-index"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let uses = Uses::of(subject.workload);
        families(subject.snapshot).iter().filter_map(|family| self.finding(family, &uses, subject.snapshot)).collect()
    }

    fn not_examined(&self, subject: &Subject<'_>) -> Vec<NotExamined> {
        let (families, uses) = (families(subject.snapshot), Uses::of(subject.workload));
        let is_unseen = |family: &&Family<'_>| {
            suffers(family, subject.snapshot).is_some() && updates(family, &uses, subject.snapshot).is_empty()
        };
        let unseen = families.iter().filter(is_unseen).map(|family| family.root.name.to_string());
        let reason = "few of its updates are HOT, and which columns they write is not known: no update of it was recorded";
        unexamined(unseen, ("table", "tables"), reason).into_iter().collect()
    }
}

/// Updates of a table by the server's counters.
struct Suffering {
    updated: u64,
    share: f64,
}

/// An update that was recorded, and the indexes that keep it from being HOT.
struct Update<'s> {
    query: &'s Query,
    blockers: Vec<&'s Index>,
    columns: Vec<String>,
}

impl HotBlockingIndex {
    fn finding(&self, family: &Family<'_>, uses: &Uses<'_>, snapshot: &Snapshot) -> Option<Finding> {
        let Suffering { updated, share } = suffers(family, snapshot)?;
        let updates = updates(family, uses, snapshot);
        let all: u64 = updates.iter().map(weight).sum();
        // Of the counted updates, as large a part as of the recorded ones: both counters may have begun at different times.
        let of_index = |oid: Oid| {
            let blocked: u64 = updates.iter().filter(|one| one.blockers.iter().any(|index| index.oid == oid)).map(weight).sum();
            ratio(blocked, all).unwrap_or_default() * count_as_f64(updated)
        };
        let is_poor = |index: &&Index| {
            let scans = scans(family.root, index, snapshot);
            index.duty().is_none()
                && scans.is_some_and(|scans| count_as_f64(scans.saturating_mul(UPDATES_FOR_EACH_SCAN)) <= of_index(index.oid))
        };
        // An update gets HOT only when all that is in its way is gone.
        let is_curable = |one: &&Update<'_>| !one.blockers.is_empty() && one.blockers.iter().all(is_poor);
        let curable: Vec<&Update<'_>> = updates.iter().filter(is_curable).collect();
        let gained = ratio(curable.iter().map(|one| weight(one)).sum(), all)?;
        if gained < BLOCKED_SHARE {
            return None;
        }
        let blamed: BTreeMap<&str, &Index> =
            curable.iter().flat_map(|one| &one.blockers).map(|index| (index.name.as_str(), *index)).collect();
        let names = printable(&blamed.keys().copied().collect::<Vec<_>>().join(", "));
        let columns: BTreeSet<&str> = curable.iter().flat_map(|one| &one.columns).map(String::as_str).collect();
        let fraction = |value| Quantity::measured(value, Unit::Fraction);
        let mut evidence = vec![
            count_evidence("updates", updated),
            Evidence { label: "share of HOT updates".to_owned(), quantity: fraction(share) },
            Evidence { label: "share of the recorded updates that these indexes block".to_owned(), quantity: fraction(gained) },
        ];
        evidence.extend(blamed.values().filter_map(|index| {
            Some(count_evidence(format!("scans of {}", printable(&index.name)), scans(family.root, index, snapshot)?))
        }));
        evidence.extend(
            log_a_day(&curable, snapshot)
                .map(|quantity| Evidence { label: "write-ahead log of these updates a day".to_owned(), quantity }),
        );
        Some(Finding {
            check: self.name().to_owned(),
            object: None,
            severity: Severity::Warning,
            table: family.root.name.clone(),
            problem: format!(
                "{} of the updates of {} are HOT: {} of those recorded write {}, over which {names} {} and hardly ever scanned",
                fraction(share),
                family.root.name,
                fraction(gained),
                printable(&columns.into_iter().collect::<Vec<_>>().join(", ")),
                if blamed.len() == 1 { "is" } else { "are" },
            ),
            evidence,
            statements: curable.iter().take(MOST_CAUSES).map(|one| one.cause()).collect(),
            advice: format!(
                "if the few scans can do without, drop {names}, or take the updated columns out of {}; leave room in pages with a \
                 fillfactor below 100, so that the updates find it",
                if blamed.len() == 1 { "it" } else { "them" }
            ),
            remedy: None,
        })
    }
}

impl Update<'_> {
    fn cause(&self) -> Cause {
        let Query { text, calls, total_time, .. } = self.query;
        Cause { statement: text.clone(), calls: *calls, total_time: *total_time, columns: self.columns.clone() }
    }
}

fn weight(update: &Update<'_>) -> u64 {
    update.query.rows.map_or(update.query.calls, |rows| rows.0)
}

/// Its updates, when there are enough and too few of them are HOT.
fn suffers(family: &Family<'_>, snapshot: &Snapshot) -> Option<Suffering> {
    let counters = family.counters(snapshot)?;
    let updated = counters.iter().map(|one| one.updated).fold(0, u64::saturating_add);
    let hot = counters.iter().map(|one| one.hot_updated).fold(0, u64::saturating_add);
    let share = ratio(hot, updated)?;
    (updated >= ENOUGH_UPDATES && share < HOT_SHARE_LOW).then_some(Suffering { updated, share })
}

/// The recorded updates of `family`, longest first.
fn updates<'s>(family: &Family<'s>, uses: &Uses<'s>, snapshot: &Snapshot) -> Vec<Update<'s>> {
    let root = family.root;
    let is_summarizing = |index: &Index| {
        // `TU_Summarizing` in `tableam.h`, since version 16.
        snapshot.server.version >= 160_000 && index.definition.as_ref().is_some_and(|one| one.method == "brin")
    };
    uses.of_tables(&family.members)
        .into_iter()
        .filter_map(|Use { query, shape, .. }| {
            let write = shape.write.as_ref().filter(|write| matches!(write.kind, WriteKind::Update | WriteKind::Upsert))?;
            // An index whose expressions could not be read may be in the way, and is never blamed.
            let is_in_way = |index: &&Index| match &index.definition {
                Some(definition) => !is_summarizing(index) && write.columns.iter().any(|column| contains(definition, column)),
                None => true,
            };
            let blockers: Vec<&Index> = root.indexes.iter().filter(|index| index.ready).filter(is_in_way).collect();
            let is_indexed = |column: &&String| {
                blockers.iter().any(|index| index.definition.as_ref().is_some_and(|one| contains(one, column)))
            };
            let columns = write.columns.iter().filter(is_indexed).cloned().collect();
            Some(Update { query, blockers, columns })
        })
        .collect()
}

/// Write-ahead log of the statements a day; `None` when it was not recorded, or not since when.
fn log_a_day(updates: &[&Update<'_>], snapshot: &Snapshot) -> Option<Quantity> {
    let Statements::Recorded { since: Some(since), .. } = &snapshot.activity.statements else { return None };
    let days = snapshot.captured_at.duration_since(*since).as_secs_f64() / 86_400.0;
    let bytes = updates.iter().map(|one| one.query.wal).try_fold(0.0, |sum, wal| Some(sum + wal?.as_f64()))?;
    (days > 0.0).then(|| Quantity::measured(bytes / days, Unit::Bytes))
}

#[cfg(test)]
mod tests {
    use pgtailor_model::activity::TableActivity;
    use pgtailor_model::index::IndexDefinition;
    use pgtailor_model::shape::{Shape, Write};
    use pgtailor_model::workload::Workload;

    use super::*;
    use crate::fixture::{Fixture, activity, workload};

    fn sessions(hot: u64, scans: u64) -> Fixture {
        let counters = TableActivity { updated: 20_000, hot_updated: hot, ..activity(1_000, 0, 9) };
        let fixture = Fixture::new().table("sessions", 500, &["id", "seen_at", "agent"]).activity("sessions", counters);
        fixture.index("sessions", IndexDefinition::btree(["seen_at"])).scanned("sessions", scans, 0).recorded()
    }

    fn update(fixture: &Fixture, columns: &[&str]) -> Shape {
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        Shape { write: Some(Write { kind: WriteKind::Update, columns }), ..Shape::of(fixture.oid("sessions")) }
    }

    fn found(fixture: Fixture, workload: &Workload) -> Vec<Finding> {
        HotBlockingIndex.find(&Subject::new(&fixture.snapshot(), workload))
    }

    #[test]
    fn the_index_over_the_updated_column_is_blamed() {
        let fixture = sessions(1_000, 10);
        let workload = workload(&[("seen", 90.0, update(&fixture, &["seen_at"])), ("agent", 9.0, update(&fixture, &["agent"]))]);
        let findings = found(fixture, &workload);
        assert!(
            findings[0].problem.starts_with("5.00 % of the updates of sessions are HOT: 50.0 % of those recorded write seen_at"),
            "{}",
            findings[0].problem
        );
        assert_eq!(findings[0].statements.len(), 1);
    }

    #[test]
    fn an_index_that_is_used_or_has_a_duty_is_not() {
        let of = |fixture: Fixture| {
            let workload = workload(&[("seen", 90.0, update(&fixture, &["seen_at"]))]);
            found(fixture, &workload).len()
        };
        assert_eq!(of(sessions(1_000, 2_000)), 1, "once for ten updates");
        assert_eq!(of(sessions(1_000, 2_001)), 0);
        assert_eq!(of(sessions(10_000, 10)), 0, "half are HOT");
        let unique = |index: &mut Index| index.definition.as_mut().expect("it has one").unique = true;
        assert_eq!(of(sessions(1_000, 10).last_index("sessions", unique)), 0);
        let also_unique =
            sessions(1_000, 10).index("sessions", IndexDefinition::btree(["seen_at", "id"])).last_index("sessions", unique);
        assert_eq!(of(also_unique), 0, "another index would still be in the way");
    }

    #[test]
    fn unrecorded_updates_are_said() {
        let snapshot = sessions(1_000, 10).snapshot();
        let unexamined = HotBlockingIndex.not_examined(&Subject::new(&snapshot, &Workload::default()));
        assert_eq!(unexamined[0].object, "sessions");
    }
}
