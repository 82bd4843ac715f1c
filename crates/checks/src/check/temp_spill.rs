//! `temp-spill`: statements whose sorts and hash tables do not fit into memory.

use pgtailor_model::finding::Finding;
use pgtailor_model::quantity::Unit;
use pgtailor_model::snapshot::NotExamined;
use pgtailor_model::workload::Query;

use super::{Check, Subject};
use crate::setting::work_memory;
use crate::suspect::{Statements, Suspect, estimated, for_each_call, mean, measured, size, time};
use crate::threshold::{LITTLE_SPILLED, MEMORY_FOR_SPILLED, MOST_WORK_MEM};

/// Temporary files.
///
/// # What it finds
///
/// Statements that take noticeable time and write a megabyte and more to temporary files in each execution, with the `work_mem` that would hold
/// it: twice what is written, since a row takes more room in memory than in a file. That is an estimate of an order of magnitude: the mean of
/// executions that differ, written by one sort or by several, and written again in each further pass of a merge.
///
/// # Why it matters
///
/// What is written must be read again, and competes with everything else for the disk.
///
/// # Example
///
/// ```sql
/// SELECT customer_id, sum(total) FROM orders GROUP BY customer_id ORDER BY 2 DESC;  -- work_mem = 4MB
/// ```
///
/// # Instead
///
/// ```sql
/// BEGIN;
/// SET LOCAL work_mem = '64MB';
/// SELECT customer_id, sum(total) FROM orders GROUP BY customer_id ORDER BY 2 DESC;
/// COMMIT;
/// ```
///
/// # When to ignore it
///
/// When it runs at night. Never raise `work_mem` for all because of one: every sort of every session may take it at the same time.
pub(super) struct TempSpill;

impl Check for TempSpill {
    fn name(&self) -> &'static str {
        "temp-spill"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let statements = Statements::of(subject);
        let suspects = statements.noticeable().filter_map(|query| suspect(query, &statements)).collect();
        statements.findings(self.name(), suspects)
    }

    fn not_examined(&self, subject: &Subject<'_>) -> Vec<NotExamined> {
        let queries = &subject.workload.queries;
        if queries.is_empty() || queries.iter().any(|query| query.temp_written.is_some()) {
            return Vec::new();
        }
        let reason = "only pg_stat_statements says what they write to temporary files".to_owned();
        vec![NotExamined { object: "statements".to_owned(), reason }]
    }
}

fn suspect<'a>(query: &'a Query, statements: &Statements<'a>) -> Option<Suspect<'a>> {
    let spilled = for_each_call(query.temp_written, query).filter(|bytes| *bytes >= LITTLE_SPILLED)?;
    let table = statements.largest_table(query)?;
    let needed = spilled * MEMORY_FOR_SPILLED;
    let current = work_memory(statements.snapshot);
    let mut evidence = vec![
        measured("written to temporary files for each execution", spilled, Unit::Bytes),
        estimated("work_mem that would hold it", needed, Unit::Bytes),
    ];
    evidence.extend(current.map(|memory| measured("work_mem now", memory, Unit::Bytes)));
    let now = current.map(|memory| format!(" with a work_mem of {}", size(memory))).unwrap_or_default();
    let is_sorted = query.shapes.iter().any(|shape| !shape.order_by.is_empty() || !shape.group_by.is_empty());
    let index = if is_sorted { "; an index in the order that it sorts or groups by would need no memory at all" } else { "" };
    let advice = if needed <= MOST_WORK_MEM {
        format!(
            "SET LOCAL work_mem = '{}MB' in its transaction, or for its role alone; that is twice what it writes, and may not be enough{index}",
            pgtailor_model::unit::f64_as_count((needed / (1024.0 * 1024.0)).ceil())
        )
    } else {
        format!(
            "have it sort or keep fewer rows or columns: memory of some {} for one execution is more than to give away{index}",
            size(needed)
        )
    };
    Some(Suspect {
        query,
        table,
        about: query.fingerprint.clone(),
        columns: Vec::new(),
        severity: statements.severity(query),
        problem: format!(
            "a statement over {} writes {} to temporary files in each execution{now}; it takes {} on the mean",
            table.name,
            size(spilled),
            time(mean(query))
        ),
        evidence,
        advice,
    })
}

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::Shape;
    use pgtailor_model::unit::Bytes;
    use pgtailor_model::workload::Workload;

    use super::*;
    use crate::fixture::{Fixture, workload};

    fn asked(fixture: &Fixture, spilled: Option<u64>) -> Workload {
        let mut workload = workload(&[("s", 9_000.0, Shape::of(fixture.oid("t")))]);
        workload.queries[0].temp_written = spilled.map(|bytes| Bytes(bytes * 100));
        workload
    }

    fn found(spilled: u64) -> Vec<Finding> {
        let fixture = Fixture::new().table("t", 500, &["a"]).setting("work_mem", "4096");
        let workload = asked(&fixture, Some(spilled));
        TempSpill.find(&Subject::new(&fixture.snapshot(), &workload))
    }

    #[test]
    fn says_what_memory_would_hold_it() {
        let findings = found(20 << 20);
        assert!(findings[0].problem.contains("writes 20.0 MB to temporary files in each execution with a work_mem of 4.00 MB"));
        assert!(findings[0].advice.starts_with("SET LOCAL work_mem = '40MB'"), "{}", findings[0].advice);
        assert!(found(600 << 20)[0].advice.starts_with("have it sort or keep fewer rows"));
        assert_eq!(found((1 << 20) - 1), []);
    }

    #[test]
    fn a_source_that_does_not_say_is_not_taken_for_nothing() {
        let fixture = Fixture::new().table("t", 500, &["a"]);
        let workload = asked(&fixture, None);
        let snapshot = fixture.snapshot();
        let subject = Subject::new(&snapshot, &workload);
        assert_eq!(TempSpill.find(&subject), []);
        assert_eq!(TempSpill.not_examined(&subject).len(), 1);
    }
}
