//! `pgtailor undo`: takes changes back.

use pgtailor::model::moment::Conditions;
use pgtailor::model::rollout::Rollout;
use pgtailor::report::{OutcomeReport, RolloutReport};
use pgtailor::{Applied, Which};

use super::{changed_database, confirmed};
use crate::arguments::UndoArguments;
use crate::output::Printer;
use crate::{Verdict, interrupt, progress};

/// Prints, asks, takes back.
pub async fn run(arguments: &UndoArguments, printer: &Printer) -> anyhow::Result<Verdict> {
    let database = changed_database(&arguments.connection, &arguments.ledger)?;
    let which = if arguments.all { Which::All } else { Which::Entries(arguments.ids.clone()) };
    let preview = pgtailor::undo_preview(&database, &which).await?;
    let left_out = if arguments.all { pgtailor::undo_leaves(&database).await? } else { Vec::new() };
    let rollout = Rollout { steps: preview.iter().map(|step| step.step.clone()).collect(), left_out };
    let conditions = Conditions::from(&arguments.conditions);
    if arguments.dry_run {
        let foreseen = pgtailor::foresee(&database, &rollout, &conditions).await?;
        printer.report(&RolloutReport::new(&rollout).with_foresight(&foreseen))?;
        return Ok(Verdict::Done);
    }
    if !preview.is_empty() && !arguments.yes {
        if printer.is_for_people() {
            let foreseen = pgtailor::foresee(&database, &rollout, &conditions).await?;
            printer.report(&RolloutReport::new(&rollout).with_foresight(&foreseen))?;
        }
        let many = if preview.len() == 1 { "this change".to_owned() } else { format!("these {} changes", preview.len()) };
        if !confirmed(&format!("Take {many} back in {database}?"))? {
            printer.note("nothing was changed");
            return Ok(Verdict::Done);
        }
    }
    let cancel = interrupt::token(printer, "stopping: a drop that has begun is finished first; once more ends at once");
    let events = progress::show(printer);
    let undone = pgtailor::undo(&database, &which, &conditions, &events, &cancel).await;
    let outcomes = undone?.outcomes;
    printer.report(&OutcomeReport::undo(&outcomes, &rollout.left_out))?;
    if Applied::of(&outcomes).not_done > 0 || !rollout.left_out.is_empty() {
        return Ok(Verdict::NotDone);
    }
    if arguments.remove_ledger {
        pgtailor::remove_ledger(&database).await?;
        printer.note("the ledger is removed; nothing of pgtailor is left in this database");
    }
    Ok(Verdict::Done)
}
