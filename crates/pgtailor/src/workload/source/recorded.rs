//! `pg_stat_statements`: what the server counted, since its reset or since an earlier capture.

use pgtailor_model::activity::Statements;
use pgtailor_model::unit::Milliseconds;
use pgtailor_model::workload::{Coverage, SourceReport};

use pgtailor_workload::window::{self, Window};

use super::{Answer, Reading, Source};

/// The counters of the snapshot.
pub(super) struct Recorded;

impl Source for Recorded {
    fn name(&self) -> &'static str {
        "pg_stat_statements"
    }

    fn takes(&self, argument: &str) -> bool {
        argument == self.name()
    }

    fn read<'a>(&'a self, _: &'a str, reading: &'a mut Reading<'_>) -> Answer<'a> {
        Box::pin(async move { Ok(read(reading)) })
    }
}

fn read(reading: &mut Reading<'_>) -> SourceReport {
    let mut report = SourceReport { name: Recorded.name().to_owned(), ..SourceReport::default() };
    let window = match (reading.since, &reading.snapshot.activity.statements) {
        (_, Statements::Unavailable { reason, remedy }) => {
            report.notes.push(format!("{reason}; {remedy}"));
            reading.unavailable = Some((reason.clone(), remedy.clone()));
            return report;
        }
        (Some(earlier), _) => window::between(earlier, reading.snapshot),
        (None, _) => window::whole(reading.snapshot),
    };
    let Window { statements, utility, unseen, active_time, evicted, since, until, notes } = window;
    reading.collector.add_recorded(&statements);
    report.calls = statements.iter().map(|statement| statement.calls).sum();
    let seen = statements.iter().map(|statement| statement.total_time.0).sum::<f64>() + utility.total_time.0;
    report.total_time = Milliseconds(seen);
    report.since = since;
    report.until = Some(until);
    report.notes = notes;
    reading.coverage = coverage(seen, unseen.total_time.0, active_time, evicted);
    report
}

/// How much of the time was seen.
///
/// When nothing was forgotten the whole is what was recorded. Otherwise it is the time in which sessions were active, which is more than the
/// executor's: it includes parsing, planning and sending results. So the share is then a lower bound.
fn coverage(seen: f64, unseen: f64, active_time: Result<Milliseconds, &str>, evicted: Option<u64>) -> Coverage {
    let recorded = seen + unseen;
    let (whole, doubt) = match (evicted, active_time) {
        (Some(0), _) => (Some(recorded), None),
        (_, Ok(active)) if active.0 >= recorded => (
            Some(active.0),
            Some(
                "the whole is the time in which sessions were active, parsing, planning and sending included; so it is at least this share",
            ),
        ),
        // Statements within functions are counted twice when `pg_stat_statements.track` is `all`.
        (_, Ok(_)) => (None, Some("the recorded statements took more time than sessions were active")),
        (_, Err(reason)) => (None, Some(reason)),
    };
    Coverage { seen: Milliseconds(seen), whole: whole.map(Milliseconds), evicted, doubt: doubt.map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_is_exact_while_nothing_was_forgotten_and_a_bound_after() {
        let exact = coverage(90.0, 10.0, Ok(Milliseconds(500.0)), Some(0));
        assert_eq!((exact.share(), exact.doubt), (Some(0.9), None));
        let bound = coverage(90.0, 10.0, Ok(Milliseconds(200.0)), Some(7));
        assert_eq!(bound.share(), Some(0.45));
        assert!(bound.doubt.is_some_and(|doubt| doubt.contains("at least")));
        assert_eq!(coverage(90.0, 10.0, Ok(Milliseconds(50.0)), Some(7)).share(), None);
        assert_eq!(coverage(90.0, 10.0, Err("unknown"), Some(7)).doubt.as_deref(), Some("unknown"));
    }
}
