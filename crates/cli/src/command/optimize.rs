//! `pgtailor optimize`: the whole loop.

use pgtailor::model::advice::Counsel;
use pgtailor::model::change::ChangeClass;
use pgtailor::model::declared::CatalogPolicy;
use pgtailor::model::moment::Conditions;
use pgtailor::report::view::together::Together;
use pgtailor::report::{AnalysisReport, CatalogReport, CounselReport, OutcomeReport, Report, RolloutReport};
use pgtailor::{
    AdviseOptions, Advising, Analysis, Applied, CancellationToken, CatalogSource, Database, DropEvidence, Mode, Options, analyze,
    apply, foresee, propose, settle, write_rollout,
};

use super::advise::{Source, check_limits, limits, searched};
use super::workload::options as sources;
use super::{changed_database, confirmed, evidence};
use crate::arguments::{AdviseWhen, OptimizeArguments, Policy};
use crate::output::Printer;
use crate::{Verdict, interrupt, progress};

/// Analyzes, asks for advice, prints, asks, applies, prints.
pub async fn run(arguments: &OptimizeArguments, printer: &Printer) -> anyhow::Result<Verdict> {
    check(arguments)?;
    let database = changed_database(&arguments.connection, &arguments.ledger)?;
    let options = options(arguments, &database).await?;
    if arguments.analyze_only {
        return findings(&analyze(&database, &options).await?, &options, printer);
    }
    let cancel = interrupt::token(printer, "stopping: what runs is cancelled and cleaned up after; once more ends at once");
    let mut analysis = proposal(&database, &options, printer, &cancel).await?;
    let withheld = pgtailor::withheld(&analysis.outcome, &options);
    if !withheld.is_empty() {
        let classes: Vec<&str> = withheld.iter().map(|class| class.name()).collect();
        printer.note(&format!("some findings have remedies that are not allowed: --allow {} adds them", classes.join(",")));
    }
    if arguments.dry_run {
        let foreseen = foresee(&database, &analysis.rollout, &options.conditions).await?;
        show("dry-run", &analysis, &options, &RolloutReport::new(&analysis.rollout).with_foresight(&foreseen), printer)?;
        if let Some(path) = &arguments.output {
            write_rollout(&analysis.rollout, &analysis.snapshot, path)?;
            printer.note(&format!("next: pgtailor apply {}", path.display()));
        }
        return Ok(Verdict::Done);
    }
    let mut is_shown = false;
    if !analysis.rollout.steps.is_empty() && !arguments.yes {
        if printer.is_for_people() {
            let foreseen = foresee(&database, &analysis.rollout, &options.conditions).await?;
            show("dry-run", &analysis, &options, &RolloutReport::new(&analysis.rollout).with_foresight(&foreseen), printer)?;
            is_shown = true;
        }
        if !confirmed(&format!("Apply {} to {database}?", steps(analysis.rollout.steps.len())))? {
            printer.note("nothing was changed");
            return Ok(Verdict::Done);
        }
    }
    let events = progress::show(printer);
    // What an earlier run left open may be in the way, or may be what is missed.
    if settle(&database, &events).await? > 0 {
        analysis = proposal(&database, &options, printer, &cancel).await?;
        is_shown = false;
    }
    let outcomes = apply(&database, &analysis.rollout, &options.conditions, &events, &cancel).await?;
    let outcome = OutcomeReport::new(&outcomes, &analysis.rollout.left_out);
    if is_shown {
        printer.report(&outcome)?;
    } else {
        show("optimize", &analysis, &options, &outcome, printer)?;
    }
    let all_done = Applied::of(&outcomes).not_done == 0 && analysis.rollout.left_out.is_empty();
    Ok(if all_done { Verdict::Done } else { Verdict::NotDone })
}

