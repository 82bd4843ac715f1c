//! One place where a server may listen.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use pgtailor_model::name::printable;

/// One place where a server may listen, and the password for it.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) host: Host,
    /// Connect here instead of looking the host's name up (`hostaddr`); the name still counts for TLS.
    pub(crate) address: Option<IpAddr>,
    pub(crate) port: u16,
    pub(crate) password: Option<Password>,
}

/// A host's name or address, or the folder of a unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Tcp(String),
    Unix(PathBuf),
}

/// A password; shows itself to nobody.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Password(String);

impl Endpoint {
    /// Whether what is sent stays on this machine.
    pub(crate) fn is_local(&self) -> bool {
        match (&self.host, self.address) {
            (Host::Unix(_), _) => true,
            (Host::Tcp(_), Some(address)) => address.is_loopback(),
            (Host::Tcp(name), None) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
        }
    }

    /// The path of the socket, when it is one.
    pub(crate) fn socket(&self) -> Option<PathBuf> {
        match &self.host {
            Host::Unix(folder) => Some(folder.join(format!(".s.PGSQL.{}", self.port))),
            Host::Tcp(_) => None,
        }
    }
}

impl Password {
    pub(crate) fn new(password: &str) -> Self {
        Self(password.to_owned())
    }

    /// The password itself, for the client only.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

/// `host:port`, with brackets around an IPv6 address.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Unix(folder) => write!(f, "{}:{}", printable(&folder.to_string_lossy()), self.port),
            Host::Tcp(name) if name.contains(':') => write!(f, "[{}]:{}", printable(name), self.port),
            Host::Tcp(name) => write!(f, "{}:{}", printable(name), self.port),
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}
