//! Opening a connection: which endpoints, with TLS or without, in which order, and when to go on to the next.

use std::time::Duration;

use pgtailor_model::name::printable;
use tokio_postgres::config::{ChannelBinding, SslMode, SslNegotiation, TargetSessionAttrs};
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::endpoint::{Endpoint, Host};
use super::refusal::{Refusal, refusal};
use super::tls::{TlsMode, TlsSettings, client_config};
use super::{Database, SessionTarget};
use crate::error::Error;
use crate::session::first_value;

/// A fresh session and how it was reached.
pub(crate) struct Established {
    pub(crate) client: Client,
    /// Where, for people.
    pub(crate) place: String,
    /// Whether it is a unix socket.
    pub(crate) is_socket: bool,
    /// The server refused `PGOPTIONS` (a pooler); the session is without them.
    pub(crate) options_refused: bool,
}

/// Tries the endpoints in order, as libpq does.
pub(crate) async fn establish(database: &Database, application_name: &str) -> Result<Established, Error> {
    let is_distant = database.endpoints.iter().any(|endpoint| matches!(endpoint.host, Host::Tcp(_)));
    // Certificate files that no connection needs are not read, as in libpq.
    let tls = if is_distant && database.tls.mode != TlsMode::Disable {
        client_config(&database.tls)?
    } else {
        client_config(&TlsSettings::none())?
    };
    let tls = MakeRustlsConnect::new(tls);
    let mut last = None;
    // A second round for `prefer-standby`, which takes any server when no standby answers.
    let rounds: &[SessionTarget] = match database.session_target {
        SessionTarget::PreferStandby => &[SessionTarget::Standby, SessionTarget::Any],
        ref other => std::slice::from_ref(other),
    };
    for target in rounds {
        for endpoint in &database.endpoints {
            match at_endpoint(database, endpoint, application_name, *target, &tls).await {
                Ok(established) => return Ok(established),
                Err(refusal) => {
                    let go_on = refusal.allows_another_endpoint();
                    last = Some(refusal);
                    if !go_on {
                        break;
                    }
                }
            }
        }
    }
    let port = database.endpoints.first().map_or(0, |endpoint| endpoint.port);
    let refusal = match last {
        // The last of the usual places is localhost: saying only that it refused would hide that the sockets were tried.
        None | Some(Refusal::NothingListens { .. } | Refusal::NoSocket { .. }) if database.is_local_default => {
            Refusal::NoLocalServer { port }
        }
        Some(refusal) => refusal,
        None => Refusal::NoLocalServer { port },
    };
    Err(Error::Connect { database: database.to_string(), refusal: Box::new(refusal) })
}

async fn at_endpoint(
    database: &Database,
    endpoint: &Endpoint,
    application_name: &str,
    target: SessionTarget,
    tls: &MakeRustlsConnect,
) -> Result<Established, Refusal> {
    if let (Host::Tcp(name), None) = (&endpoint.host, endpoint.address) {
        // Asked first, because a failure of the look-up and of the network look alike afterwards.
        let mut found = tokio::net::lookup_host((name.as_str(), endpoint.port)).await.into_iter().flatten();
        if found.next().is_none() {
            return Err(Refusal::HostUnknown { host: printable(name) });
        }
    }
    let mut refusals = Vec::new();
    for (attempt, mode) in attempts(database, endpoint).iter().enumerate() {
        let is_tls = *mode != SslMode::Disable;
        let mut options_refused = false;
        let mut result = one_attempt(database, endpoint, application_name, *mode, true, tls).await;
        if let Err(Attempt::Client(error)) = &result
            && database.options.is_some()
            && error.as_db_error().is_some_and(|said| said.code().code() == "08P01")
        {
            // PgBouncer: "unsupported startup parameter: options". Nothing of ours needs them.
            options_refused = true;
            result = one_attempt(database, endpoint, application_name, *mode, false, tls).await;
        }
        match result {
            Ok(client) => {
                if !is_of_kind(&client, target).await {
                    return Err(Refusal::WrongKindOfServer { place: endpoint.to_string() });
                }
                let is_socket = matches!(endpoint.host, Host::Unix(_));
                return Ok(Established { client, place: endpoint.to_string(), is_socket, options_refused });
            }
            Err(Attempt::TimedOut(limit)) => {
                return Err(Refusal::TimedOut { place: endpoint.to_string(), seconds: limit.as_secs() });
            }
            Err(Attempt::Client(error)) => {
                let why = refusal(database, endpoint, is_tls, &error);
                let retry = attempt == 0 && worth_the_other_way(&why, *mode);
                refusals.push(why);
                if !retry {
                    break;
                }
            }
        }
    }
    if refusals.len() > 1 && refusals.iter().all(|refusal| matches!(refusal, Refusal::NotAdmitted { .. })) {
        let (user, database) = (printable(&database.user), printable(&database.name));
        return Err(Refusal::NotAdmitted { user, database, how: "with or without TLS" });
    }
    // When both ways failed, the first says what went wrong with the way that was preferred.
    Err(refusals.into_iter().next().unwrap_or_else(|| Refusal::Other {
        place: endpoint.to_string(),
        problem: "no way to connect was left to try".to_owned(),
    }))
}

