//! `pgtailor why` and `pgtailor why-not`: the decision record of one index or candidate.

use std::path::Path;

use anyhow::Context as _;
use pgtailor::model::advice::Advice;
use pgtailor::report::{WhyReport, record};

use crate::Verdict;
use crate::arguments::{WhyArguments, WhyNotArguments};
use crate::output::Printer;

/// Shows why an index is recommended, dropped or replaced.
pub fn why(arguments: &WhyArguments, printer: &Printer) -> anyhow::Result<Verdict> {
    let advice = read(&arguments.record.record)?;
    show(&pgtailor::report::why(&advice, &arguments.index), printer)
}

/// Shows why an index is not recommended.
pub fn why_not(arguments: &WhyNotArguments, printer: &Printer) -> anyhow::Result<Verdict> {
    let advice = read(&arguments.record.record)?;
    let report = pgtailor::report::why_not(&advice, &arguments.definition).with_context(|| {
        format!(
            "`{}` is no table with columns; an index is written as \"orders (customer_id, created_at desc)\"",
            arguments.definition
        )
    })?;
    show(&report, printer)
}

fn read(path: &Path) -> anyhow::Result<Advice> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read {}, which `pgtailor advise -o {}` writes", path.display(), path.display()))?;
    record::read(&text).with_context(|| format!("cannot read {}", path.display()))
}

/// What was never considered is shown with what was, and is no success: a script must notice a misspelled name.
fn show(report: &WhyReport<'_>, printer: &Printer) -> anyhow::Result<Verdict> {
    printer.report(report)?;
    Ok(if report.is_known() { Verdict::Done } else { Verdict::NotDone })
}
