//! `pgtailor check`: findings.

use anyhow::Context as _;
use pgtailor::model::finding::Severity;
use pgtailor::report::AnalysisReport;

use super::{database, plan_check};
use crate::Verdict;
use crate::arguments::{CheckArguments, FailOn};
use crate::output::Printer;

/// Checks a snapshot or the database itself.
pub async fn run(arguments: &CheckArguments, printer: &Printer) -> anyhow::Result<Verdict> {
    let snapshot = match &arguments.snapshot {
        Some(path) => {
            let snapshot = pgtailor::read_snapshot(path).with_context(|| format!("cannot read {}", path.display()))?;
            if arguments.plans.plans {
                return Box::pin(plan_check::run(&snapshot, &arguments.plans, printer)).await;
            }
            snapshot
        }
        None => pgtailor::capture(&database(&arguments.connection)?).await?,
    };
    let analysis = pgtailor::examine(snapshot);
    let outcome = &analysis.outcome;
    let not_examined = analysis.not_examined();
    let report = AnalysisReport::new(&analysis.snapshot, &analysis.performance, &outcome.findings, &not_examined);
    printer.report(&report.with_workload(&analysis.workload))?;
    let least = match arguments.fail_on {
        FailOn::Notice => Severity::Notice,
        FailOn::Warning => Severity::Warning,
        FailOn::Critical => Severity::Critical,
    };
    let found = outcome.findings.iter().any(|finding| finding.severity >= least);
    Ok(if found { Verdict::Found } else { Verdict::Done })
}
