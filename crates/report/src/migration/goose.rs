//! goose: `-- +goose NO TRANSACTION` leaves the transaction.
//!
//! Each statement stands between marks of its own: where one ends is else guessed from semicolons and comments, and names may hold both.

use super::{Migration, Script, Tool, commented, statement};

/// See the module.
pub struct Goose;

impl Tool for Goose {
    fn name(&self) -> &'static str {
        "goose"
    }

    fn place(&self) -> &'static str {
        "the folder of migrations that `goose -dir` names"
    }

    fn write(&self, script: &Script) -> Migration {
        let mut text = "-- +goose NO TRANSACTION\n\n-- +goose Up\n".to_owned();
        for step in &script.steps {
            text.push_str(&marked(&commented(step, "--", &statement(&step.sql, &[]))));
        }
        text.push_str("\n-- +goose Down\n");
        for undo in script.undo() {
            text.push_str(&marked(&(statement(undo, &[]) + "\n")));
        }
        Migration { files: vec![(format!("{}_{}.sql", script.digits(), script.slug()), text)], hints: Vec::new() }
    }
}

fn marked(statement: &str) -> String {
    format!("-- +goose StatementBegin\n{statement}-- +goose StatementEnd\n")
}
