//! `pgtailor apply`: carries out a rollout that a dry run wrote to a file.

use pgtailor::model::moment::{Conditions, Foresight};
use pgtailor::model::rollout::Rollout;
use pgtailor::report::view::together::Together;
use pgtailor::report::{OutcomeReport, RolloutReport};
use pgtailor::{Applied, Options, apply, foresee, plan_again, read_rollout, settle};

use super::{changed_database, confirmed, evidence};
use crate::arguments::ApplyArguments;
use crate::output::Printer;
use crate::{Verdict, interrupt, progress};

/// Reads, plans again, prints, asks, applies, prints.
pub async fn run(arguments: &ApplyArguments, printer: &Printer) -> anyhow::Result<Verdict> {
    let file = read_rollout(&arguments.rollout)?;
    let database = changed_database(&arguments.connection, &arguments.ledger)?;
    let allow = arguments.allow.iter().copied().collect();
    let mut options = Options { allow, ..Options::default() };
    options.evidence = evidence(&arguments.drops, arguments.since.as_ref(), &options.allowed_classes()).await?;
    let rules = options.rules();
    let conditions = Conditions::from(&arguments.conditions);
    let show = |rollout: &Rollout, foreseen: &[Foresight]| {
        printer.report(&Together::new("dry-run", vec![&RolloutReport::new(rollout).with_foresight(foreseen)]))
    };
    let mut rollout = plan_again(&database, &file, &rules).await?;
    if arguments.dry_run {
        show(&rollout, &foresee(&database, &rollout, &conditions).await?)?;
        return Ok(Verdict::Done);
    }
    if !rollout.steps.is_empty() && !arguments.yes {
        if printer.is_for_people() {
            show(&rollout, &foresee(&database, &rollout, &conditions).await?)?;
        }
        let count = rollout.steps.len();
        let steps = if count == 1 { "this step".to_owned() } else { format!("these {count} steps") };
        if !confirmed(&format!("Apply {steps} to {database}?"))? {
            printer.note("nothing was changed");
            return Ok(Verdict::Done);
        }
    }
    let cancel = interrupt::token(printer, "stopping: what runs is cancelled and cleaned up after; once more ends at once");
    let events = progress::show(printer);
    if settle(&database, &events).await? > 0 {
        rollout = plan_again(&database, &file, &rules).await?;
    }
    let outcomes = apply(&database, &rollout, &conditions, &events, &cancel).await?;
    printer.report(&OutcomeReport::new(&outcomes, &rollout.left_out))?;
    let all_done = Applied::of(&outcomes).not_done == 0 && rollout.left_out.is_empty();
    Ok(if all_done { Verdict::Done } else { Verdict::NotDone })
}
