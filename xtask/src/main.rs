//! Chores of this repository.
//!
//! `cargo run -p xtask -- tidy` checks the house rules; `cargo test` runs the same check as a test. `… -- audit` writes the list of statements
//! that the program can send, `… -- manual` the manual pages of checks. Start with [`rules`]: one file a rule, and one list of them. Nothing here is part of the product.

mod audit;
mod manifest;
mod manual;
mod rules;
mod source;
mod tidy;
mod tree;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo run -p xtask -- tidy|audit|manual";

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if words == ["tidy"] {
        return run_tidy();
    }
    if words == ["audit"] {
        std::fs::write(repository().join(audit::LIST), audit::list(&tree::Tree::read(repository())?))?;
        return Ok(ExitCode::SUCCESS);
    }
    if words == ["manual"] {
        return write_manual();
    }
    writeln!(std::io::stderr(), "{USAGE}")?;
    Ok(ExitCode::from(2))
}

/// Prints every violation; the exit code is 1 when there is one.
fn run_tidy() -> anyhow::Result<ExitCode> {
    let violations = tidy::violations(&tree::Tree::read(repository())?);
    let mut out = std::io::stdout().lock();
    for violation in &violations {
        writeln!(out, "{violation}")?;
    }
    let rules = rules::ALL.len();
    writeln!(out, "{} rules, {} violations", rules, violations.len())?;
    Ok(if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Writes the pages anew, and removes those of checks that are gone.
fn write_manual() -> anyhow::Result<ExitCode> {
    let folder = repository().join(manual::FOLDER);
    let pages = manual::pages(&tree::Tree::read(repository())?);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    for (path, text) in pages {
        std::fs::write(repository().join(path), text)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The root of the repository, which is the folder above this crate.
fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate is a folder of the repository")
}
