//! From libpq's TLS parameters to a configuration of rustls that behaves as libpq does.
//!
//! libpq verifies the server's certificate whenever a root certificate is known, and its name only in `verify-full`; without a root
//! certificate, `require` and below encrypt without verifying. rustls knows neither, hence the two verifiers at the end.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::error::ConnectError;
use super::parameter::Parameters;

/// How much TLS is wanted (`sslmode`), weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsMode {
    /// Never.
    Disable,
    /// Only when the server insists.
    Allow,
    /// When the server can.
    Prefer,
    /// Always; the server's certificate is verified only when a root certificate is known.
    Require,
    /// Always, with a certificate signed by a known root.
    VerifyCa,
    /// Always, with a certificate signed by a known root and issued for this host.
    VerifyFull,
}

/// Everything about TLS that was asked for.
#[derive(Clone, Debug)]
pub(crate) struct TlsSettings {
    pub(crate) mode: TlsMode,
    roots: Roots,
    /// Certificate and key of the client.
    client: Option<(PathBuf, PathBuf)>,
    /// TLS from the first byte (`sslnegotiation=direct`).
    pub(crate) is_direct: bool,
    /// Refuse TLS 1.2.
    newest_only: bool,
}

/// Where trusted root certificates come from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Roots {
    None,
    File(PathBuf),
    System,
}

impl TlsMode {
    /// As `sslmode` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Disable, Self::Allow, Self::Prefer, Self::Require, Self::VerifyCa, Self::VerifyFull]
            .into_iter()
            .find(|mode| mode.name() == name)
    }
}

impl TlsSettings {
    /// No TLS at all.
    pub(crate) fn none() -> Self {
        Self { mode: TlsMode::Disable, roots: Roots::None, client: None, is_direct: false, newest_only: false }
    }

    /// What `parameters` ask for; certificates of `~/.postgresql/` are used when they exist, as in libpq.
    pub(super) fn from_parameters(parameters: &Parameters, home: Option<&Path>) -> Result<Self, ConnectError> {
        let is_system = parameters.get("sslrootcert") == Some("system");
        let mode = match parameters.get("sslmode") {
            Some(name) => TlsMode::from_name(name).ok_or_else(|| ConnectError::InvalidValue {
                name: "sslmode".to_owned(),
                value: name.to_owned(),
                expected: "expected disable, allow, prefer, require, verify-ca or verify-full".to_owned(),
            })?,
            None if is_system => TlsMode::VerifyFull,
            None if parameters.get("requiressl") == Some("1") => TlsMode::Require,
            None => TlsMode::Prefer,
        };
        if is_system && mode != TlsMode::VerifyFull {
            return Err(problem(
                format!("sslmode={} is too weak for sslrootcert=system, which trusts every public authority", mode.name()),
                "use sslmode=verify-full",
            ));
        }
        let in_home = |name: &str| home.map(|home| home.join(".postgresql").join(name));
        let existing = |name: &str| in_home(name).filter(|path| path.exists());
        let roots = match parameters.get("sslrootcert") {
            Some("system") => Roots::System,
            Some(path) => Roots::File(PathBuf::from(path)),
            None => existing("root.crt").map_or(Roots::None, Roots::File),
        };
        let certificate = parameters.get("sslcert").map(PathBuf::from).or_else(|| existing("postgresql.crt"));
        let key = parameters.get("sslkey").map(PathBuf::from).or_else(|| in_home("postgresql.key"));
        let client = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (Some(_), None) => {
                return Err(problem("sslcert is given without sslkey".to_owned(), "name the key with sslkey=FILE"));
            }
            (None, _) => None,
        };
        let is_direct = match parameters.get("sslnegotiation") {
            None | Some("postgres") => false,
            Some("direct") if mode >= TlsMode::Require => true,
            Some("direct") => {
                return Err(problem(
                    format!("sslnegotiation=direct cannot fall back to plain text, but sslmode={} may", mode.name()),
                    "use sslmode=require or stronger",
                ));
            }
            Some(other) => {
                return Err(ConnectError::InvalidValue {
                    name: "sslnegotiation".to_owned(),
                    value: other.to_owned(),
                    expected: "expected postgres or direct".to_owned(),
                });
            }
        };
        // rustls speaks TLS 1.2 and 1.3 only, so every older minimum is kept anyway.
        let newest_only = parameters.get("ssl_min_protocol_version") == Some("TLSv1.3");
        Ok(Self { mode, roots, client, is_direct, newest_only })
    }

    /// What a careful person should know about a connection to the distant `host`; `None` when it is verified.
    pub(super) fn weakness(&self, host: &str) -> Option<String> {
        let mode = self.mode.name();
        match self.mode {
            TlsMode::VerifyFull => None,
            TlsMode::Disable | TlsMode::Allow | TlsMode::Prefer => Some(format!(
                "sslmode={mode} allows an unencrypted connection to {host}; sslmode=verify-full would protect password and data"
            )),
            TlsMode::Require if self.roots == Roots::None => Some(format!(
                "sslmode=require encrypts, but does not verify that {host} is the right server; sslmode=verify-full would"
            )),
            TlsMode::Require | TlsMode::VerifyCa => Some(format!(
                "sslmode={mode} does not verify that the certificate was issued for {host}; sslmode=verify-full would"
            )),
        }
    }
}

