//! `pgtailor completions`: for a shell.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::Verdict;
use crate::arguments::Arguments;
use crate::output::text;

/// Prints the script.
pub fn run(shell: Shell) -> anyhow::Result<Verdict> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "pgtailor", &mut script);
    text(&String::from_utf8(script)?)?;
    Ok(Verdict::Done)
}
