//! sqlx: `-- no-transaction` at the very beginning leaves the transaction.
//!
//! A file is sent as one message, so every statement is a migration of its own.

use super::{Migration, Script, Tool, commented, statement};

/// See the module.
pub struct Sqlx;

/// sqlx looks for it with `starts_with` (`migrate/source.rs` of sqlx-core).
const FIRST_LINE: &str = "-- no-transaction\n";

impl Tool for Sqlx {
    fn name(&self) -> &'static str {
        "sqlx"
    }

    fn place(&self) -> &'static str {
        "the folder `migrations`"
    }

    fn write(&self, script: &Script) -> Migration {
        let mut migration = Migration::default();
        for single in script.single() {
            let name = format!("{}_{}", single.digits(), single.slug());
            for step in &single.steps {
                let up = commented(step, "--", &statement(&step.sql, &[]));
                // Where nothing has to be taken back, a file has to be there all the same.
                let down = statement(step.undo.as_deref().unwrap_or("SELECT 1"), &[]);
                migration.files.push((format!("{name}.up.sql"), format!("{FIRST_LINE}{up}")));
                migration.files.push((format!("{name}.down.sql"), format!("{FIRST_LINE}{down}\n")));
            }
        }
        migration
    }
}
