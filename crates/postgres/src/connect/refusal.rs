//! Why a connection could not be opened, told as one of the situations that people meet.
//!
//! Messages of the server are localised, so situations are told apart by SQLSTATE and by the server's source function
//! (`DbError::routine`), never by words.

use std::error::Error as _;
use std::io;

use pgtailor_model::name::printable;

use super::endpoint::Endpoint;
use super::{Database, TlsMode};

/// Why one endpoint did not give a session.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The host's name is not known.
    #[error("host name \"{host}\" cannot be resolved")]
    HostUnknown {
        /// The name.
        host: String,
    },
    /// Nothing listens there.
    #[error("connection refused: no server listens at {place}")]
    NothingListens {
        /// `host:port`.
        place: String,
    },
    /// There is no socket in that folder.
    #[error("no server listens on the unix socket {socket}")]
    NoSocket {
        /// The socket's path.
        socket: String,
    },
    /// No local server in any of the usual places, and no host was given.
    #[error("no local server listens on port {port}, neither on a unix socket nor at localhost")]
    NoLocalServer {
        /// The port.
        port: u16,
    },
    /// Nobody answered in time.
    #[error("no answer from {place} within {seconds} s")]
    TimedOut {
        /// `host:port`.
        place: String,
        /// `connect_timeout`.
        seconds: u64,
    },
    /// The network says no.
    #[error("cannot reach {place}: {problem}")]
    Unreachable {
        /// `host:port`.
        place: String,
        /// The operating system's words.
        problem: String,
    },
    /// The server asks for a password and none is known.
    #[error("role \"{user}\" needs a password, and none was given")]
    PasswordMissing {
        /// The role.
        user: String,
    },
    /// 28P01.
    #[error("wrong password for role \"{user}\", or no such role (SQLSTATE 28P01)")]
    PasswordWrong {
        /// The role.
        user: String,
    },
    /// 3D000.
    #[error("database \"{database}\" does not exist at {place} (SQLSTATE 3D000)")]
    DatabaseUnknown {
        /// The database.
        database: String,
        /// `host:port`.
        place: String,
    },
    /// 28000 from the role's look-up.
    #[error("role \"{user}\" does not exist or may not log in at {place} (SQLSTATE 28000)")]
    RoleUnusable {
        /// The role.
        user: String,
        /// `host:port`.
        place: String,
    },
    /// 28000 from `pg_hba.conf`.
    #[error("the server's pg_hba.conf does not let role \"{user}\" into database \"{database}\" {how} (SQLSTATE 28000)")]
    NotAdmitted {
        /// The role.
        user: String,
        /// The database.
        database: String,
        /// `with TLS`, `without TLS`, `with or without TLS`.
        how: &'static str,
    },
    /// 42501: no CONNECT on the database.
    #[error("role \"{user}\" may not connect to database \"{database}\" (SQLSTATE 42501)")]
    NoConnectPrivilege {
        /// The role.
        user: String,
        /// The database.
        database: String,
    },
    /// TLS is required and the server has none.
    #[error("TLS was required (sslmode={mode}), but the server at {place} does not offer it")]
    TlsNotOffered {
        /// `sslmode`.
        mode: &'static str,
        /// `host:port`.
        place: String,
    },
    /// The certificate is signed by nobody who is trusted.
    #[error("the certificate of {place} is not signed by a trusted authority")]
    CertificateUntrusted {
        /// `host:port`.
        place: String,
    },
    /// The certificate is for another host.
    #[error("the certificate of {place} was issued for another host")]
    CertificateForAnotherHost {
        /// `host:port`.
        place: String,
    },
    /// The certificate's time is over or has not come.
    #[error("the certificate of {place} is expired or not valid yet")]
    CertificateNotInTime {
        /// `host:port`.
        place: String,
    },
    /// A self-signed certificate marked as authority, used by the server itself: rustls refuses it, libpq does not.
    #[error("the server at {place} uses an authority's certificate as its own")]
    AuthorityUsedAsServer {
        /// `host:port`.
        place: String,
    },
    /// Any other failure of TLS.
    #[error("TLS with {place} failed: {problem}")]
    TlsFailed {
        /// `host:port`.
        place: String,
        /// The library's words.
        problem: String,
    },
    /// 53300.
    #[error("the server at {place} has no free connection (SQLSTATE 53300)")]
    TooManyConnections {
        /// `host:port`.
        place: String,
    },
    /// 57P03: starting, stopping or recovering.
    #[error("the server at {place} is not accepting connections yet (SQLSTATE 57P03): {message}")]
    NotReady {
        /// `host:port`.
        place: String,
        /// The server's words.
        message: String,
    },
    /// The server is of another kind than asked for.
    #[error("the server at {place} is not the kind that target_session_attrs asks for")]
    WrongKindOfServer {
        /// `host:port`.
        place: String,
    },
    /// Anything else that the server said.
    #[error("the server at {place} refused the connection: {message} (SQLSTATE {sqlstate})")]
    Refused {
        /// `host:port`.
        place: String,
        /// The server's code.
        sqlstate: String,
        /// The server's words.
        message: String,
    },
    /// Anything else.
    #[error("cannot connect to {place}: {problem}")]
    Other {
        /// `host:port`.
        place: String,
        /// What is known.
        problem: String,
    },
}

