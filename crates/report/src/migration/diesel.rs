//! Diesel: `metadata.toml` beside the statements leaves the transaction.
//!
//! A file is sent as one message, so every statement is a migration of its own.

use super::{Migration, Script, Tool, commented, statement};

/// See the module.
pub struct Diesel;

impl Tool for Diesel {
    fn name(&self) -> &'static str {
        "diesel"
    }

    fn place(&self) -> &'static str {
        "the folder `migrations`"
    }

    fn write(&self, script: &Script) -> Migration {
        let mut migration = Migration::default();
        for single in script.single() {
            let folder = format!("{}_{}", single.at.strftime("%Y-%m-%d-%H%M%S"), single.slug());
            for step in &single.steps {
                // Where nothing has to be taken back, a file has to be there all the same, and not be empty.
                let down = statement(step.undo.as_deref().unwrap_or("SELECT 1"), &[]);
                let files = [
                    ("up.sql", commented(step, "--", &statement(&step.sql, &[]))),
                    ("down.sql", format!("{down}\n")),
                    ("metadata.toml", "run_in_transaction = false\n".to_owned()),
                ];
                migration.files.extend(files.map(|(name, text)| (format!("{folder}/{name}"), text)));
            }
        }
        migration
    }
}
