//! From what was said to a target, in libpq's order: explicit string, service, environment, defaults.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_postgres::config::ChannelBinding;

use super::endpoint::{Endpoint, Host, Password};
use super::error::ConnectError;
use super::parameter::{Parameters, from_environment};
use super::tls::TlsSettings;
use super::{ConnectionInput, Database, Keepalive, SessionTarget, keyword, passfile, service, url};
use crate::ledger::LedgerPlace;

/// Where a local server usually has its socket: Debian's and the source's default (`DEFAULT_PGSOCKET_DIR`).
const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];
const DEFAULT_PORT: u16 = 5432;

pub(super) fn resolve(input: &ConnectionInput) -> Result<Database, ConnectError> {
    let parameters = gathered(input)?;
    let mut warnings = Vec::new();

    let user = parameters.get("user").map_or_else(|| input.local_user.clone(), str::to_owned);
    let name = parameters.get("dbname").map_or_else(|| user.clone(), str::to_owned);
    let (mut endpoints, is_local_default) = endpoints(&parameters)?;
    let tls = TlsSettings::from_parameters(&parameters, input.home.as_deref())?;

    match parameters.get("password") {
        Some(password) => {
            for endpoint in &mut endpoints {
                endpoint.password = Some(Password::new(password));
            }
        }
        None => passwords_from_file(&parameters, input.home.as_deref(), &mut endpoints, &name, &user, &mut warnings),
    }
    for endpoint in endpoints.iter().filter(|endpoint| !endpoint.is_local()) {
        warnings.extend(tls.weakness(&endpoint.to_string()));
    }

    Ok(Database {
        endpoints,
        is_local_default,
        name,
        user,
        tls,
        connect_timeout: connect_timeout(&parameters)?,
        session_target: session_target(&parameters)?,
        channel_binding: channel_binding(&parameters)?,
        keepalive: keepalive(&parameters)?,
        options: parameters.get("options").map(str::to_owned),
        warnings,
        ledger: LedgerPlace::Schema,
    })
}

/// Name of the operating system's user: of the effective user id where it can be seen, else `USER` or `LOGNAME`.
pub(super) fn local_user(environment: &BTreeMap<String, String>) -> String {
    #[cfg(unix)]
    if let Some(name) = user_of_process() {
        return name;
    }
    let named = |variable| environment.get(variable).filter(|name| !name.is_empty()).cloned();
    named("USER").or_else(|| named("LOGNAME")).or_else(|| named("USERNAME")).unwrap_or_else(|| "postgres".to_owned())
}

/// Without `getpwuid`, which needs unsafe code: owner of our own entry in `/proc`, looked up in `/etc/passwd`.
#[cfg(unix)]
fn user_of_process() -> Option<String> {
    use std::os::unix::fs::MetadataExt;

    let id = std::fs::metadata("/proc/self").ok()?.uid().to_string();
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == id).then(|| name.to_owned())
    })
}

fn gathered(input: &ConnectionInput) -> Result<Parameters, ConnectError> {
    let from_url_variable = || input.environment.get("DATABASE_URL").map(String::as_str);
    let text = input.database.as_deref().or_else(from_url_variable).map(str::trim).filter(|text| !text.is_empty());
    let mut parameters = match text {
        None => Parameters::default(),
        Some(text) if url::is_url(text) => url::parse(text)?,
        Some(text) if text.contains("://") => {
            return Err(ConnectError::Malformed {
                what: "connection URL",
                problem: "it does not begin with postgresql:// or postgres://".to_owned(),
            });
        }
        Some(text) if text.contains('=') => keyword::parse(text)?,
        Some(name) => {
            let mut parameters = Parameters::default();
            parameters.set("dbname", name.to_owned(), "the database's name")?;
            parameters
        }
    };
    let environment = from_environment(&input.environment)?;
    if let Some(name) = parameters.get("service").or_else(|| environment.get("service")) {
        let name = name.to_owned();
        let named = parameters.get("servicefile").or_else(|| environment.get("servicefile")).map(PathBuf::from);
        let found = service_parameters(&name, named, input)?;
        parameters.fill(&found);
    }
    parameters.fill(&environment);
    Ok(parameters)
}

