//! Ecto: two attributes leave the transaction and the lock, which is a transaction, too.

use super::{Migration, Script, Tool, commented, indented, literal};
use crate::sql_text::one_line;

/// See the module.
pub struct Ecto;

impl Tool for Ecto {
    fn name(&self) -> &'static str {
        "ecto"
    }

    fn place(&self) -> &'static str {
        "the folder `priv/repo/migrations`"
    }

    fn write(&self, script: &Script) -> Migration {
        let up: String = script.steps.iter().map(|step| commented(step, "#", &execute(&step.sql))).collect();
        let down: String = script.undo().into_iter().map(|sql| execute(sql) + "\n").collect();
        // A function without a body gives `nil`, and needs a line to be one.
        let down = if down.is_empty() { ":ok\n".to_owned() } else { down };
        let text = format!(
            "defmodule Repo.Migrations.PgtailorAdvice{} do\n\
             \x20 use Ecto.Migration\n\n\
             \x20 # CREATE INDEX CONCURRENTLY cannot run in a transaction, and waits for others: also for the lock's.\n\
             \x20 @disable_ddl_transaction true\n\
             \x20 @disable_migration_lock true\n\n\
             \x20 def up do\n{}  end\n\n\
             \x20 def down do\n{}  end\n\
             end\n",
            &script.identifier()[..8],
            indented(&up, 4),
            indented(&down, 4)
        );
        Migration { files: vec![(format!("{}_{}.exs", script.digits(), script.slug()), text)], hints: Vec::new() }
    }
}

fn execute(sql: &str) -> String {
    format!("execute({})", literal::elixir(&one_line(sql)))
}