/// What to try, in this order; sockets never use TLS.
fn attempts(database: &Database, endpoint: &Endpoint) -> &'static [SslMode] {
    if matches!(endpoint.host, Host::Unix(_)) {
        return &[SslMode::Disable];
    }
    match database.tls.mode {
        TlsMode::Disable => &[SslMode::Disable],
        TlsMode::Allow => &[SslMode::Disable, SslMode::Require],
        TlsMode::Prefer => &[SslMode::Prefer, SslMode::Disable],
        TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => &[SslMode::Require],
    }
}

/// libpq's fall-back of `prefer` and `allow`: when TLS fails or `pg_hba.conf` has no line for this way. A wrong password is not
/// sent a second time in plain text.
fn worth_the_other_way(refusal: &Refusal, mode: SslMode) -> bool {
    let tls_failed = matches!(
        refusal,
        Refusal::TlsFailed { .. }
            | Refusal::CertificateUntrusted { .. }
            | Refusal::CertificateForAnotherHost { .. }
            | Refusal::CertificateNotInTime { .. }
            | Refusal::AuthorityUsedAsServer { .. }
    );
    matches!(refusal, Refusal::NotAdmitted { .. }) || (tls_failed && mode == SslMode::Prefer)
}

enum Attempt {
    Client(tokio_postgres::Error),
    TimedOut(Duration),
}

async fn one_attempt(
    database: &Database,
    endpoint: &Endpoint,
    application_name: &str,
    mode: SslMode,
    with_options: bool,
    tls: &MakeRustlsConnect,
) -> Result<Client, Attempt> {
    let mut config = Config::new();
    match &endpoint.host {
        Host::Tcp(name) => config.host(name),
        Host::Unix(folder) => config.host_path(folder),
    };
    if let Some(address) = endpoint.address {
        config.hostaddr(address);
    }
    config
        .port(endpoint.port)
        .user(&database.user)
        .dbname(&database.name)
        .application_name(application_name)
        .ssl_mode(mode)
        .ssl_negotiation(if database.tls.is_direct { SslNegotiation::Direct } else { SslNegotiation::Postgres })
        .target_session_attrs(TargetSessionAttrs::Any)
        .channel_binding(if mode == SslMode::Disable && database.channel_binding == ChannelBinding::Prefer {
            ChannelBinding::Disable
        } else {
            database.channel_binding
        })
        .keepalives(!database.keepalive.is_off);
    if let Some(idle) = database.keepalive.idle {
        config.keepalives_idle(idle);
    }
    if let Some(interval) = database.keepalive.interval {
        config.keepalives_interval(interval);
    }
    if let Some(count) = database.keepalive.count {
        config.keepalives_retries(count);
    }
    if let Some(password) = &endpoint.password {
        config.password(password.expose());
    }
    if with_options && let Some(options) = &database.options {
        config.options(options);
    }
    let connecting = config.connect(tls.clone());
    let (client, connection) = match database.connect_timeout {
        None => connecting.await,
        Some(limit) => match tokio::time::timeout(limit, connecting).await {
            Ok(result) => result,
            Err(_) => return Err(Attempt::TimedOut(limit)),
        },
    }
    .map_err(Attempt::Client)?;
    // Whoever waits for an answer of the client gets the error; here it is only noted.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("connection ended: {error}");
        }
    });
    Ok(client)
}

async fn is_of_kind(client: &Client, target: SessionTarget) -> bool {
    let question = match target {
        SessionTarget::Any | SessionTarget::PreferStandby => return true,
        SessionTarget::ReadWrite | SessionTarget::ReadOnly => "SHOW transaction_read_only",
        SessionTarget::Primary | SessionTarget::Standby => "SELECT /* pgtailor */ pg_catalog.pg_is_in_recovery()",
    };
    let Ok(answer) = client.simple_query(question).await else { return false };
    let yes = first_value(&answer).is_some_and(|value| value == "on" || value == "t");
    yes == matches!(target, SessionTarget::ReadOnly | SessionTarget::Standby)
}
