//! Where the workload comes from: `pg_stat_statements`, with a named cause when it does not; and HypoPG.

use pgtailor_model::diagnosis::Check;
use pgtailor_model::name::{printable, quote_identifier};

use super::facts::{ExtensionFact, Facts, StatementsProbe};

const NAME: &str = "pg-stat-statements";
/// Version with `total_exec_time`, which comes with server 13.
const OLDEST: (u32, u32) = (1, 8);

pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    vec![statements(facts), hypopg(facts)]
}

/// Every way in which statements are not counted looks the same from afar (no workload); the cure of each is another.
fn statements(facts: &Facts) -> Check {
    const RESTART: &str = "restart the server for it to take effect";
    let preload = || format!("ALTER SYSTEM SET shared_preload_libraries = {}; -- {RESTART}", preload_list(facts));
    let Some(extension) = facts.extensions.get("pg_stat_statements") else {
        let package = "install the contrib package of the server (Debian: part of postgresql-NN; others: postgresql-contrib)";
        return Check::missing(
            NAME,
            "pg_stat_statements is not on the server's disk, so the workload is unknown",
            Some(package.to_owned()),
        );
    };
    let Some((version, schema)) = extension.version.as_deref().zip(extension.schema.as_deref()) else {
        let mut remedy = "CREATE EXTENSION pg_stat_statements;".to_owned();
        if is_preloaded(facts) == Some(false) {
            remedy = format!("{}\n{remedy}", preload());
        }
        return Check::missing(
            NAME,
            "pg_stat_statements is not installed in this database, so the workload is unknown",
            Some(remedy),
        );
    };
    let role = quote_identifier(&facts.role);
    if !extension.may_use_schema {
        let schema = quote_identifier(schema);
        let sentence = format!("pg_stat_statements is in schema {}, which the role may not use", printable(&schema));
        return Check::missing(NAME, sentence, Some(format!("GRANT USAGE ON SCHEMA {schema} TO {role};")));
    }
    let (counted, hidden) = match &facts.statements {
        Some(StatementsProbe::Read { statements, hidden }) => (*statements, *hidden),
        Some(StatementsProbe::Refused { sqlstate, .. }) if sqlstate == "55000" => {
            return Check::missing(
                NAME,
                "pg_stat_statements is installed but not loaded, so nothing is counted",
                Some(preload()),
            );
        }
        Some(StatementsProbe::Refused { sqlstate, .. }) if sqlstate == "42501" => {
            let remedy = format!("GRANT SELECT ON {}.pg_stat_statements TO {role};", quote_identifier(schema));
            return Check::missing(NAME, "the role may not read pg_stat_statements", Some(remedy));
        }
        Some(StatementsProbe::Refused { sqlstate, message }) => {
            return Check::missing(NAME, format!("pg_stat_statements cannot be read: {message} (SQLSTATE {sqlstate})"), None);
        }
        None => return Check::missing(NAME, "pg_stat_statements cannot be read", None),
    };
    let setting = |name: &str| facts.settings.get(name).map(String::as_str);
    if setting("compute_query_id") == Some("off") {
        let remedy = "ALTER SYSTEM SET compute_query_id = auto; SELECT pg_reload_conf();".to_owned();
        return Check::missing(NAME, "statements are not counted, because compute_query_id is off", Some(remedy));
    }
    if setting("pg_stat_statements.track") == Some("none") {
        let remedy = "ALTER SYSTEM SET pg_stat_statements.track = top; SELECT pg_reload_conf();".to_owned();
        return Check::missing(NAME, "statements are not counted, because pg_stat_statements.track is none", Some(remedy));
    }
    if parsed(version) < Some(OLDEST) {
        let sentence =
            format!("pg_stat_statements is of version {}, which tells planning and execution not apart", printable(version));
        return Check::limited(NAME, sentence, Some("ALTER EXTENSION pg_stat_statements UPDATE;".to_owned()));
    }
    if !facts.reads_all_stats || hidden > 0 {
        let sentence = format!("the texts of {hidden} of {counted} statements are hidden from the role");
        return Check::limited(NAME, sentence, Some(format!("GRANT pg_read_all_stats TO {role};")));
    }
    Check::ok(NAME, format!("pg_stat_statements {} counts {counted} statements{}", printable(version), elsewhere(schema)))
}