/// The configuration of rustls for `settings`. Reads the certificate files.
pub(crate) fn client_config(settings: &TlsSettings) -> Result<ClientConfig, ConnectError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions: &[&rustls::SupportedProtocolVersion] =
        if settings.newest_only { &[&rustls::version::TLS13] } else { rustls::ALL_VERSIONS };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|error| problem(error.to_string(), "ask for another TLS version"))?;
    let roots = match &settings.roots {
        Roots::None if settings.mode >= TlsMode::VerifyCa => {
            return Err(problem(
                format!("sslmode={} needs root certificates, and none are known", settings.mode.name()),
                "name a file of trusted certificates with sslrootcert=FILE (or put it at ~/.postgresql/root.crt), or use \
                 sslrootcert=system when a public authority signed the server's certificate",
            ));
        }
        Roots::None => None,
        Roots::File(path) => Some(roots_of_file(path)?),
        Roots::System => Some(roots_of_system()?),
    };
    let builder = match roots {
        None => builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified(provider))),
        Some(roots) if settings.mode == TlsMode::VerifyFull => {
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|error| problem(error.to_string(), "check the file of sslrootcert"))?;
            builder.with_webpki_verifier(verifier)
        }
        Some(roots) => builder.dangerous().with_custom_certificate_verifier(Arc::new(ChainOnly { provider, roots })),
    };
    let mut config = match &settings.client {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = certificates(certificate, "client certificate file")?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| {
                problem(
                    format!("no private key can be read from {}: {error}", key.display()),
                    "give a file with an unencrypted PEM key; an encrypted one is written out by: openssl pkey -in KEY -out NEW",
                )
            })?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| problem(format!("client certificate and key do not fit: {error}"), "check sslcert and sslkey"))?
        }
    };
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(config)
}

fn roots_of_file(path: &Path) -> Result<RootCertStore, ConnectError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, "root certificate file")? {
        roots.add(certificate).map_err(|error| {
            problem(
                format!("a certificate in {} cannot be used as a root: {error}", path.display()),
                "check the file of sslrootcert",
            )
        })?;
    }
    Ok(roots)
}

fn roots_of_system() -> Result<RootCertStore, ConnectError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(found.certs);
    if usable == 0 {
        return Err(problem(
            "this machine has no root certificates".to_owned(),
            "install them (Debian and Ubuntu: apt-get install ca-certificates)",
        ));
    }
    Ok(roots)
}

/// Every certificate of a PEM file, at least one.
fn certificates(path: &Path, what: &'static str) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    let bytes = std::fs::read(path).map_err(|source| ConnectError::File { what, path: path.to_owned(), source })?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(problem(format!("{what} {} holds no certificate in PEM format", path.display()), "check the file")),
        Err(error) => Err(problem(format!("{what} {} is not valid PEM: {error}", path.display()), "check the file")),
    }
}

fn problem(problem: String, advice: &str) -> ConnectError {
    ConnectError::Tls { problem, advice: Some(advice.to_owned()) }
}

/// Encryption without knowing to whom: `require` and weaker without a root certificate, as in libpq.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

/// The chain must end at a known root; the certificate's name does not matter.
#[derive(Debug)]
struct ChainOnly {
    provider: Arc<CryptoProvider>,
    roots: RootCertStore,
}

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

impl ServerCertVerifier for ChainOnly {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&certificate, &self.roots, intermediates, now, algorithms)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
