//! SQL for psql: the statements of the report, each under a comment that says why; everything else is a comment.
//!
//! A report without statements becomes its human text in comments, so that nothing can be run by accident.

use pgtailor_model::name::printable;

use super::{Format, human};
use crate::report::{Colour, Report, Style};
use crate::sql_text::one_line;

/// Columns of a comment line.
const WIDTH: usize = 80;

/// See the module.
pub struct Sql;

impl Format for Sql {
    fn name(&self) -> &'static str {
        "sql"
    }

    fn extension(&self) -> &'static str {
        "sql"
    }

    fn purpose(&self) -> &'static str {
        "statements that psql can run, everything else as comments"
    }

    fn render(&self, report: &dyn Report, _style: &Style) -> String {
        let statements = report.sql();
        let mut text = String::new();
        if statements.is_empty() {
            let plain = human::Human.render(report, &Style { colour: Colour::Never, width: WIDTH - 3 });
            plain.lines().for_each(|line| push_comment(&mut text, line));
            return text;
        }
        push_comment(&mut text, &report.document().title);
        if statements.iter().any(|statement| statement.sql.contains("CONCURRENTLY")) {
            push_comment(&mut text, "concurrent statements cannot run in a transaction: use psql without --single-transaction");
        }
        for statement in statements {
            text.push('\n');
            statement.why.lines().for_each(|line| push_comment(&mut text, line));
            text.push_str(&one_line(&statement.sql));
            text.push_str(";\n");
        }
        let remarks = report.sql_remarks();
        if !remarks.is_empty() {
            text.push('\n');
            for remark in remarks {
                push_comment(&mut text, &remark);
            }
        }
        text
    }
}

/// Adds `line` as one comment line.
fn push_comment(text: &mut String, line: &str) {
    text.push_str(format!("-- {}", printable(line)).trim_end());
    text.push('\n');
}