/// What `error` means, met while connecting to `endpoint` of `database`, with (`is_tls`) or without TLS.
pub(crate) fn refusal(database: &Database, endpoint: &Endpoint, is_tls: bool, error: &tokio_postgres::Error) -> Refusal {
    let place = endpoint.to_string();
    let user = printable(&database.user);
    if let Some(said) = error.as_db_error() {
        let name = printable(&database.name);
        let message = printable(said.message());
        return match said.code().code() {
            "28P01" => Refusal::PasswordWrong { user },
            "3D000" => Refusal::DatabaseUnknown { database: name, place },
            "28000" if said.routine() == Some("InitializeSessionUserId") => Refusal::RoleUnusable { user, place },
            "28000" if said.routine() == Some("ClientAuthentication") => {
                let how = if is_tls { "with TLS" } else { "without TLS" };
                Refusal::NotAdmitted { user, database: name, how }
            }
            "42501" => Refusal::NoConnectPrivilege { user, database: name },
            "53300" => Refusal::TooManyConnections { place },
            "57P03" => Refusal::NotReady { place, message },
            sqlstate => Refusal::Refused { place, sqlstate: sqlstate.to_owned(), message },
        };
    }
    let cause = error.source();
    if let Some(io) = cause.and_then(|cause| cause.downcast_ref::<io::Error>()) {
        if let Some(tls) = io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return tls_refusal(place, tls);
        }
        return io_refusal(endpoint, place, io);
    }
    let said = cause.map(ToString::to_string).unwrap_or_default();
    // The client crate tells these two apart by words only; they are its own, not the server's, and not localised.
    match said.as_str() {
        "password missing" => Refusal::PasswordMissing { user },
        "server does not support TLS" => Refusal::TlsNotOffered { mode: database.tls.mode.name(), place },
        "" => Refusal::Other { place, problem: printable(&error.to_string()) },
        said => Refusal::Other { place, problem: format!("{error}: {}", printable(said)) },
    }
}

fn tls_refusal(place: String, error: &rustls::Error) -> Refusal {
    use rustls::CertificateError as Bad;
    match error {
        rustls::Error::InvalidCertificate(bad) => match bad {
            Bad::UnknownIssuer => Refusal::CertificateUntrusted { place },
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => Refusal::CertificateForAnotherHost { place },
            Bad::Expired | Bad::ExpiredContext { .. } | Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
                Refusal::CertificateNotInTime { place }
            }
            // webpki's error type is not ours to name; its name in the text is what there is.
            other if format!("{other:?}").contains("CaUsedAsEndEntity") => Refusal::AuthorityUsedAsServer { place },
            other => Refusal::TlsFailed { place, problem: printable(&other.to_string()) },
        },
        other => Refusal::TlsFailed { place, problem: printable(&other.to_string()) },
    }
}

fn io_refusal(endpoint: &Endpoint, place: String, error: &io::Error) -> Refusal {
    if let Some(socket) = endpoint.socket()
        && matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
    {
        return Refusal::NoSocket { socket: printable(&socket.to_string_lossy()) };
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Refusal::NothingListens { place },
        io::ErrorKind::TimedOut => Refusal::Unreachable { place, problem: "nobody answers".to_owned() },
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => {
            Refusal::Unreachable { place, problem: "the connection was closed before it was ready".to_owned() }
        }
        _ => Refusal::Unreachable { place, problem: printable(&error.to_string()) },
    }
}

