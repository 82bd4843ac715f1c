//! `pgtailor workload`: what the database is asked to do.

use std::time::Duration;

use anyhow::Context as _;
use pgtailor::report::{Values, WorkloadReport};
use pgtailor::{Costs, ForeignCode, LogFormat, WorkloadOptions};

use super::database;
use crate::Verdict;
use crate::arguments::{LogFormatName, SourceArguments, WorkloadArguments};
use crate::output::Printer;

/// Gathers the workload and shows it.
pub async fn run(arguments: &WorkloadArguments, printer: &Printer) -> anyhow::Result<Verdict> {
    let options = WorkloadOptions {
        costs: if arguments.costs { Costs::Planned } else { Costs::No },
        foreign_code: if arguments.trust_functions { ForeignCode::Allow } else { ForeignCode::Refuse },
        ..options(&arguments.sources)
    };
    let observed = match &arguments.snapshot {
        Some(path) => {
            let snapshot = pgtailor::read_snapshot(path).with_context(|| format!("cannot read {}", path.display()))?;
            pgtailor::observe_snapshot(snapshot, &options).await?
        }
        None => pgtailor::observe(&database(&arguments.connection)?, &options).await?,
    };
    let report = WorkloadReport {
        workload: &observed.workload,
        catalog: &observed.snapshot.catalog,
        most: arguments.most,
        refused: &observed.bound.refused,
        costs: &observed.bound.costs,
        values: if arguments.show_values { Values::Shown } else { Values::Hidden },
    };
    printer.report(&report)?;
    Ok(Verdict::Done)
}

/// What the flags say.
pub(super) fn options(arguments: &SourceArguments) -> WorkloadOptions {
    WorkloadOptions {
        sources: arguments.workload.clone(),
        since: arguments.since.clone(),
        sampling: Duration::from_secs(u64::from(arguments.sampling_seconds)),
        log_format: arguments.log_format.map(log_format),
        log_line_prefix: arguments.log_line_prefix.clone(),
        resume: arguments.resume.clone(),
        ..WorkloadOptions::default()
    }
}

/// What a flag says of logs.
pub(super) fn log_format(name: LogFormatName) -> LogFormat {
    match name {
        LogFormatName::Stderr => LogFormat::Stderr,
        LogFormatName::Csv => LogFormat::Csv,
        LogFormatName::Json => LogFormat::Json,
    }
}
