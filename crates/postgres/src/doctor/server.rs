//! The connection and the server.

use pgtailor_model::diagnosis::Check;
use pgtailor_model::name::{QualifiedName, printable, quote_identifier};

use super::facts::Facts;

/// Settings that, as a default of a role or a database, cut index builds short or send them astray.
const HURTFUL_DEFAULTS: [&str; 6] = [
    "default_tablespace",
    "default_transaction_read_only",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "lock_timeout",
    "statement_timeout",
];

pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    vec![
        connection(facts),
        version(facts),
        primary(facts),
        direct(facts),
        session_defaults(facts),
        event_triggers(facts),
        invalid(facts),
    ]
}

fn connection(facts: &Facts) -> Check {
    let how = match &facts.tls_version {
        Some(version) => format!("over {version}"),
        None if facts.is_socket => "over a unix socket".to_owned(),
        None => "without TLS".to_owned(),
    };
    let mut sentence = format!("connected to {} {how}", facts.place);
    if facts.options_refused {
        sentence.push_str("; the startup options (PGOPTIONS) were refused and left out");
    }
    if facts.warnings.is_empty() {
        return Check::ok("connection", sentence);
    }
    let remedy =
        facts.warnings.iter().any(|warning| warning.contains("sslmode=")).then(|| "export PGSSLMODE=verify-full".to_owned());
    Check::limited("connection", format!("{sentence}; {}", facts.warnings.join("; ")), remedy)
}

fn version(facts: &Facts) -> Check {
    let name = "server-version";
    let text = printable(&facts.version_text);
    let loses_rows =
        |fixed| format!("PostgreSQL {text} can build indexes concurrently that miss rows; pgtailor builds none before {fixed}");
    match facts.version {
        140_000..140_004 => {
            Check::missing(name, loses_rows("14.4"), Some("install the latest minor release of PostgreSQL 14".to_owned()))
        }
        130_000..130_002 => {
            // Only prepared transactions trigger it, but pgtailor cannot watch that none begins.
            let prepared =
                if facts.max_prepared_transactions > 0 { "" } else { " (only with prepared transactions, which are off here)" };
            let sentence = format!("{}{prepared}", loses_rows("13.2"));
            Check::missing(name, sentence, Some("install the latest minor release of PostgreSQL 13".to_owned()))
        }
        _ => Check::ok(name, format!("PostgreSQL {text}")),
    }
}

fn primary(facts: &Facts) -> Check {
    if facts.is_standby {
        let sentence = "this server is a standby: it can be analysed, but changes must be applied on its primary";
        return Check::limited(
            "primary",
            sentence,
            Some("connect to the primary, for example with target_session_attrs=primary".to_owned()),
        );
    }
    Check::ok("primary", "this server is a primary")
}

fn direct(facts: &Facts) -> Check {
    if facts.is_pooled {
        let sentence = "a connection pooler stands between pgtailor and the server, so nothing can be applied: locks and settings of \
             a session do not stay its own";
        return Check::missing("direct-connection", sentence, Some("connect to the server's own host and port".to_owned()));
    }
    Check::ok("direct-connection", "no connection pooler was found in between")
}

fn session_defaults(facts: &Facts) -> Check {
    let hurtful: Vec<_> = facts
        .defaults
        .iter()
        .filter(|default| HURTFUL_DEFAULTS.contains(&default.name.to_ascii_lowercase().as_str()))
        .filter(|default| !matches!(default.value.as_str(), "" | "0" | "off"))
        .collect();
    if hurtful.is_empty() {
        return Check::ok(
            "session-defaults",
            "neither the role nor the database carries a time limit or a tablespace into its sessions",
        );
    }
    let named: Vec<_> =
        hurtful.iter().map(|default| format!("{}={} ({})", default.name, printable(&default.value), default.carrier)).collect();
    Check::ok(
        "session-defaults",
        format!(
            "pgtailor overrides these defaults in its own sessions: {}; index builds of other tools are subject to them",
            named.join(", ")
        ),
    )
}

fn event_triggers(facts: &Facts) -> Check {
    if facts.event_triggers.is_empty() {
        return Check::ok("event-triggers", "no event trigger runs when indexes are changed");
    }
    let names: Vec<_> = facts.event_triggers.iter().map(|name| printable(&quote_identifier(name))).collect();
    let sentence = format!("event triggers run when indexes are changed and may refuse or slow it: {}", names.join(", "));
    Check::limited("event-triggers", sentence, None)
}

fn invalid(facts: &Facts) -> Check {
    let names: Vec<_> = facts.invalid_indexes.iter().map(|(schema, name)| QualifiedName::new(schema, name)).collect();
    if names.is_empty() {
        return Check::ok("invalid-indexes", "no failed build left an index behind");
    }
    let listed = names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let sentence = format!(
        "{} invalid, left by a failed build: kept up to date by every write and used by no query: {listed}",
        counted(names.len())
    );
    let remedy = names.iter().map(|name| format!("REINDEX INDEX CONCURRENTLY {};", name.sql())).collect::<Vec<_>>().join("\n");
    Check::limited("invalid-indexes", sentence, Some(remedy))
}

fn counted(indexes: usize) -> String {
    if indexes == 1 { "1 index is".to_owned() } else { format!("{indexes} indexes are") }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::diagnosis::Status;

    use super::super::facts::RoleDefault;
    use super::*;

    #[test]
    fn versions_whose_builds_lose_rows_are_named() {
        let status = |version| version_check(version).status;
        assert_eq!(status(140_003), Status::Missing);
        assert_eq!(status(140_004), Status::Ok);
        assert_eq!(status(130_001), Status::Missing);
        assert_eq!(status(130_002), Status::Ok);
        assert_eq!(status(150_018), Status::Ok);
    }

    fn version_check(number: u32) -> Check {
        version(&Facts { version: number, ..Facts::default() })
    }

    #[test]
    fn standbys_and_poolers_are_told() {
        let facts = Facts { is_standby: true, is_pooled: true, ..Facts::default() };
        assert_eq!(primary(&facts).status, Status::Limited);
        assert_eq!(direct(&facts).status, Status::Missing);
    }

    #[test]
    fn a_time_limit_of_the_role_is_named_with_its_value() {
        let limit = |value: &str| RoleDefault {
            carrier: "role".to_owned(),
            name: "statement_timeout".to_owned(),
            value: value.to_owned(),
        };
        let facts = Facts { defaults: vec![limit("300ms")], ..Facts::default() };
        assert!(session_defaults(&facts).sentence.contains("statement_timeout=300ms (role)"));
        let facts = Facts { defaults: vec![limit("0")], ..Facts::default() };
        assert!(!session_defaults(&facts).sentence.contains("statement_timeout"));
    }
}
