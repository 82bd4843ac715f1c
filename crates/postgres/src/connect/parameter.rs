//! Names of connection parameters, as libpq spells them, and what this program does with each.

use std::collections::BTreeMap;

use super::error::ConnectError;

/// What is done with a parameter that libpq knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Support {
    /// It has its effect.
    Used,
    /// It changes nothing that matters here: accepted, without effect.
    Harmless,
    /// Going on without it could be less safe than was asked for: refused.
    Refused,
}

/// Parameter, environment variable, support. From "Parameter Key Words" and "Environment Variables" of libpq's manual, 18.
const PARAMETERS: &[(&str, &str, Support)] = &[
    ("application_name", "PGAPPNAME", Support::Harmless),
    ("channel_binding", "PGCHANNELBINDING", Support::Used),
    ("client_encoding", "PGCLIENTENCODING", Support::Harmless),
    ("connect_timeout", "PGCONNECT_TIMEOUT", Support::Used),
    ("dbname", "PGDATABASE", Support::Used),
    ("fallback_application_name", "", Support::Harmless),
    ("gssdelegation", "PGGSSDELEGATION", Support::Harmless),
    ("gssencmode", "PGGSSENCMODE", Support::Harmless),
    ("gsslib", "PGGSSLIB", Support::Harmless),
    ("host", "PGHOST", Support::Used),
    ("hostaddr", "PGHOSTADDR", Support::Used),
    ("keepalives", "", Support::Used),
    ("keepalives_count", "", Support::Used),
    ("keepalives_idle", "", Support::Used),
    ("keepalives_interval", "", Support::Used),
    ("krbsrvname", "PGKRBSRVNAME", Support::Harmless),
    ("load_balance_hosts", "PGLOADBALANCEHOSTS", Support::Harmless),
    ("max_protocol_version", "PGMAXPROTOCOLVERSION", Support::Harmless),
    ("min_protocol_version", "PGMINPROTOCOLVERSION", Support::Harmless),
    ("options", "PGOPTIONS", Support::Used),
    ("passfile", "PGPASSFILE", Support::Used),
    ("password", "PGPASSWORD", Support::Used),
    ("port", "PGPORT", Support::Used),
    ("replication", "", Support::Refused),
    ("require_auth", "PGREQUIREAUTH", Support::Refused),
    ("requirepeer", "PGREQUIREPEER", Support::Refused),
    ("requiressl", "PGREQUIRESSL", Support::Used),
    ("service", "PGSERVICE", Support::Used),
    ("servicefile", "PGSERVICEFILE", Support::Used),
    ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION", Support::Refused),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION", Support::Used),
    ("sslcert", "PGSSLCERT", Support::Used),
    ("sslcertmode", "PGSSLCERTMODE", Support::Harmless),
    ("sslcompression", "PGSSLCOMPRESSION", Support::Harmless),
    ("sslcrl", "PGSSLCRL", Support::Refused),
    ("sslcrldir", "PGSSLCRLDIR", Support::Refused),
    ("sslkey", "PGSSLKEY", Support::Used),
    ("sslkeylogfile", "", Support::Harmless),
    ("sslmode", "PGSSLMODE", Support::Used),
    ("sslnegotiation", "PGSSLNEGOTIATION", Support::Used),
    ("sslpassword", "", Support::Refused),
    ("sslrootcert", "PGSSLROOTCERT", Support::Used),
    ("sslsni", "PGSSLSNI", Support::Harmless),
    ("target_session_attrs", "PGTARGETSESSIONATTRS", Support::Used),
    ("tcp_user_timeout", "", Support::Harmless),
    ("user", "PGUSER", Support::Used),
];

/// Values by parameter name. Empty values count as not given, as in libpq.
#[derive(Clone, Default)]
pub(crate) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Sets `name` as read from `origin` (words for the error text).
    pub(crate) fn set(&mut self, name: &str, value: String, origin: &str) -> Result<(), ConnectError> {
        match PARAMETERS.iter().find(|(known, _, _)| *known == name) {
            None => Err(ConnectError::UnknownParameter { name: name.to_owned(), origin: origin.to_owned() }),
            Some((_, _, Support::Refused)) => {
                Err(ConnectError::UnsupportedParameter { name: name.to_owned(), origin: origin.to_owned() })
            }
            Some((_, _, Support::Harmless)) => Ok(()),
            Some((_, _, Support::Used)) => {
                if !value.is_empty() {
                    self.0.insert(name.to_owned(), value);
                }
                Ok(())
            }
        }
    }

    /// The value of `name`, when one was given.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Takes from `other` what is not set here.
    pub(crate) fn fill(&mut self, other: &Self) {
        for (name, value) in &other.0 {
            self.0.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
}

/// The parameters that the `PG…` variables of `environment` give.
pub(crate) fn from_environment(environment: &BTreeMap<String, String>) -> Result<Parameters, ConnectError> {
    let mut parameters = Parameters::default();
    for (name, variable, _) in PARAMETERS {
        if let Some(value) = environment.get(*variable).filter(|value| !value.is_empty()) {
            parameters.set(name, value.clone(), &format!("the environment variable {variable}"))?;
        }
    }
    Ok(parameters)
}
