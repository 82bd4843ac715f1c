//! Errors of working out where to connect: nothing was contacted yet.

use std::path::PathBuf;

/// Why a connection target could not be worked out. No variant ever holds a password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A parameter that libpq does not know either.
    #[error("unknown connection parameter \"{name}\" in {origin}")]
    UnknownParameter {
        /// The parameter.
        name: String,
        /// Where it stands.
        origin: String,
    },
    /// A parameter of libpq that this program cannot honour and must not ignore.
    #[error("connection parameter \"{name}\" in {origin} is not supported by pgtailor")]
    UnsupportedParameter {
        /// The parameter.
        name: String,
        /// Where it stands.
        origin: String,
    },
    /// A value that its parameter does not take.
    #[error("invalid value \"{value}\" of connection parameter \"{name}\": {expected}")]
    InvalidValue {
        /// The parameter.
        name: String,
        /// The value; never of a secret.
        value: String,
        /// What would be valid.
        expected: String,
    },
    /// A URL or a key=value string that cannot be read.
    #[error("cannot read the {what}: {problem}")]
    Malformed {
        /// "connection URL", "connection string".
        what: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// Lists of hosts, addresses and ports of different lengths.
    #[error("{hosts} hosts were given, but {others} {what}")]
    DifferentLengths {
        /// Number of hosts.
        hosts: usize,
        /// Number of the others.
        others: usize,
        /// "addresses" or "ports".
        what: &'static str,
    },
    /// No service of that name.
    #[error("service \"{service}\" is not defined in {searched}")]
    UnknownService {
        /// The service.
        service: String,
        /// The files that were searched, or "any service file, because none exists".
        searched: String,
    },
    /// A line of a service file that is not `name=value`.
    #[error("cannot read service file {}, line {line}: {problem}", path.display())]
    ServiceFile {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// A file that was asked for by name cannot be read.
    #[error("cannot read {what} {}", path.display())]
    File {
        /// "service file", "root certificate file" …
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A certificate or key file with nothing usable in it, or settings of TLS that contradict one another.
    #[error("cannot use TLS as asked: {problem}")]
    Tls {
        /// What is wrong.
        problem: String,
        /// What to do.
        advice: Option<String>,
    },
}

impl ConnectError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownParameter { .. } => {
                Some("parameters are spelled as libpq spells them, for example host, port, dbname, user, sslmode".to_owned())
            }
            Self::UnsupportedParameter { name, .. } => Some(format!("leave out {name}")),
            Self::Malformed { .. } => Some(
                "write postgresql://user@host:5432/database, or host=… dbname=… user=…; in a URL, characters such as @ / : # in a \
                 user name or password are written as %40 %2F %3A %23"
                    .to_owned(),
            ),
            Self::UnknownService { service, .. } => {
                Some(format!("add a section [{service}] to ~/.pg_service.conf, or point PGSERVICEFILE at the file that has it"))
            }
            Self::Tls { advice, .. } => advice.clone(),
            Self::InvalidValue { .. } | Self::DifferentLengths { .. } | Self::ServiceFile { .. } | Self::File { .. } => None,
        }
    }
}