/// The service's section, from the named file or the user's, else from the system's.
fn service_parameters(name: &str, named: Option<PathBuf>, input: &ConnectionInput) -> Result<Parameters, ConnectError> {
    let is_named = named.is_some();
    let user_file = named.or_else(|| input.home.as_ref().map(|home| home.join(".pg_service.conf")));
    let system_folder =
        input.environment.get("PGSYSCONFDIR").map_or_else(|| PathBuf::from("/etc/postgresql-common"), PathBuf::from);
    let system_file = system_folder.join("pg_service.conf");
    let mut searched = Vec::new();
    for (path, must_exist) in user_file.into_iter().map(|path| (path, is_named)).chain([(system_file, false)]) {
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !must_exist => continue,
            Err(source) => return Err(ConnectError::File { what: "service file", path, source }),
        };
        if let Some(parameters) = service::find(&path, &text, name)? {
            return Ok(parameters);
        }
        searched.push(path.display().to_string());
    }
    let searched = if searched.is_empty() { "any service file: there is none".to_owned() } else { searched.join(" or ") };
    Err(ConnectError::UnknownService { service: name.to_owned(), searched })
}

fn endpoints(parameters: &Parameters) -> Result<(Vec<Endpoint>, bool), ConnectError> {
    let list = |name| parameters.get(name).map(|text| text.split(',').map(str::trim).collect::<Vec<_>>()).unwrap_or_default();
    let (hosts, addresses, ports) = (list("host"), list("hostaddr"), list("port"));
    let count = hosts.len().max(addresses.len());
    if !hosts.is_empty() && !addresses.is_empty() && hosts.len() != addresses.len() {
        return Err(ConnectError::DifferentLengths { hosts: hosts.len(), others: addresses.len(), what: "addresses" });
    }
    if ports.len() > 1 && ports.len() != count {
        return Err(ConnectError::DifferentLengths { hosts: count.max(1), others: ports.len(), what: "ports" });
    }
    let port = |index: usize| match ports.get(index).or_else(|| ports.first().filter(|_| ports.len() == 1)) {
        None | Some(&"") => Ok(DEFAULT_PORT),
        Some(text) => text.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(|| ConnectError::InvalidValue {
            name: "port".to_owned(),
            value: (*text).to_owned(),
            expected: "a port is a number from 1 to 65535".to_owned(),
        }),
    };
    if count == 0 {
        let port = port(0)?;
        return Ok((local_default(port), true));
    }
    let mut endpoints = Vec::with_capacity(count);
    for index in 0..count {
        let address = match addresses.get(index) {
            None | Some(&"") => None,
            Some(text) => Some(text.parse::<IpAddr>().map_err(|_| ConnectError::InvalidValue {
                name: "hostaddr".to_owned(),
                value: (*text).to_owned(),
                expected: "an IPv4 or IPv6 address".to_owned(),
            })?),
        };
        let host = match (hosts.get(index), address) {
            (None | Some(&""), None) => {
                endpoints.extend(local_default(port(index)?));
                continue;
            }
            (None | Some(&""), Some(address)) => Host::Tcp(address.to_string()),
            (Some(path), None) if path.starts_with('/') => Host::Unix(PathBuf::from(path)),
            (Some(name), _) => Host::Tcp((*name).to_owned()),
        };
        endpoints.push(Endpoint { host, address, port: port(index)?, password: None });
    }
    Ok((endpoints, false))
}

/// Where a local server usually listens. Tried in turn like a list of hosts, so that nothing is probed before connecting.
fn local_default(port: u16) -> Vec<Endpoint> {
    let sockets = SOCKET_FOLDERS.iter().filter(|_| cfg!(unix)).map(|folder| Host::Unix(PathBuf::from(folder)));
    sockets
        .chain([Host::Tcp("localhost".to_owned())])
        .map(|host| Endpoint { host, address: None, port, password: None })
        .collect()
}

