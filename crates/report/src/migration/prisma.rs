//! Prisma Migrate: a migration is sent as one message, so every statement is a migration of its own.
//!
//! Prisma itself never goes back; `down.sql` is where its manual puts what does, for `prisma db execute`.

use super::{Migration, Script, Tool, commented, statement};

/// See the module.
pub struct Prisma;

impl Tool for Prisma {
    fn name(&self) -> &'static str {
        "prisma"
    }

    fn place(&self) -> &'static str {
        "the folder `prisma/migrations`"
    }

    fn write(&self, script: &Script) -> Migration {
        let mut migration = Migration::default();
        for single in script.single() {
            let folder = format!("{}_{}", single.digits(), single.slug());
            for step in &single.steps {
                migration.files.push((format!("{folder}/migration.sql"), commented(step, "--", &statement(&step.sql, &[]))));
                let undo = step.undo.as_deref().map(|undo| statement(undo, &[]) + "\n");
                migration.files.extend(undo.map(|undo| (format!("{folder}/down.sql"), undo)));
            }
        }
        migration.hints.push(
            "Prisma takes nothing back by itself: run `down.sql` with `prisma db execute`, last migration first".to_owned(),
        );
        migration
    }
}
