//! `slow-statement`: statements that take long, each time or now and then, with what about them does.

use pgtailor_model::activity;
use pgtailor_model::finding::{Evidence, Finding, Severity};
use pgtailor_model::quantity::Unit;
use pgtailor_model::shape::WriteKind;
use pgtailor_model::snapshot::NotExamined;
use pgtailor_model::workload::Query;

use super::{Check, Subject};
use crate::suspect::{Statements, Suspect, for_each_call, mean, measured, rows, size, time};
use crate::threshold::{
    BULK_ROW_TIME, ENOUGH_FOR_TAIL, ENOUGH_RETURNED, LITTLE_SPILLED, LONG_WAIT, MANY_ROWS, MUCH_READ, SLOW_MEAN, TAIL_DEVIATIONS,
    TIME_SHARE_CRITICAL,
};

/// Statements that take long.
///
/// # What it finds
///
/// Statements that take a tenth of a second on the mean; and those whose mean is short while a few executions take a second and more, which shows
/// in a standard deviation of three means. It says what the counters show of the cause: what is read from outside the cache, what is written
/// to temporary files, how many rows are returned, how long planning takes. Loads of many rows are left out, and so are updates and deletions of
/// many rows of which each is quick.
///
/// # Why it matters
///
/// Somebody waits. A mean hides it: of a hundred executions, one that takes ten seconds is a tenth of a second on the mean.
///
/// # Example
///
/// ```sql
/// SELECT * FROM orders WHERE customer_id = $1;  -- 2 ms for most customers, 4 s for the largest
/// ```
///
/// # Instead
///
/// ```sql
/// EXPLAIN (ANALYZE, BUFFERS) SELECT * FROM orders WHERE customer_id = 42;  -- with the value that is slow
/// ```
///
/// # When to ignore it
///
/// When nobody waits for it: reports and jobs of the night. A slow tail can be a lock or a busy disk as well, which no counter of a
/// statement tells apart.
pub(super) struct SlowStatement;

impl Check for SlowStatement {
    fn name(&self) -> &'static str {
        "slow-statement"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let statements = Statements::of(subject);
        let suspects = statements.noticeable().filter_map(|query| suspect(query, &statements)).collect();
        statements.findings(self.name(), suspects)
    }

    /// For this check and all others that need the statements' times.
    fn not_examined(&self, subject: &Subject<'_>) -> Vec<NotExamined> {
        let reason = match &subject.snapshot.activity.statements {
            activity::Statements::Unavailable { reason, remedy } if subject.workload.queries.is_empty() => {
                format!("{reason}; {remedy}")
            }
            _ if subject.workload.queries.iter().all(|query| query.total_time.0 <= 0.0)
                && !subject.workload.queries.is_empty() =>
            {
                "no source has their times; pg_stat_statements or a log with durations would".to_owned()
            }
            _ => return Vec::new(),
        };
        vec![NotExamined { object: "statements, by this check and all others of single statements".to_owned(), reason }]
    }
}

fn suspect<'a>(query: &'a Query, statements: &Statements<'a>) -> Option<Suspect<'a>> {
    let table = statements.largest_table(query)?;
    let mean = mean(query);
    // What writes many rows takes its time; of updates and deletions, which have to find them, only when each row is quick.
    let written = query.shapes.iter().find_map(|shape| shape.write.as_ref());
    let is_bulk = written.zip(query.rows_per_call()).is_some_and(|(write, rows)| {
        let is_load = matches!(write.kind, WriteKind::Insert | WriteKind::Copy | WriteKind::Upsert);
        rows >= ENOUGH_RETURNED && (is_load || mean <= rows * BULK_ROW_TIME)
    });
    if is_bulk {
        return None;
    }
    let tail = query.spread.filter(|spread| query.calls >= ENOUGH_FOR_TAIL && spread.deviation.0 >= TAIL_DEVIATIONS * mean);
    let longest = tail.and_then(|spread| spread.longest).filter(|longest| longest.0 >= LONG_WAIT);
    let (causes, evidence) = causes(query);
    let causes = if causes.is_empty() { "why, the counters do not show".to_owned() } else { causes.join(", ") };
    let (severity, problem) = match longest {
        Some(longest) if mean < SLOW_MEAN => (
            Severity::Warning,
            format!(
                "a statement takes {} on the mean, and once took {}: a few executions are slow; {causes}",
                time(mean),
                time(longest.0)
            ),
        ),
        _ if mean >= SLOW_MEAN => {
            let is_critical = mean >= LONG_WAIT && statements.share(query) >= TIME_SHARE_CRITICAL;
            let severity = if is_critical { Severity::Critical } else { statements.severity(query).min(Severity::Warning) };
            (severity, format!("a statement takes {} on the mean; {causes}", time(mean)))
        }
        _ => return None,
    };
    let advice = if longest.is_some() && mean < SLOW_MEAN {
        "find a value that is slow (auto_explain with log_min_duration logs its plan), and have EXPLAIN (ANALYZE, BUFFERS) show where the \
         time goes with it"
    } else {
        "run EXPLAIN (ANALYZE, BUFFERS) of it with values that the application uses, and ask the advisor for an index"
    };
    let (about, columns) = (query.fingerprint.clone(), Vec::new());
    Some(Suspect { query, table, about, columns, severity, problem, evidence, advice: advice.to_owned() })
}

