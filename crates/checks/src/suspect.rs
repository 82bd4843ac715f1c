//! Statements as checks see them: which are worth a look, what they cost, and how several of one kind become one finding.
//!
//! It knows times and tables, and nothing of what is wrong with a statement. Everything that is looked up by a table's OID is prepared once, for
//! there may be thousands of statements and thousands of tables.

use std::collections::BTreeMap;

use pgtailor_model::catalog::Table;
use pgtailor_model::finding::{Cause, Evidence, Finding, Severity};
use pgtailor_model::name::Oid;
use pgtailor_model::quantity::{Quantity, Unit};
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::unit::{Bytes, Milliseconds, count_as_f64, f64_as_count};
use pgtailor_model::workload::{Query, Workload};

use crate::check::Subject;
use crate::family::families;
use crate::threshold::{
    ENOUGH_CALLS, MOST_CAUSES, NOTICEABLE_MEAN, NOTICEABLE_SHARE, SMALL_TABLE_PAGES, TIME_SHARE_CRITICAL, TIME_SHARE_WARNING,
};

/// The statements of a workload with what is known of their tables.
pub(crate) struct Statements<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) workload: &'a Workload,
    tables: BTreeMap<Oid, Known<'a>>,
    all_time: f64,
}

/// What is known of a table, its partitions included.
struct Known<'a> {
    table: &'a Table,
    rows: Option<f64>,
    pages: u64,
}

/// A statement that a check holds responsible.
pub(crate) struct Suspect<'a> {
    pub(crate) query: &'a Query,
    pub(crate) table: &'a Table,
    /// What sets it apart from others over the same table; those that share it become one finding.
    pub(crate) about: String,
    pub(crate) columns: Vec<String>,
    pub(crate) severity: Severity,
    /// What is wrong with it, a sentence with `a statement` as its subject.
    pub(crate) problem: String,
    /// The numbers in the sentence.
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) advice: String,
}

impl<'a> Statements<'a> {
    /// Those of `subject`.
    pub(crate) fn of(subject: &Subject<'a>) -> Self {
        let mut tables = BTreeMap::new();
        for family in families(subject.snapshot) {
            let rows = family.leaves.iter().map(|leaf| leaf.estimated_rows.map(|rows| rows.as_f64())).sum();
            tables.insert(family.root.oid, Known { table: family.root, rows, pages: family.pages() });
        }
        for table in &subject.snapshot.catalog.tables {
            let rows = table.estimated_rows.map(|rows| rows.as_f64());
            tables.entry(table.oid).or_insert(Known { table, rows, pages: table.pages.0 });
        }
        let all_time = subject.workload.queries.iter().map(|query| query.total_time.0).sum::<f64>()
            + subject.workload.skipped.iter().map(|skipped| skipped.total_time.0).sum::<f64>();
        Self { snapshot: subject.snapshot, workload: subject.workload, tables, all_time }
    }

    /// Those that take enough time to matter, in all or each, longest first.
    pub(crate) fn noticeable(&self) -> impl Iterator<Item = &'a Query> + '_ {
        let matters = |query: &&Query| {
            let is_slow = query.calls >= ENOUGH_CALLS && mean(query) >= NOTICEABLE_MEAN;
            query.total_time.0 > 0.0 && (self.share(query) >= NOTICEABLE_SHARE || is_slow)
        };
        self.workload.queries.iter().filter(matters)
    }

    /// Fraction of the time of all statements, 0 to 1.
    pub(crate) fn share(&self, query: &Query) -> f64 {
        if self.all_time > 0.0 { query.total_time.0 / self.all_time } else { 0.0 }
    }

    /// How bad it is that `query` takes its time, whatever is wrong with it.
    pub(crate) fn severity(&self, query: &Query) -> Severity {
        match self.share(query) {
            share if share >= TIME_SHARE_CRITICAL && mean(query) >= NOTICEABLE_MEAN => Severity::Critical,
            share if share >= TIME_SHARE_WARNING => Severity::Warning,
            _ => Severity::Notice,
        }
    }

    /// The table of this OID.
    pub(crate) fn table(&self, oid: Oid) -> Option<&'a Table> {
        self.tables.get(&oid).map(|known| known.table)
    }

    /// The table of the reference at `position` of `query`.
    pub(crate) fn table_at(&self, query: &Query, position: usize) -> Option<&'a Table> {
        self.table(query.shapes.get(position)?.table)
    }

    /// Its rows with those of its partitions, estimated; `None` when that is not known of all.
    pub(crate) fn rows(&self, oid: Oid) -> Option<f64> {
        self.tables.get(&oid)?.rows
    }

    /// Whether reading it whole is cheap, whatever is asked of it.
    pub(crate) fn is_small(&self, oid: Oid) -> bool {
        self.tables.get(&oid).is_none_or(|known| known.pages < SMALL_TABLE_PAGES)
    }

    /// The largest table that `query` refers to.
    pub(crate) fn largest_table(&self, query: &Query) -> Option<&'a Table> {
        let known = query.shapes.iter().filter_map(|shape| self.tables.get(&shape.table));
        // The first of equals: `max_by_key` would take the last.
        known.rev().max_by_key(|known| known.pages).map(|known| known.table)
    }

    /// `suspects`, worst first, as findings of `check`: one for each table and what they are about.
    pub(crate) fn findings(&self, check: &str, suspects: Vec<Suspect<'a>>) -> Vec<Finding> {
        let mut groups: BTreeMap<(Oid, String), Vec<Suspect<'a>>> = BTreeMap::new();
        for suspect in suspects {
            groups.entry((suspect.table.oid, suspect.about.clone())).or_default().push(suspect);
        }
        groups.into_values().filter_map(|group| self.finding(check, group)).collect()
    }

    fn finding(&self, check: &str, group: Vec<Suspect<'a>>) -> Option<Finding> {
        let severity = group.iter().map(|suspect| suspect.severity).max()?;
        let statements = group.iter().take(MOST_CAUSES).map(Suspect::cause).collect();
        let time: f64 = group.iter().map(|suspect| suspect.query.total_time.0).sum();
        let share: f64 = group.iter().map(|suspect| self.share(suspect.query)).sum();
        let others = group.len() - 1;
        let Suspect { query, table, mut problem, mut evidence, advice, .. } = group.into_iter().next()?;
        if others > 0 {
            let number = if others == 1 { "1 other does".to_owned() } else { format!("{others} others do") };
            problem.push_str(&format!("; {number} the same"));
            evidence.push(number_of("other statements that do the same", count_as_f64(others.try_into().unwrap_or(u64::MAX))));
        }
        evidence.extend(cost(query));
        evidence.push(measured("time of the statements", time, Unit::Milliseconds));
        evidence.push(measured("share of the time of all statements", share, Unit::Fraction));
        Some(Finding {
            check: check.to_owned(),
            severity,
            table: table.name.clone(),
            problem,
            evidence,
            statements,
            advice,
            remedy: None,
        })
    }
}

