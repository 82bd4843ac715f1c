//! `pgtailor optimize`: the whole loop.

use pgtailor::model::declared::CatalogPolicy;
use pgtailor::report::view::together::Together;
use pgtailor::report::{AnalysisReport, CatalogReport, OutcomeReport, Report, RolloutReport};
use pgtailor::{Analysis, Applied, CatalogSource, Mode, Options, analyze, apply, settle};

use super::{confirmed, database};
use crate::arguments::{OptimizeArguments, Policy};
use crate::output::Printer;
use crate::{Verdict, interrupt, progress};

/// Analyzes, prints, asks, applies, prints.
pub async fn run(arguments: &OptimizeArguments, printer: &Printer) -> anyhow::Result<Verdict> {
    let database = database(&arguments.connection)?;
    let options = options(arguments);
    let mut analysis = analyze(&database, &options).await?;
    if arguments.analyze_only {
        return findings(&analysis, &options, printer);
    }
    if arguments.dry_run {
        show("dry-run", &analysis, &options, &RolloutReport::new(&analysis.rollout), printer)?;
        return Ok(Verdict::Done);
    }
    if !analysis.rollout.steps.is_empty() && !arguments.yes {
        if printer.is_for_people() {
            show("dry-run", &analysis, &options, &RolloutReport::new(&analysis.rollout), printer)?;
        }
        if !confirmed(&format!("Apply {} to {database}?", steps(analysis.rollout.steps.len())))? {
            printer.note("nothing was changed");
            return Ok(Verdict::Done);
        }
    }
    let cancel =
        interrupt::token(printer, "stopping: the running statement is cancelled and cleaned up after; once more ends at once");
    let events = progress::show(printer);
    // What an earlier run left open may be in the way, or may be what is missed.
    if settle(&database, &events).await? > 0 {
        analysis = analyze(&database, &options).await?;
    }
    let outcomes = apply(&database, &analysis.rollout, &events, &cancel).await?;
    show("optimize", &analysis, &options, &OutcomeReport::new(&outcomes, &analysis.rollout.left_out), printer)?;
    let all_done = Applied::of(&outcomes).not_done == 0 && analysis.rollout.left_out.is_empty();
    Ok(if all_done { Verdict::Done } else { Verdict::NotDone })
}

fn findings(analysis: &Analysis, options: &Options, printer: &Printer) -> anyhow::Result<Verdict> {
    let not_examined = analysis.not_examined();
    let found = AnalysisReport::new(&analysis.snapshot, &analysis.performance, &analysis.outcome.findings, &not_examined);
    show("analysis", analysis, options, &found.with_workload(&analysis.workload), printer)?;
    let nothing = analysis.outcome.findings.is_empty() && analysis.rollout.steps.is_empty();
    Ok(if nothing { Verdict::Done } else { Verdict::Found })
}

/// The catalog, if one was declared, and then `report`.
fn show(
    kind: &'static str,
    analysis: &Analysis,
    options: &Options,
    report: &dyn Report,
    printer: &Printer,
) -> anyhow::Result<()> {
    let catalog = CatalogReport::new(&analysis.judged, options.policy);
    let mut reports: Vec<&dyn Report> = Vec::new();
    if !analysis.judged.is_empty() {
        reports.push(&catalog);
    }
    reports.push(report);
    printer.report(&Together::new(kind, reports))
}

fn options(arguments: &OptimizeArguments) -> Options {
    Options {
        catalogs: arguments.catalog.iter().map(|name| CatalogSource::named(name)).collect(),
        policy: match arguments.catalog_policy {
            Policy::Useful => CatalogPolicy::Useful,
            Policy::All => CatalogPolicy::All,
        },
        mode: Mode::Apply,
        only: (!arguments.only.is_empty()).then(|| arguments.only.iter().copied().collect()),
        allow: arguments.allow.iter().copied().collect(),
    }
}

fn steps(count: usize) -> String {
    if count == 1 { "this step".to_owned() } else { format!("these {count} steps") }
}
