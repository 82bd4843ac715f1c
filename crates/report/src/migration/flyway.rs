//! Flyway: a script configuration file beside the migration leaves the transaction.
//!
//! Its undo migrations are for paying users; to others they are files that are never run.

use super::{Migration, Script, Step, Tool, commented, statement};

/// See the module.
pub struct Flyway;

/// Placeholders such as `${name}` are replaced wherever they stand, also in names and constants.
const SPECIAL: &[char] = &['$'];
/// What the configuration file of a script says.
const CONFIGURATION: &str = "executeInTransaction=false\n";

impl Tool for Flyway {
    fn name(&self) -> &'static str {
        "flyway"
    }

    fn place(&self) -> &'static str {
        "the folder in `locations`, `db/migration` unless told otherwise"
    }

    fn write(&self, script: &Script) -> Migration {
        let name = format!("{}__{}.sql", script.digits(), script.slug());
        let up: Vec<String> = script
            .steps
            .iter()
            .map(|step| {
                // A placeholder without a value is an error in comments, too.
                let notes = step.notes.iter().map(|note| note.replace("${", "$ {")).collect();
                commented(&Step { notes, ..step.clone() }, "--", &statement(&step.sql, SPECIAL))
            })
            .collect();
        let mut files = vec![(format!("V{name}"), up.join("\n")), (format!("V{name}.conf"), CONFIGURATION.to_owned())];
        let down: String = script.undo().into_iter().map(|sql| statement(sql, SPECIAL) + "\n").collect();
        if !down.is_empty() {
            files.push((format!("U{name}"), down));
            files.push((format!("U{name}.conf"), CONFIGURATION.to_owned()));
        }
        let hint =
            "set `flyway.postgresql.transactional.lock=false`: else a concurrent build waits for Flyway's own lock without end";
        Migration { files, hints: vec![hint.to_owned()] }
    }
}