fn passwords_from_file(
    parameters: &Parameters,
    home: Option<&Path>,
    endpoints: &mut [Endpoint],
    database: &str,
    user: &str,
    warnings: &mut Vec<String>,
) {
    let Some(path) = parameters.get("passfile").map(PathBuf::from).or_else(|| home.map(|home| home.join(".pgpass"))) else {
        return;
    };
    let text = match readable_password_file(&path) {
        Ok(text) => text,
        Err(reason) => {
            warnings.extend(reason);
            return;
        }
    };
    for endpoint in endpoints {
        let host = match &endpoint.host {
            Host::Unix(folder) if SOCKET_FOLDERS.iter().any(|default| Path::new(default) == folder) => "localhost".to_owned(),
            Host::Unix(folder) => folder.to_string_lossy().into_owned(),
            Host::Tcp(name) => name.clone(),
        };
        endpoint.password = passfile::find(&text, &host, endpoint.port, database, user).map(|password| Password::new(&password));
        // A socket in a folder of one's own: libpq looks for the folder; people write localhost.
        if endpoint.password.is_none() && matches!(endpoint.host, Host::Unix(_)) {
            endpoint.password =
                passfile::find(&text, "localhost", endpoint.port, database, user).map(|password| Password::new(&password));
        }
    }
}

/// The file's text, or why it is not used; no reason when it just is not there.
fn readable_password_file(path: &Path) -> Result<String, Option<String>> {
    let metadata = std::fs::metadata(path).map_err(|error| {
        (error.kind() != io::ErrorKind::NotFound).then(|| format!("password file {} cannot be read: {error}", path.display()))
    })?;
    if !metadata.is_file() {
        return Err(Some(format!("password file {} is not a plain file and was not used", path.display())));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(Some(format!(
                "password file {} was not used, because others may read it: chmod 0600 {}",
                path.display(),
                path.display()
            )));
        }
    }
    std::fs::read_to_string(path).map_err(|error| Some(format!("password file {} cannot be read: {error}", path.display())))
}

fn connect_timeout(parameters: &Parameters) -> Result<Option<Duration>, ConnectError> {
    Ok(match whole_number(parameters, "connect_timeout")? {
        Some(0) => None,
        Some(seconds) => Some(Duration::from_secs(u64::from(seconds))),
        // libpq waits for ever; a tool that answers nobody helps nobody.
        None => Some(Duration::from_secs(30)),
    })
}

fn session_target(parameters: &Parameters) -> Result<SessionTarget, ConnectError> {
    Ok(match parameters.get("target_session_attrs") {
        None | Some("any") => SessionTarget::Any,
        Some("read-write") => SessionTarget::ReadWrite,
        Some("read-only") => SessionTarget::ReadOnly,
        Some("primary") => SessionTarget::Primary,
        Some("standby") => SessionTarget::Standby,
        Some("prefer-standby") => SessionTarget::PreferStandby,
        Some(other) => {
            return Err(invalid("target_session_attrs", other, "any, read-write, read-only, primary, standby or prefer-standby"));
        }
    })
}

fn channel_binding(parameters: &Parameters) -> Result<ChannelBinding, ConnectError> {
    match parameters.get("channel_binding") {
        None | Some("prefer") => Ok(ChannelBinding::Prefer),
        Some("disable") => Ok(ChannelBinding::Disable),
        Some("require") => Ok(ChannelBinding::Require),
        Some(other) => Err(invalid("channel_binding", other, "disable, prefer or require")),
    }
}

fn keepalive(parameters: &Parameters) -> Result<Keepalive, ConnectError> {
    let seconds = |name| -> Result<Option<Duration>, ConnectError> {
        Ok(whole_number(parameters, name)?.filter(|seconds| *seconds > 0).map(|seconds| Duration::from_secs(u64::from(seconds))))
    };
    Ok(Keepalive {
        is_off: whole_number(parameters, "keepalives")? == Some(0),
        idle: seconds("keepalives_idle")?,
        interval: seconds("keepalives_interval")?,
        count: whole_number(parameters, "keepalives_count")?.filter(|count| *count > 0),
    })
}

fn whole_number(parameters: &Parameters, name: &str) -> Result<Option<u32>, ConnectError> {
    match parameters.get(name) {
        None => Ok(None),
        Some(text) => text.trim().parse().map(Some).map_err(|_| invalid(name, text, "a whole number, not negative")),
    }
}

fn invalid(name: &str, value: &str, expected: &str) -> ConnectError {
    ConnectError::InvalidValue { name: name.to_owned(), value: value.to_owned(), expected: format!("expected {expected}") }
}
