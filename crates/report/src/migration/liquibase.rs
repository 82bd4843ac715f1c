//! Liquibase, formatted SQL: a change set for each statement, and `runInTransaction:false` leaves the transaction.

use super::{Migration, Script, Tool, commented, statement};

/// See the module.
pub struct Liquibase;

impl Tool for Liquibase {
    fn name(&self) -> &'static str {
        "liquibase"
    }

    fn place(&self) -> &'static str {
        "a folder that the root changelog includes"
    }

    fn write(&self, script: &Script) -> Migration {
        let identifier = &script.identifier()[..8];
        let mut text = "--liquibase formatted sql\n".to_owned();
        for (number, step) in script.steps.iter().enumerate() {
            let undo = step.undo.as_deref().map_or_else(|| "empty".to_owned(), plain);
            let set = format!(
                "\n--changeset pgtailor:{identifier}-{} runInTransaction:false splitStatements:false stripComments:false\n",
                number + 1
            );
            text.push_str(&set);
            text.push_str(&commented(step, "--", &plain(&step.sql)));
            text.extend(["--rollback ", &undo, "\n"]);
        }
        Migration { files: vec![(format!("{}_{}.sql", script.digits(), script.slug()), text)], hints: Vec::new() }
    }
}

/// Parameters such as `${name}` are replaced wherever they stand; what takes a change set back is split at semicolons and freed of comments
/// whatever the change set says.
fn plain(sql: &str) -> String {
    let has_comment = sql.contains("--") || sql.contains("/*");
    statement(sql, if has_comment { &['$', ';', '-', '/'] } else { &['$', ';'] })
}
