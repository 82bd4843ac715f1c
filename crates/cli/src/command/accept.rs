//! `pgtailor accept`: a finding that is left as it is, written down with its reason.

use pgtailor::model::acceptance::Acceptance;

use crate::Verdict;
use crate::arguments::AcceptArguments;
use crate::output::Printer;

/// Adds it to the file. No database is asked: whether there is such a finding is seen at the next check.
pub fn run(arguments: AcceptArguments, printer: &Printer) -> anyhow::Result<Verdict> {
    let AcceptArguments { check, table, object, reason, until, file } = arguments;
    let acceptance = Acceptance { check, table, object, reason, until };
    let path = pgtailor::accept(&acceptance, Some(&file))?;
    let until = acceptance.until.map(|until| format!(" until {until}")).unwrap_or_default();
    let object = acceptance.object.map(|object| format!(" of {object}")).unwrap_or_default();
    printer.note(&format!(
        "{}: {}{object} of {} is accepted{until}; check it in beside the application",
        path.display(),
        acceptance.check,
        acceptance.table
    ));
    Ok(Verdict::Done)
}
