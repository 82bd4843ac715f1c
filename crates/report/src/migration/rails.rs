//! Rails: `disable_ddl_transaction!` leaves the transaction, and the class is called as the file.

use super::{Migration, Script, Tool, commented, indented, literal};
use crate::sql_text::one_line;

/// See the module.
pub struct Rails;

impl Tool for Rails {
    fn name(&self) -> &'static str {
        "rails"
    }

    fn place(&self) -> &'static str {
        "the folder `db/migrate`"
    }

    fn write(&self, script: &Script) -> Migration {
        // No names of the database: acronyms that an application declares would change how a class is called.
        let identifier = &script.identifier()[..8];
        let up: String = script.steps.iter().map(|step| commented(step, "#", &execute(&step.sql))).collect();
        let down: String = script.undo().into_iter().map(|sql| execute(sql) + "\n").collect();
        let text = format!(
            "# frozen_string_literal: true\n\n\
             # Indexes that pgtailor advised.\n\
             class PgtailorAdvice{identifier} < ActiveRecord::Migration[7.0]\n\
             \x20 # CREATE INDEX CONCURRENTLY cannot run in a transaction.\n\
             \x20 disable_ddl_transaction!\n\n\
             \x20 def up\n{}  end\n\n\
             \x20 def down\n{}  end\n\
             end\n",
            indented(&up, 4),
            indented(&down, 4)
        );
        let path = format!("{}_pgtailor_advice_{identifier}.rb", script.digits());
        Migration { files: vec![(path, text)], hints: Vec::new() }
    }
}

fn execute(sql: &str) -> String {
    format!("execute {}", literal::ruby(&one_line(sql)))
}
