//! The smallest roles that suffice, as a script for psql.

use std::fmt::Write as _;

use pgtailor_model::name::quote_identifier;

/// What a role is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Analysis: reads the catalogs, the statistics and the workload, and plans queries.
    Read,
    /// Also applies changes.
    Apply,
}

/// A script for psql that makes the smallest role that suffices for `role` on a server of `version` (`server_version_num`).
///
/// `database` is where pgtailor will work, `schemas` those whose tables it will see, `owners` the roles that own those tables, `settable`
/// the parameters that it may set; all unquoted. The script holds no password: psql asks for it with `\password`. It changes nothing but roles and grants, and is meant to be
/// read before it is run.
pub fn least_privilege_script(
    role: Role,
    version: u32,
    database: &str,
    schemas: &[String],
    owners: &[String],
    settable: &[&str],
) -> String {
    let name = match role {
        Role::Read => "pgtailor_read",
        Role::Apply => "pgtailor_apply",
    };
    let database = quote_identifier(database);
    let mut script = String::new();
    let mut line = |text: &str| {
        let _ = writeln!(script, "{text}");
    };
    match role {
        Role::Read => {
            line("-- A role for pgtailor that can analyse and change nothing.");
            line(&format!("CREATE ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION CONNECTION LIMIT 8;"));
        }
        Role::Apply => {
            line("-- A role for pgtailor that can create and drop indexes on the tables of the owners below.");
            line(&format!(
                "CREATE ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION INHERIT CONNECTION LIMIT 8;"
            ));
        }
    }
    line(&format!("\\password {name}"));
    line(&format!("GRANT CONNECT ON DATABASE {database} TO {name};"));
    line("-- Statistics, settings and the texts of statements; texts of utility statements may hold literals.");
    line(&format!("GRANT pg_monitor TO {name};"));
    if !schemas.is_empty() {
        line("-- Planning a query needs the right to read its tables. pgtailor reads no rows of them, but for the smallest");
        line("-- and the largest values of indexed columns, which a capture for a twin looks up.");
    }
    for schema in schemas {
        let schema = quote_identifier(schema);
        line(&format!("GRANT USAGE ON SCHEMA {schema} TO {name};"));
        line(&format!("GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {name};"));
    }
    match role {
        Role::Read => {
            line(
                "-- Column statistics for a twin; where nobody is a superuser, GRANT pg_read_all_data instead (version 14 and later).",
            );
            line(&format!("GRANT SELECT ON pg_catalog.pg_statistic, pg_catalog.pg_statistic_ext_data TO {name};"));
            line(&format!("ALTER ROLE {name} SET default_transaction_read_only = on;"));
            line(&format!("ALTER ROLE {name} SET statement_timeout = '30s';"));
            line(&format!("ALTER ROLE {name} SET lock_timeout = '250ms';"));
        }
        Role::Apply => {
            line("-- The ledger, in which every change is recorded before it is made.");
            line(&format!("GRANT CREATE ON DATABASE {database} TO {name};"));
            if !owners.is_empty() {
                line("-- Only who acts as a table's owner may create or drop its indexes; there is no smaller right.");
            }
            for owner in owners {
                let owner = quote_identifier(owner);
                // Since 16 the options of a grant say what it gives; before, the role's own INHERIT does.
                let options = if version >= 160_000 { " WITH INHERIT TRUE, SET TRUE" } else { "" };
                line(&format!("GRANT {owner} TO {name}{options};"));
            }
            for schema in schemas {
                line(&format!("GRANT CREATE ON SCHEMA {} TO {name};", quote_identifier(schema)));
            }
            for text in setting_grants(name, version, settable) {
                line(&text);
            }
        }
    }
    script
}

/// The part of the script that lets `role` set parameters of the whole server. It stands apart, since it is the one part that reaches
/// beyond the database; without it everything else works.
fn setting_grants(role: &str, version: u32, settable: &[&str]) -> Vec<String> {
    // ALTER SYSTEM is a right that can be granted since 15; before, it asks for a superuser (`AlterSystemSetConfigFile`, guc.c).
    if version < 150_000 {
        return ["-- Settings: before server 15 only a superuser can set them, so this role cannot: such steps of a rollout are refused.".to_owned()]
            .into();
    }
    let mut lines = [
        "",
        "-- Settings of the whole server, all its databases included. Leave this part out, or lines of it, where pgtailor shall not",
        "-- set them: such steps of a rollout are then refused. It allows to set planner costs, memory, parallel workers, autovacuum,",
        "-- checkpoints and logging to any value (pgtailor itself keeps within bounds), and to make the server read its configuration",
        "-- again. No library, path, address or authentication is among them, nor anything that is read at the server's start only.",
        "-- A hosted server may have its own way to set them, and refuse this one.",
    ]
    .map(str::to_owned)
    .to_vec();
    lines.push(format!("GRANT EXECUTE ON FUNCTION pg_catalog.pg_reload_conf() TO {role};"));
    lines.extend(settable.iter().map(|name| format!("GRANT ALTER SYSTEM ON PARAMETER {} TO {role};", quote_identifier(name))));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_gets_no_right_to_change_anything() {
        let script = least_privilege_script(Role::Read, 150_000, "shop", &["app".to_owned()], &["owner".to_owned()], &["jit"]);
        assert!(script.contains("GRANT pg_monitor TO pgtailor_read;"));
        assert!(script.contains("GRANT SELECT ON pg_catalog.pg_statistic, pg_catalog.pg_statistic_ext_data TO pgtailor_read;"));
        assert!(!script.contains("GRANT owner"));
        assert!(!script.contains("GRANT CREATE"));
        assert!(!script.contains("ALTER SYSTEM"));
    }

    /// A DBA leaves the part out by deleting from its first comment to the end.
    #[test]
    fn the_right_to_set_parameters_stands_last_and_apart() {
        let build = |version| least_privilege_script(Role::Apply, version, "shop", &[], &[], &["jit", "work_mem"]);
        let (script, before_15) = (build(150_000), build(140_000));
        let (rest, part) = script.split_once("\n\n").expect("an empty line comes before it");
        let grants: Vec<&str> = part.lines().filter(|line| !line.starts_with("--")).collect();
        assert_eq!(
            grants,
            [
                "GRANT EXECUTE ON FUNCTION pg_catalog.pg_reload_conf() TO pgtailor_apply;",
                "GRANT ALTER SYSTEM ON PARAMETER jit TO pgtailor_apply;",
                "GRANT ALTER SYSTEM ON PARAMETER work_mem TO pgtailor_apply;",
            ]
        );
        assert!(!rest.contains("PARAMETER"));
        assert!(
            before_15.lines().last().is_some_and(|last| last.starts_with("-- ") && last.contains("superuser")),
            "{before_15}"
        );
    }

    #[test]
    fn names_are_quoted_and_options_follow_the_version() {
        let build =
            |version| least_privilege_script(Role::Apply, version, "My Shop", &["A".to_owned()], &["o w".to_owned()], &[]);
        assert!(build(150_000).contains("GRANT \"o w\" TO pgtailor_apply;"));
        assert!(build(160_000).contains("GRANT \"o w\" TO pgtailor_apply WITH INHERIT TRUE, SET TRUE;"));
        assert!(build(150_000).contains("GRANT CONNECT ON DATABASE \"My Shop\" TO"));
        assert!(build(150_000).contains("GRANT CREATE ON SCHEMA \"A\" TO pgtailor_apply;"));
    }
}
