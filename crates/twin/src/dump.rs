//! Statistics that `pg_dump --statistics-only` of PostgreSQL 18 wrote, for a twin that was captured without values.
//!
//! Of such a file only its calls of the functions that restore statistics are carried out, by the owner; the server checks what they say. The
//! counters that they bring replace those of the capture, sizes of files stay.

use pgtailor_model::planner::Inexact;
use pgtailor_postgres::lab_session::LabSession;
use pgtailor_sql::split;

use crate::error::TwinError;

/// The first version that writes and reads such files (`server_version_num`).
const SINCE: u32 = 180_000;

/// What the calls begin with, as `pg_dump.c` writes them.
const CALLS: &[&str] = &[
    "SELECT * FROM pg_catalog.pg_restore_relation_stats(",
    "SELECT * FROM pg_catalog.pg_restore_attribute_stats(",
    "SELECT * FROM pg_catalog.pg_restore_extended_stats(",
];

/// Calls on their way at a time.
const PAGE: usize = 500;

/// Carries out the calls in `dump`.
pub(crate) async fn restore(
    owner: &LabSession,
    server_version: u32,
    dump: &str,
    inexact: &mut Vec<Inexact>,
) -> Result<(), TwinError> {
    if server_version < SINCE {
        return Err(TwinError::NoDumps { version: server_version / 10_000 });
    }
    let calls = calls(dump);
    if calls.is_empty() {
        return Err(TwinError::NotADump);
    }
    let mut refused = 0;
    for page in calls.chunks(PAGE) {
        let outcomes = owner.run_each("restore statistics of the dump", page).await?;
        refused += outcomes.iter().filter(|outcome| outcome.is_err()).count();
    }
    if refused > 0 {
        inexact.push(Inexact {
            object: format!("{refused} of {} statistics in the dump", calls.len()),
            table: None,
            reason: "the twin's server refused them: they are of tables or columns that the twin does not have".to_owned(),
        });
    }
    Ok(())
}

fn calls(dump: &str) -> Vec<&str> {
    let statements = split(dump).statements;
    let statements = statements.iter().map(|statement| {
        // Comments stand in lines of their own before a call.
        let mut text = statement.text.trim_start();
        while let Some(rest) = text.strip_prefix("--") {
            text = rest.split_once('\n').map_or("", |(_, after)| after).trim_start();
        }
        text
    });
    let begins_a_call = |text: &&str| CALLS.iter().any(|call| text.starts_with(call));
    statements.filter(begins_a_call).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_calls_that_restore_statistics_are_taken() {
        let dump = "SET search_path = '';\n--\n-- Statistics for Name: t\n--\n\n\
                    SELECT * FROM pg_catalog.pg_restore_relation_stats(\n\t'version', '180000'::integer,\n\t'relname', 'a;b'\n);\n\
                    SELECT * FROM pg_catalog.pg_read_file('/etc/passwd');\nDROP TABLE t;\n";
        let found = calls(dump);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("SELECT * FROM pg_catalog.pg_restore_relation_stats(") && found[0].contains("a;b"));
    }
}
