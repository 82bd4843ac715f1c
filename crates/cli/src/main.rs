//! The `pgtailor` command: parses arguments, calls the use cases, prints. It decides nothing about databases.
//!
//! Data goes to standard output, everything else to standard error; the exit code is decided here alone: 0 done or nothing found, 1
//! something found, 2 could not do it.

mod arguments;
mod command;
mod interrupt;
mod output;
mod progress;

use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::Arguments;
use crate::output::Printer;

/// What a command ends with.
pub enum Verdict {
    /// Exit 0.
    Done,
    /// Exit 1: something was found.
    Found,
    /// Exit 2: it was reported already, for example as the outcome of a step.
    NotDone,
}

fn main() -> ExitCode {
    // clap exits by itself: 0 for help and version, 2 for a wrong command line.
    let arguments = Arguments::parse();
    let printer = Printer::new(&arguments);
    init_log();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::error(&anyhow::Error::new(error).context("cannot start"));
            return ExitCode::from(2);
        }
    };
    let result = runtime.block_on(command::run(arguments, &printer));
    // A task that hangs on a dead server must not keep the program from ending.
    runtime.shutdown_background();
    match result {
        Ok(Verdict::Done) => ExitCode::SUCCESS,
        Ok(Verdict::Found) => ExitCode::from(1),
        Ok(Verdict::NotDone) => ExitCode::from(2),
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error);
            ExitCode::from(2)
        }
    }
}

/// Diagnostics for developers, only on request: `PGTAILOR_LOG=debug`.
fn init_log() {
    if let Ok(filter) = tracing_subscriber::EnvFilter::try_from_env("PGTAILOR_LOG") {
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    }
}
