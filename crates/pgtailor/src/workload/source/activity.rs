//! `pg_stat_activity`, looked at ten times a second: what runs where nothing is recorded.

use std::collections::BTreeMap;

use pgtailor_model::workload::SourceReport;
use pgtailor_postgres::sampling::{Samples, sample};
use pgtailor_sql::{Kind, Observation, Values};

use super::{Answer, Reading, Source};
use crate::error::Error;

/// The sessions of the database.
pub(super) struct SampledActivity;

impl Source for SampledActivity {
    fn name(&self) -> &'static str {
        "pg_stat_activity"
    }

    fn takes(&self, argument: &str) -> bool {
        argument == self.name()
    }

    fn read<'a>(&'a self, argument: &'a str, reading: &'a mut Reading<'_>) -> Answer<'a> {
        Box::pin(async move {
            let session = reading.session.ok_or_else(|| Error::NeedsDatabase { argument: argument.to_owned() })?;
            let samples = sample(session, reading.options.sampling).await?;
            Ok(add(reading, &samples))
        })
    }
}

fn add(reading: &mut Reading<'_>, samples: &Samples) -> SourceReport {
    let mut report = SourceReport { name: SampledActivity.name().to_owned(), ..SourceReport::default() };
    reading.collector.fill(|filling| {
        for (position, running) in samples.running.iter().enumerate() {
            let tags = BTreeMap::from([("application".to_owned(), running.application.clone())]);
            filling.add(
                Kind::Sampling,
                &Observation {
                    text: &running.text,
                    // A statement with parameters is shown without their values.
                    values: if running.text.contains('$') { Values::Unknown } else { Values::Known(&|| Some(Vec::new())) },
                    calls: 1,
                    total_time: running.seen,
                    spread: None,
                    rows: None,
                    planning_time: None,
                    wal: None,
                    blocks_read: None,
                    temp_written: None,
                    tags: (!running.application.is_empty()).then_some(&tags),
                    place: &|| format!("execution {} seen", position + 1),
                },
            );
        }
    });
    report.calls = u64::try_from(samples.running.len()).unwrap_or(u64::MAX);
    report.total_time.0 = samples.running.iter().map(|running| running.seen.0).sum();
    (report.since, report.until) = samples.period.unzip();
    report.notes.push(format!("looked {} times; calls and times are estimated from what was running then", samples.looks));
    if samples.hidden > 0 {
        let role = pgtailor_model::name::quote_identifier(&reading.snapshot.capabilities.role);
        report.notes.push(format!(
            "{} executions of other roles were hidden from this one; GRANT pg_read_all_stats TO {role} would show them",
            samples.hidden
        ));
    }
    report
}