impl Refusal {
    /// The server's code, when the server answered.
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::PasswordWrong { .. } => Some("28P01"),
            Self::DatabaseUnknown { .. } => Some("3D000"),
            Self::RoleUnusable { .. } | Self::NotAdmitted { .. } => Some("28000"),
            Self::NoConnectPrivilege { .. } => Some("42501"),
            Self::TooManyConnections { .. } => Some("53300"),
            Self::NotReady { .. } => Some("57P03"),
            Self::Refused { sqlstate, .. } => Some(sqlstate),
            _ => None,
        }
    }

    /// Whether the next endpoint of a list is worth trying: libpq goes on unless the server answered with a refusal of its own.
    pub(crate) fn allows_another_endpoint(&self) -> bool {
        match self.sqlstate() {
            None => !matches!(self, Self::PasswordMissing { .. }),
            Some(sqlstate) => matches!(sqlstate, "57P03" | "53300"),
        }
    }

    /// Whether trying the same again later can help, without anybody changing anything.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::NothingListens { .. }
                | Self::NoSocket { .. }
                | Self::NoLocalServer { .. }
                | Self::TimedOut { .. }
                | Self::Unreachable { .. }
                | Self::TooManyConnections { .. }
                | Self::NotReady { .. }
        )
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::HostUnknown { .. } => "check the spelling of the host in the URL, in -d or in PGHOST".to_owned(),
            Self::NothingListens { .. } => {
                "check host and port, that the server runs, and that its listen_addresses includes this address".to_owned()
            }
            Self::NoSocket { .. } => "check that the server runs, and the folder in its unix_socket_directories; or give a host".to_owned(),
            Self::NoLocalServer { .. } => {
                "say where the server is: pgtailor … -d postgresql://user@host:port/database, or set PGHOST and PGPORT".to_owned()
            }
            Self::TimedOut { .. } | Self::Unreachable { .. } => {
                "check host and port, and that no firewall stands between; connect_timeout=SECONDS changes how long to wait".to_owned()
            }
            Self::PasswordMissing { user } => {
                format!("set PGPASSWORD, or add a line host:port:database:{user}:password to ~/.pgpass (chmod 0600)")
            }
            Self::PasswordWrong { .. } => "the password comes from the URL or connection string, else from PGPASSWORD, else from ~/.pgpass: check the first that is \
                 there".to_owned(),
            Self::DatabaseUnknown { .. } => "list the databases with: psql -l".to_owned(),
            Self::RoleUnusable { .. } => "give the role with user=…, in the URL or in PGUSER; list roles with: psql -c '\\du'".to_owned(),
            Self::NotAdmitted { how, .. } => format!(
                "add a line for this role, database and client address to pg_hba.conf and reload the server{}",
                if *how == "without TLS" { "; or the server may want TLS: try sslmode=require" } else { "" }
            ),
            Self::NoConnectPrivilege { user, database } => format!(
                "GRANT CONNECT ON DATABASE {} TO {};",
                pgtailor_model::name::quote_identifier(database),
                pgtailor_model::name::quote_identifier(user)
            ),
            Self::TlsNotOffered { mode, .. } => format!(
                "set ssl = on at the server; or, on a network that you trust, sslmode={} instead of {mode}",
                TlsMode::Prefer.name()
            ),
            Self::CertificateUntrusted { .. } => {
                "point sslrootcert at the certificate of the authority that signed the server's; for a public authority, \
                 sslrootcert=system"
                    .to_owned()
            }
            Self::CertificateForAnotherHost { .. } => {
                "connect by a name that the certificate lists as subject alternative name (a common name alone does not count), or \
                 use sslmode=verify-ca"
                    .to_owned()
            }
            Self::CertificateNotInTime { .. } => "renew the server's certificate, or set this machine's clock".to_owned(),
            Self::AuthorityUsedAsServer { .. } => {
                "give the server a certificate of its own that is signed by the authority (basicConstraints CA:FALSE), and keep the \
                 authority's only in sslrootcert; psql tolerates this, pgtailor cannot. Without verification: sslmode=require and no \
                 sslrootcert"
                    .to_owned()
            }
            Self::TooManyConnections { .. } => {
                "close some connections, raise max_connections or the role's CONNECTION LIMIT, or try again later".to_owned()
            }
            Self::NotReady { .. } => "wait for the server to finish starting, then try again".to_owned(),
            Self::WrongKindOfServer { .. } => "name the right host, or leave target_session_attrs out".to_owned(),
            Self::TlsFailed { .. } | Self::Refused { .. } | Self::Other { .. } => return None,
        })
    }
}