/// HypoPG is only a fallback: a lab on this machine answers what-if questions better.
fn hypopg(facts: &Facts) -> Check {
    match facts.extensions.get("hypopg") {
        Some(ExtensionFact { version: Some(version), schema: Some(schema), .. }) => {
            Check::ok("hypopg", format!("HypoPG {} is installed{}", printable(version), elsewhere(schema)))
        }
        Some(extension) => {
            let version =
                extension.default_version.as_deref().map(|version| format!(" {}", printable(version))).unwrap_or_default();
            Check::ok(
                "hypopg",
                format!(
                    "HypoPG{version} could be installed; pgtailor needs it only where no lab of the same version can be started"
                ),
            )
        }
        None => Check::ok(
            "hypopg",
            "HypoPG is not available here; pgtailor needs it only where no lab of the same version can be started",
        ),
    }
}

fn elsewhere(schema: &str) -> String {
    if schema == "public" { String::new() } else { format!(", in schema {}", printable(&quote_identifier(schema))) }
}

/// `None` when the role may not see the setting.
fn is_preloaded(facts: &Facts) -> Option<bool> {
    let libraries = facts.settings.get("shared_preload_libraries")?;
    Some(libraries.split(',').any(|library| library.trim().trim_matches('"') == "pg_stat_statements"))
}

/// What is loaded today and `pg_stat_statements`, as the list of an ALTER SYSTEM; what is loaded today may be hidden from the role.
fn preload_list(facts: &Facts) -> String {
    let today = facts.settings.get("shared_preload_libraries").map(String::as_str).unwrap_or_default();
    let mut libraries: Vec<_> = today.split(',').map(str::trim).filter(|library| !library.is_empty()).collect();
    if !libraries.contains(&"pg_stat_statements") {
        libraries.push("pg_stat_statements");
    }
    libraries.iter().map(|library| pgtailor_model::name::quote_literal(library.trim_matches('"'))).collect::<Vec<_>>().join(", ")
}

fn parsed(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pgtailor_model::diagnosis::Status;

    use super::*;

    fn installed(version: &str, schema: &str) -> Facts {
        let extension = ExtensionFact {
            default_version: Some("1.10".to_owned()),
            version: Some(version.to_owned()),
            schema: Some(schema.to_owned()),
            may_use_schema: true,
        };
        Facts {
            role: "app".to_owned(),
            reads_all_stats: true,
            extensions: BTreeMap::from([("pg_stat_statements".to_owned(), extension)]),
            statements: Some(StatementsProbe::Read { statements: 7, hidden: 0 }),
            ..Facts::default()
        }
    }

    fn check(facts: &Facts, status: Status, words: &str) {
        let check = statements(facts);
        assert_eq!(check.status, status, "{check:?}");
        assert!(format!("{} | {}", check.sentence, check.remedy.as_deref().unwrap_or_default()).contains(words), "{check:?}");
    }

    #[test]
    fn every_cause_has_its_name_and_cure() {
        check(&Facts::default(), Status::Missing, "not on the server's disk");
        check(&installed("1.10", "public"), Status::Ok, "counts 7 statements");
        check(&installed("1.10", "Mon"), Status::Ok, "in schema \"Mon\"");
        check(&installed("1.4", "public"), Status::Limited, "ALTER EXTENSION pg_stat_statements UPDATE;");

        let mut facts = installed("1.10", "public");
        facts.settings.insert("compute_query_id".to_owned(), "off".to_owned());
        check(&facts, Status::Missing, "compute_query_id is off");

        let mut facts = installed("1.10", "public");
        facts.settings.insert("pg_stat_statements.track".to_owned(), "none".to_owned());
        check(&facts, Status::Missing, "pg_stat_statements.track is none");

        let facts = Facts { reads_all_stats: false, ..installed("1.10", "public") };
        check(&facts, Status::Limited, "GRANT pg_read_all_stats TO app;");

        let mut facts = installed("1.10", "mon");
        facts.extensions.values_mut().for_each(|extension| extension.may_use_schema = false);
        facts.statements = None;
        check(&facts, Status::Missing, "GRANT USAGE ON SCHEMA mon TO app;");
    }

    #[test]
    fn libraries_loaded_today_stay_loaded() {
        let mut facts = installed("1.10", "public");
        facts.statements = Some(StatementsProbe::Refused { sqlstate: "55000".to_owned(), message: "x".to_owned() });
        facts.settings.insert("shared_preload_libraries".to_owned(), "auto_explain, pg_cron".to_owned());
        check(&facts, Status::Missing, "shared_preload_libraries = 'auto_explain', 'pg_cron', 'pg_stat_statements';");
    }
}
