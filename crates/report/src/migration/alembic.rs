//! Alembic, for `SQLAlchemy`: an `autocommit_block` leaves the transaction, and a revision names the one before it.

use super::{Migration, Script, Tool, commented, indented, literal};
use crate::sql_text::one_line_without;

/// See the module.
pub struct Alembic;

/// `op.execute` takes a colon before a word for a bound value (`text()` of `SQLAlchemy`); casts are known to it.
const SPECIAL: &[char] = &[':'];

impl Tool for Alembic {
    fn name(&self) -> &'static str {
        "alembic"
    }

    fn place(&self) -> &'static str {
        "the folder `versions` beside `env.py`"
    }

    fn accepts_after(&self, _after: &str) -> Result<(), String> {
        Ok(())
    }

    fn write(&self, script: &Script) -> Migration {
        let revision = script.identifier()[..12].to_owned();
        let before = script.after.as_deref().map_or_else(|| "None".to_owned(), literal::python);
        let up: String = script.steps.iter().map(|step| commented(step, "#", &execute(&step.sql))).collect();
        let down: String = script.undo().into_iter().map(|sql| execute(sql) + "\n").collect();
        let text = format!(
            "\"\"\"Indexes that pgtailor advised.\"\"\"\n\n\
             from alembic import op\n\n\
             revision = \"{revision}\"\n\
             down_revision = {before}\n\
             branch_labels = None\n\
             depends_on = None\n\n\n\
             def upgrade() -> None:\n{}\n\n\
             def downgrade() -> None:\n{}",
            block(&up),
            block(&down)
        );
        let hints = match script.after {
            Some(_) => Vec::new(),
            None => vec!["write the revision before it, as `alembic heads` prints it, to `down_revision`".to_owned()],
        };
        Migration { files: vec![(format!("{revision}_{}.py", script.slug()), text)], hints }
    }
}

fn execute(sql: &str) -> String {
    format!("op.execute({})", literal::python(&one_line_without(sql, SPECIAL)))
}

/// `statements` outside any transaction: `CREATE INDEX CONCURRENTLY` runs in none.
fn block(statements: &str) -> String {
    if statements.is_empty() {
        return "    pass\n".to_owned();
    }
    format!("    with op.get_context().autocommit_block():\n{}", indented(statements, 8))
}
