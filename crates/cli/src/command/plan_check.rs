//! `pgtailor check --plans`: statements at production's size, without production.

use pgtailor::model::plan_check::{PlanLimits, ScanLimit};
use pgtailor::model::snapshot::Snapshot;
use pgtailor::model::unit::{Pages, Rows};
use pgtailor::report::{PlanCheckReport, UnplannedCount};
use pgtailor::{PlanCheckOptions, WorkloadOptions, check_plans};

use super::twin::other_major;
use super::workload::log_format;
use crate::arguments::PlanArguments;
use crate::output::Printer;
use crate::{Verdict, interrupt};

/// Plans, prints, and says whether the change may go on.
pub async fn run(snapshot: &Snapshot, arguments: &PlanArguments, printer: &Printer) -> anyhow::Result<Verdict> {
    let options = PlanCheckOptions {
        workload: WorkloadOptions {
            sources: arguments.workload.clone(),
            log_format: arguments.log_format.map(log_format),
            log_line_prefix: arguments.log_line_prefix.clone(),
            ..WorkloadOptions::default()
        },
        apply: arguments.apply_sql.clone(),
        limits: PlanLimits {
            scan: match arguments.max_pages {
                Some(pages) => ScanLimit::Pages(Pages(pages)),
                None => ScanLimit::Rows(Rows(arguments.max_rows)),
            },
            growth: arguments.max_growth,
        },
        server: arguments.server.server.clone(),
        other_major: other_major(&arguments.server),
    };
    let cancel = interrupt::token(printer, "stopping: the twin and its folder are removed");
    let check = tokio::select! {
        check = check_plans(snapshot, &options) => check?,
        () = cancel.cancelled() => return Err(pgtailor::Error::Interrupted.into()),
    };
    let unplanned = if arguments.strict { UnplannedCount::Failing } else { UnplannedCount::Listed };
    let report = PlanCheckReport { check: &check, unplanned };
    printer.report(&report)?;
    Ok(if report.fails() { Verdict::Found } else { Verdict::Done })
}
