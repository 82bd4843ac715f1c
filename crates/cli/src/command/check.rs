//! `pgtailor check`: findings.

use anyhow::Context as _;
use pgtailor::model::finding::Severity;
use pgtailor::report::AnalysisReport;

use super::{database, plan_check};
use crate::Verdict;
use crate::arguments::{CheckArguments, FailOn};
use crate::output::{Printer, warn};

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
    let accepted = pgtailor::read_acceptances(arguments.accepted.as_deref())?;
    for over in pgtailor::ended(&accepted, &snapshot) {
        let until = over.until.map(|until| until.to_string()).unwrap_or_default();
        warn(&format!("{} of {} was accepted until {until}, which is over: {}", over.check, over.table, over.reason));
    }
    let analysis = pgtailor::examine_beside(snapshot, &accepted);
    let outcome = &analysis.outcome;
    let not_examined = analysis.not_examined();
    let report = AnalysisReport::new(&analysis.snapshot, &analysis.performance, &outcome.findings, &not_examined);
    printer.report(&report.with_workload(&analysis.workload).with_accepted(&outcome.accepted))?;
    let least = match arguments.fail_on {
        FailOn::Notice => Severity::Notice,
        FailOn::Warning => Severity::Warning,
        FailOn::Critical => Severity::Critical,
    };
    let found = outcome.findings.iter().any(|finding| finding.severity >= least);
    Ok(if found { Verdict::Found } else { Verdict::Done })
}