/// What the counters say of the cause, and its numbers.
fn causes(query: &Query) -> (Vec<String>, Vec<Evidence>) {
    let (mut causes, mut evidence) = (Vec::new(), Vec::new());
    if let Some(bytes) = for_each_call(query.blocks_read, query).filter(|bytes| *bytes >= MUCH_READ) {
        causes.push(format!("each reads {} from outside the cache", size(bytes)));
        evidence.push(measured("read from outside the cache for each execution", bytes, Unit::Bytes));
    }
    if let Some(bytes) = for_each_call(query.temp_written, query).filter(|bytes| *bytes >= LITTLE_SPILLED) {
        causes.push(format!("each writes {} to temporary files", size(bytes)));
        evidence.push(measured("written to temporary files for each execution", bytes, Unit::Bytes));
    }
    if let Some(count) = query.rows_per_call().filter(|count| *count >= MANY_ROWS) {
        causes.push(format!("each returns or changes {} rows", rows(count)));
        evidence.push(measured("rows for each execution", count, Unit::Rows));
    }
    if let Some(planning) = query.planning_time.filter(|planning| planning.0 >= query.total_time.0) {
        causes.push(format!("planning takes {} beside that", time(planning.0)));
        evidence.push(measured("time of planning in all", planning.0, Unit::Milliseconds));
    }
    (causes, evidence)
}

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::Shape;
    use pgtailor_model::spread::Spread;
    use pgtailor_model::unit::{Bytes, Milliseconds, Rows};
    use pgtailor_model::workload::Workload;

    use super::*;
    use crate::fixture::{Fixture, workload};

    /// What is found of one statement that ran a hundred times, with `mean` milliseconds each.
    fn found(mean: f64, change: impl FnOnce(&mut Query)) -> Vec<Finding> {
        let fixture = Fixture::new().table("t", 500, &["a"]);
        let mut workload = workload(&[("s", mean * 100.0, Shape::of(fixture.oid("t")))]);
        change(&mut workload.queries[0]);
        SlowStatement.find(&Subject::new(&fixture.snapshot(), &workload))
    }

    #[test]
    fn a_slow_mean_is_found_with_what_the_counters_show() {
        assert_eq!(found(99.0, |_| {}), []);
        let slow = found(1_500.0, |query| query.temp_written = Some(Bytes(500 << 20)));
        assert_eq!(slow[0].severity, Severity::Critical);
        assert_eq!(slow[0].problem, "a statement takes 1.50 s on the mean; each writes 5.00 MB to temporary files");
        assert!(found(120.0, |_| {})[0].problem.ends_with("why, the counters do not show"));
    }

    #[test]
    fn a_mean_that_hides_a_tail_is_found() {
        let with = |deviation: f64, longest: f64| {
            let spread = Spread { deviation: Milliseconds(deviation), longest: Some(Milliseconds(longest)) };
            found(30.0, |query| query.spread = Some(spread))
        };
        assert!(with(200.0, 2_000.0)[0].problem.starts_with("a statement takes 30.0 ms on the mean, and once took 2.00 s"));
        assert_eq!(with(80.0, 2_000.0), [], "less than three means");
        assert_eq!(with(200.0, 900.0), [], "nobody waited for long");
    }

    #[test]
    fn loads_are_left_out_and_what_cannot_be_known_is_said() {
        let load = |query: &mut Query| {
            query.rows = Some(Rows(1_000_000));
            query.shapes[0].write = Some(pgtailor_model::shape::Write { kind: WriteKind::Insert, columns: Vec::new() });
        };
        assert_eq!(found(5_000.0, load), []);
        let update = |query: &mut Query| {
            query.rows = Some(Rows(query.calls * 12_000));
            query.shapes[0].write = Some(pgtailor_model::shape::Write { kind: WriteKind::Update, columns: Vec::new() });
        };
        assert_eq!(found(1_100.0, update), [], "0.09 ms a row");
        assert_eq!(found(1_300.0, update).len(), 1, "0.11 ms a row: they are hard to find, or something else is wrong");
        let snapshot = Fixture::new().table("t", 500, &["a"]).snapshot();
        let unexamined = SlowStatement.not_examined(&Subject::new(&snapshot, &Workload::default()));
        assert!(unexamined[0].reason.contains("not captured"), "{}", unexamined[0].reason);
    }
}