/// What would be done, with advice where it is wanted.
async fn proposal(
    database: &Database,
    options: &Options,
    printer: &Printer,
    cancel: &CancellationToken,
) -> Result<Analysis, pgtailor::Error> {
    if options.wants_advice() {
        let seconds = options.advice.time_limit.as_secs_f64();
        printer.note(&format!("asking for advice: a twin is raised and asked for at most {seconds} s; nothing is changed"));
    }
    tokio::select! {
        analysis = propose(database, options) => analysis,
        () = cancel.cancelled() => Err(pgtailor::Error::Interrupted),
    }
}

/// Flags that contradict each other.
fn check(arguments: &OptimizeArguments) -> anyhow::Result<()> {
    let advisor = &arguments.advisor;
    let is_left_out = arguments.analyze_only
        || advisor.advise == AdviseWhen::Never
        || (advisor.advise == AdviseWhen::Auto && !arguments.catalog.is_empty());
    if is_left_out && !advisor.sources.workload.is_empty() {
        let add = if arguments.analyze_only { "leave out --analyze-only" } else { "add --advise" };
        anyhow::bail!("--workload is for advice, and none is asked for: {add}");
    }
    let drops = arguments.allow.iter().chain(&arguments.only).any(|class| *class == ChangeClass::DropIndex);
    if is_left_out { Ok(()) } else { check_limits(&advisor.limits, (!drops).then_some("--allow drop-index")) }
}

fn findings(analysis: &Analysis, options: &Options, printer: &Printer) -> anyhow::Result<Verdict> {
    let not_examined = analysis.not_examined();
    let found = AnalysisReport::new(&analysis.snapshot, &analysis.performance, &analysis.outcome.findings, &not_examined);
    show("analysis", analysis, options, &found.with_workload(&analysis.workload), printer)?;
    let nothing = analysis.outcome.findings.is_empty() && analysis.rollout.steps.is_empty();
    Ok(if nothing { Verdict::Done } else { Verdict::Found })
}

/// The catalog, if one was declared, advice, if it was asked for, and then `report`.
fn show(
    kind: &'static str,
    analysis: &Analysis,
    options: &Options,
    report: &dyn Report,
    printer: &Printer,
) -> anyhow::Result<()> {
    let catalog = CatalogReport::new(&analysis.judged, options.policy);
    let counsel = CounselReport { counsel: &analysis.counsel };
    let mut reports: Vec<&dyn Report> = Vec::new();
    if !analysis.judged.is_empty() {
        reports.push(&catalog);
    }
    if analysis.counsel != Counsel::NotAsked {
        reports.push(&counsel);
    }
    reports.push(report);
    printer.report(&Together::new(kind, reports))
}

async fn options(arguments: &OptimizeArguments, database: &Database) -> Result<Options, pgtailor::Error> {
    let advisor = &arguments.advisor;
    let mut options = Options {
        catalogs: arguments.catalog.iter().map(|name| CatalogSource::named(name)).collect(),
        policy: match arguments.catalog_policy {
            Policy::Useful => CatalogPolicy::Useful,
            Policy::All => CatalogPolicy::All,
        },
        mode: if arguments.analyze_only { Mode::AnalyzeOnly } else { Mode::Apply },
        only: (!arguments.only.is_empty()).then(|| arguments.only.iter().copied().collect()),
        allow: arguments.allow.iter().copied().collect(),
        advise: match advisor.advise {
            AdviseWhen::Auto => Advising::WithoutCatalog,
            AdviseWhen::Always => Advising::Always,
            AdviseWhen::Never => Advising::Never,
        },
        evidence: DropEvidence::default(),
        advice: AdviseOptions { workload: sources(&advisor.sources), ..searched(&advisor.search, &advisor.server) },
        conditions: Conditions::from(&arguments.conditions),
        accepted: pgtailor::read_acceptances(arguments.accepted.as_deref())?,
    };
    options.evidence = evidence(&arguments.drops, advisor.sources.since.as_ref(), &options.allowed_classes()).await?;
    if options.mode == Mode::Apply && options.wants_advice() {
        options.advice.limits = limits(&advisor.limits, &Source::Database(Box::new(database.clone()))).await?;
    }
    Ok(options)
}

fn steps(count: usize) -> String {
    if count == 1 { "this step".to_owned() } else { format!("these {count} steps") }
}
