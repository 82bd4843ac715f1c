//! The commands, one file each.

mod accept;
mod advise;
mod apply;
mod audit_sql;
mod capture;
mod check;
mod completions;
mod demo;
mod doctor;
mod history;
mod man;
mod optimize;
mod plan_check;
mod twin;
mod undo;
mod why;
mod workload;

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::path::PathBuf;

use pgtailor::model::change::ChangeClass;
use pgtailor::{Database, DropEvidence, LedgerPlace};

use crate::Verdict;
use crate::arguments::{Arguments, Command, Connection, DropArguments, LedgerArguments};
use crate::output::{Printer, warn};

/// Carries out the command.
pub async fn run(arguments: Arguments, printer: &Printer) -> anyhow::Result<Verdict> {
    match arguments.command {
        Command::Demo(arguments) => demo::run(&arguments, printer).await,
        Command::Optimize(arguments) => Box::pin(optimize::run(&arguments, printer)).await,
        Command::Capture(arguments) => capture::run(&arguments, printer).await,
        Command::Check(arguments) => check::run(&arguments, printer).await,
        Command::Accept(arguments) => accept::run(arguments, printer),
        Command::Twin(command) => twin::run(command, printer).await,
        Command::Workload(arguments) => workload::run(&arguments, printer).await,
        Command::Advise(arguments) => Box::pin(advise::run(&arguments, printer)).await,
        Command::Why(arguments) => why::why(&arguments, printer),
        Command::WhyNot(arguments) => why::why_not(&arguments, printer),
        Command::Apply(arguments) => Box::pin(apply::run(&arguments, printer)).await,
        Command::Undo(arguments) => undo::run(&arguments, printer).await,
        Command::History(arguments) => history::run(&arguments, printer).await,
        Command::Doctor(arguments) => doctor::run(&arguments, printer).await,
        Command::AuditSql => audit_sql::run(printer),
        Command::Completions { shell } => completions::run(shell),
        Command::Man => man::run(),
    }
}

/// The database that the flags and the environment name, as psql would choose it; warnings about it are printed.
fn database(connection: &Connection) -> Result<Database, pgtailor::Error> {
    let database = Database::resolve(&pgtailor::ConnectionInput::from_process(connection.database.clone()))?;
    for warning in database.warnings() {
        warn(warning);
    }
    Ok(database)
}

/// The same, with its ledger where the flags want it.
fn changed_database(connection: &Connection, ledger: &LedgerArguments) -> Result<Database, pgtailor::Error> {
    let database = database(connection)?;
    Ok(match &ledger.ledger {
        Some(path) => database.with_ledger(LedgerPlace::File(path.clone())),
        None => database,
    })
}

/// How often indexes were scanned on the standbys that the flags name, and earlier. Nothing is asked unless an index may be dropped.
async fn evidence(
    arguments: &DropArguments,
    since: Option<&PathBuf>,
    allowed: &BTreeSet<ChangeClass>,
) -> Result<DropEvidence, pgtailor::Error> {
    if !allowed.contains(&ChangeClass::DropIndex) {
        return Ok(DropEvidence::default());
    }
    let resolved = |name: &String| Database::resolve(&pgtailor::ConnectionInput::from_process(Some(name.clone())));
    let standbys = arguments.standby.iter().map(resolved).collect::<Result<Vec<_>, _>>()?;
    let earlier: Vec<PathBuf> = since.into_iter().cloned().collect();
    pgtailor::drop_evidence(arguments.unused_for, &standbys, &earlier).await
}

/// Asks a person. An error when nobody is at the terminal: silence is no consent.
fn confirmed(question: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        anyhow::bail!("nobody is at the terminal to confirm; nothing was changed\n\nhint: add --yes to apply without asking");
    }
    Ok(dialoguer::Confirm::new().with_prompt(question).default(false).interact()?)
}
