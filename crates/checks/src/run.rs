//! All checks at once.

use jiff::Timestamp;
use pgtailor_model::acceptance::{Acceptance, Accepted};
use pgtailor_model::finding::Finding;
use pgtailor_model::snapshot::NotExamined;

use crate::check::{ALL, Subject};

/// What the checks found, and what they could not look at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Worst first; see [`run`] for the order.
    pub findings: Vec<Finding>,
    /// Those that somebody has decided to live with, in the same order.
    pub accepted: Vec<Accepted>,
    /// In the order of [`ALL`].
    pub not_examined: Vec<Unexamined>,
}

/// Something that a check could not look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unexamined {
    /// The check's name.
    pub check: String,
    /// What, and why.
    pub what: NotExamined,
}

/// Runs every check of [`ALL`].
///
/// Findings are sorted by severity, worst first; then by what they cost, the measured time of the statements behind them; then by
/// check, by the first number of the evidence, and by table. Equal ones are given once.
pub fn run(subject: &Subject<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    for check in ALL {
        outcome.findings.extend(check.find(subject));
        let unexamined = check.not_examined(subject).into_iter();
        outcome.not_examined.extend(unexamined.map(|what| Unexamined { check: check.name().to_owned(), what }));
    }
    outcome.findings.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then_with(|| cost(b).total_cmp(&cost(a)))
            .then_with(|| position(a).cmp(&position(b)))
            .then_with(|| first_number(b).total_cmp(&first_number(a)))
            .then_with(|| (&a.table, &a.problem).cmp(&(&b.table, &b.problem)))
    });
    outcome.findings.dedup();
    outcome
}

impl Outcome {
    /// Sets apart what `acceptances` that have not ended at `now` are about.
    #[must_use]
    pub fn beside(mut self, acceptances: &[Acceptance], now: Timestamp) -> Self {
        let valid = |finding: &Finding| {
            acceptances.iter().find(|acceptance| acceptance.is_about(finding) && !acceptance.has_ended(now)).cloned()
        };
        for finding in std::mem::take(&mut self.findings) {
            match valid(&finding) {
                Some(acceptance) => self.accepted.push(Accepted { finding, acceptance }),
                None => self.findings.push(finding),
            }
        }
        self
    }
}

/// Measured time of the statements behind `finding`, in milliseconds.
fn cost(finding: &Finding) -> f64 {
    finding.statements.iter().map(|cause| cause.total_time.0).sum()
}

fn position(finding: &Finding) -> usize {
    ALL.iter().position(|check| check.name() == finding.check).unwrap_or(ALL.len())
}

fn first_number(finding: &Finding) -> f64 {
    finding.evidence.first().map_or(0.0, |evidence| evidence.quantity.value)
}

#[cfg(test)]
mod tests {
    use pgtailor_model::index::IndexDefinition;
    use pgtailor_model::shape::Comparison;
    use pgtailor_model::workload::Workload;

    use super::*;
    use crate::fixture::{Fixture, activity, workload};

    fn fixture() -> Fixture {
        Fixture::new()
            .table("a", 500, &["x"])
            .activity("a", activity(1_000, 900_000, 0))
            .index("a", IndexDefinition::btree(["x"]))
            .last_index("a", |index| index.valid = false)
            .table("b", 500, &["x"])
            .activity("b", activity(1_000, 900_000, 0))
            .table("c", 500, &["x"])
            .recorded()
    }

    #[test]
    fn the_worst_and_most_expensive_comes_first() {
        let fixture = fixture();
        let by_x = |table: &str| crate::fixture::shape(fixture.oid(table), &[("x", Comparison::Equal)]);
        let workload = workload(&[("b by x", 70.0, by_x("b")), ("a by x", 30.0, by_x("a"))]);
        let snapshot = fixture.snapshot();
        let outcome = run(&Subject::new(&snapshot, &workload));
        let seen: Vec<(&str, &str)> =
            outcome.findings.iter().map(|finding| (finding.check.as_str(), finding.table.name.as_str())).collect();
        let notices = [("no-primary-key", "a"), ("no-primary-key", "b")];
        assert_eq!(seen, [&[("missing-index", "b"), ("missing-index", "a"), ("invalid-index", "a")][..], &notices].concat());
    }

    #[test]
    fn what_could_not_be_examined_names_its_check() {
        let snapshot = fixture().snapshot();
        let outcome = run(&Subject::new(&snapshot, &Workload::default()));
        let checks: Vec<&str> = outcome
            .not_examined
            .iter()
            .filter(|left_out| left_out.what.object == "c")
            .map(|left_out| left_out.check.as_str())
            .collect();
        assert_eq!(checks[..3], ["missing-index", "missing-statistics", "dead-rows"]);
    }
}