impl Suspect<'_> {
    fn cause(&self) -> Cause {
        Cause {
            statement: self.query.text.clone(),
            calls: self.query.calls,
            total_time: self.query.total_time,
            columns: self.columns.clone(),
        }
    }
}

/// Mean time of an execution, in milliseconds; 0 where it is not known, since then nothing may be found.
pub(crate) fn mean(query: &Query) -> f64 {
    query.mean_time().unwrap_or_default().0
}

/// The mean time, and how the times differ, as evidence.
fn cost(query: &Query) -> Vec<Evidence> {
    let mut evidence = vec![
        number_of("executions of the first", count_as_f64(query.calls)),
        measured("mean time of an execution of the first", mean(query), Unit::Milliseconds),
    ];
    if let Some(spread) = query.spread {
        evidence.push(measured("standard deviation of its time", spread.deviation.0, Unit::Milliseconds));
        let longest = spread.longest.map(|longest| measured("its longest execution", longest.0, Unit::Milliseconds));
        evidence.extend(longest);
    }
    evidence
}

/// A measured number.
pub(crate) fn measured(label: impl Into<String>, value: f64, unit: Unit) -> Evidence {
    Evidence { label: label.into(), quantity: Quantity::measured(value, unit) }
}

/// An estimated number.
pub(crate) fn estimated(label: impl Into<String>, value: f64, unit: Unit) -> Evidence {
    Evidence { label: label.into(), quantity: Quantity::estimated(value, unit) }
}

/// A counted number.
pub(crate) fn number_of(label: impl Into<String>, count: f64) -> Evidence {
    measured(label, count, Unit::Count)
}

/// A time in words.
pub(crate) fn time(milliseconds: f64) -> String {
    Milliseconds(milliseconds).to_string()
}

/// A size in words.
pub(crate) fn size(bytes: f64) -> String {
    Bytes(f64_as_count(bytes)).to_string()
}

/// A number of rows in words.
pub(crate) fn rows(count: f64) -> String {
    Quantity::estimated(count, Unit::Rows).to_string()
}

/// Bytes of one execution of `query`; `None` when no source says.
pub(crate) fn for_each_call(bytes: Option<Bytes>, query: &Query) -> Option<f64> {
    bytes.filter(|_| query.calls > 0).map(|bytes| bytes.as_f64() / count_as_f64(query.calls))
}

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::Shape;

    use super::*;
    use crate::fixture::{Fixture, workload};

    #[test]
    fn what_takes_no_time_in_all_and_none_each_is_not_worth_a_look() {
        let fixture = Fixture::new().table("t", 500, &["a"]);
        let shape = || Shape::of(fixture.oid("t"));
        // A hundred executions each.
        let workload = workload(&[("most", 97_001.0, shape()), ("slow", 2_000.0, shape()), ("quick", 999.0, shape())]);
        let snapshot = fixture.snapshot();
        let statements = Statements::of(&Subject::new(&snapshot, &workload));
        let texts: Vec<&str> = statements.noticeable().map(|query| query.text.as_str()).collect();
        assert_eq!(texts, ["most", "slow"]);
        assert_eq!(statements.severity(&workload.queries[0]), Severity::Critical);
    }

    #[test]
    fn statements_over_one_table_about_one_thing_are_one_finding() {
        let fixture = Fixture::new().table("t", 500, &["a"]);
        let shape = || Shape::of(fixture.oid("t"));
        let workload = workload(&[("one", 60.0, shape()), ("two", 40.0, shape())]);
        let snapshot = fixture.snapshot();
        let statements = Statements::of(&Subject::new(&snapshot, &workload));
        let suspect = |query, about: &str| Suspect {
            query,
            table: &snapshot.catalog.tables[0],
            about: about.to_owned(),
            columns: Vec::new(),
            severity: Severity::Notice,
            problem: "a statement is odd".to_owned(),
            evidence: Vec::new(),
            advice: "do not".to_owned(),
        };
        let same = statements.findings("c", workload.queries.iter().map(|query| suspect(query, "x")).collect());
        assert_eq!((same.len(), same[0].statements.len()), (1, 2));
        assert_eq!(same[0].problem, "a statement is odd; 1 other does the same");
        let other = vec![suspect(&workload.queries[0], "x"), suspect(&workload.queries[1], "y")];
        assert_eq!(statements.findings("c", other).len(), 2);
    }
}
