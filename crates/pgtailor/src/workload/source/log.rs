//! A server log: every execution that it tells of, with its values.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use pgtailor_log::{End, Execution, LogError, LogOptions, LogReport, ParameterValue, Part, read, read_from};
use pgtailor_model::binding::Literal;
use pgtailor_model::spread::Spread;
use pgtailor_model::unit::{Milliseconds, grouped};
use pgtailor_model::workload::SourceReport;
use pgtailor_postgres::capture::MARKER;
use pgtailor_postgres::session::APPLICATION_NAME;
use pgtailor_sql::{Collector, Filling, Kind, Observation, Values};

use super::{Answer, Reading, Source};
use crate::error::Error;

/// A file that is none of the others.
pub(super) struct ServerLog;

impl Source for ServerLog {
    fn name(&self) -> &'static str {
        "a server log"
    }

    fn takes(&self, argument: &str) -> bool {
        let path = Path::new(argument);
        // A pipe (`<(zcat …)`) is no file, and yet a log.
        path.exists() && !path.is_dir()
    }

    fn read<'a>(&'a self, argument: &'a str, reading: &'a mut Reading<'_>) -> Answer<'a> {
        Box::pin(async move {
            let mut options = options(reading);
            if let Some(positions) = &reading.positions {
                options.end = End::Growing;
                options.from = positions.get(argument).cloned();
            }
            let file = File::open(argument).map_err(|source| Error::ReadFile { path: argument.into(), source })?;
            let can_jump = file.metadata().is_ok_and(|metadata| metadata.is_file());
            let mut collector = std::mem::take(&mut reading.collector);
            let (collector, found) =
                blocking(move || {
                    let file = BufReader::with_capacity(1 << 16, file);
                    let found = gather(&mut collector, |each| {
                        if can_jump { read_from(file, &options, each) } else { read(file, &options, each) }
                    });
                    (collector, found)
                })
                .await;
            reading.collector = collector;
            let (gathered, log) = found.map_err(|source| Error::Log { name: argument.to_owned(), source })?;
            if let Some(positions) = &mut reading.positions {
                positions.insert(argument.to_owned(), log.position.clone());
            }
            Ok(report(argument, gathered, &log))
        })
    }
}

/// Reads a log from a pipe.
pub(super) async fn read_stream(
    name: &str,
    input: impl Read + Send + 'static,
    reading: &mut Reading<'_>,
) -> Result<SourceReport, Error> {
    let options = options(reading);
    let mut collector = std::mem::take(&mut reading.collector);
    let (collector, found) = blocking(move || {
        let found = gather(&mut collector, |each| read(input, &options, each));
        (collector, found)
    })
    .await;
    reading.collector = collector;
    let (gathered, log) = found.map_err(|source| Error::Log { name: name.to_owned(), source })?;
    Ok(report(name, gathered, &log))
}

fn options(reading: &Reading<'_>) -> LogOptions {
    LogOptions {
        format: reading.options.log_format,
        log_line_prefix: reading.options.log_line_prefix.clone(),
        likely_prefix: reading.snapshot.settings.get("log_line_prefix").map(|setting| setting.value.clone()),
        database: Some(reading.snapshot.server.database.clone()),
        ..LogOptions::default()
    }
}

/// Runs `work` where it keeps no other task waiting.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// What was added up while reading.
#[derive(Clone, Copy, Default)]
struct Gathered {
    calls: u64,
    total_time: f64,
}

fn gather<R>(collector: &mut Collector, read: R) -> Result<(Gathered, LogReport), LogError>
where
    R: FnOnce(&mut dyn FnMut(&Execution<'_>)) -> Result<LogReport, LogError> + Send,
{
    collector.fill(|filling| {
        let mut gathered = Gathered::default();
        let log = read(&mut |execution| add(filling, execution, &mut gathered))?;
        Ok((gathered, log))
    })
}

fn add(filling: &mut Filling<'_>, execution: &Execution<'_>, gathered: &mut Gathered) {
    // What we ask ourselves is no work of the application's.
    if execution.application == Some(APPLICATION_NAME) || execution.text.contains(MARKER) {
        return;
    }
    let duration = execution.duration.unwrap_or_default();
    // Further rows of a cursor take time and are no further execution.
    let calls = u64::from(execution.part == Part::Whole);
    gathered.calls += calls;
    gathered.total_time += duration.0;
    // The values of an `EXECUTE` stand in its own text; only `auto_explain` of server 16 and later tells them as parameters.
    let hidden = execution.prepared.is_some() && execution.parameters.is_empty();
    let values = || values(execution);
    // Which execution the time of a further part belongs to is not known, so how they differ is not, either.
    let spread = execution.duration.filter(|_| calls == 1).map(|duration| Spread::of_one(Milliseconds(duration.0)));
    let tags = tags(execution.application);
    filling.add(
        Kind::Log,
        &Observation {
            text: execution.prepared.unwrap_or(execution.text),
            values: if calls == 0 || hidden { Values::Unknown } else { Values::Known(&values) },
            calls,
            total_time: Milliseconds(duration.0),
            spread,
            rows: None,
            planning_time: execution.planning,
            wal: None,
            blocks_read: None,
            temp_written: None,
            tags: tags.as_ref(),
            place: &|| format!("line {}", execution.line),
        },
    );
}

/// The values of the parameters, when all are known: the server may have cut some off (`log_parameter_max_length`).
fn values(execution: &Execution<'_>) -> Option<Vec<Option<Literal>>> {
    let known = |value| match value {
        ParameterValue::Known(literal) => Some(Some(literal)),
        ParameterValue::Null => Some(None),
        ParameterValue::Unknown => None,
    };
    execution.parameters.values().into_iter().map(known).collect()
}

fn tags(application: Option<&str>) -> Option<BTreeMap<String, String>> {
    let application = application.filter(|application| !application.is_empty())?;
    Some(BTreeMap::from([("application".to_owned(), application.to_owned())]))
}

fn report(name: &str, gathered: Gathered, log: &LogReport) -> SourceReport {
    let mut notes = log.notes.clone();
    if log.restarted {
        notes.push("it is another log than the last time, so it was read from its beginning".to_owned());
    }
    if log.executions == 0 && log.other_databases > 0 {
        let read_as = log.log_line_prefix.as_ref().map_or_else(String::new, |prefix| {
            format!(", when its lines begin with the prefix `{prefix}`; give another one by --log-line-prefix if they do not")
        });
        notes.push(format!("its {} messages about statements are all of other databases{read_as}", grouped(log.other_databases)));
    } else if log.executions == 0 {
        notes.push(
            "no execution of a statement is in it; log_min_duration_statement = 0 makes the server log each one".to_owned(),
        );
    } else if log.without_duration > 0 {
        notes.push(format!(
            "{} executions have no duration; log_min_duration_statement or log_duration makes the server log it",
            grouped(log.without_duration)
        ));
    }
    SourceReport {
        name: name.to_owned(),
        calls: gathered.calls,
        total_time: Milliseconds(gathered.total_time),
        since: log.first_at,
        until: log.last_at,
        notes,
    }
}
