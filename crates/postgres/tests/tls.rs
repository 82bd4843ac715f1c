//! TLS against a real server: what each sslmode accepts and refuses, as libpq would, and one sentence for each refusal.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use pgtailor_lab::{Lab, LabOptions, Shutdown};
use pgtailor_postgres::connect::{ConnectionInput, Database, Refusal};
use pgtailor_postgres::error::Error;
use pgtailor_postgres::session::{ReadOnlySession, is_pooled};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio_postgres::{Client, NoTls};

/// A lab, an authority, and a folder with the files of the clients.
struct TlsLab {
    lab: Lab,
    folder: tempfile::TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl TlsLab {
    fn start() -> Self {
        let lab = Lab::start(&LabOptions::new()).expect("a local PostgreSQL server can be started");
        let folder = tempfile::tempdir().expect("a folder");
        let authority = authority("the authority");
        fs::write(folder.path().join("root.crt"), authority.pem()).expect("written");
        fs::write(folder.path().join("stranger.crt"), self::authority("a stranger").pem()).expect("written");
        Self { lab, folder, authority }
    }

    async fn admin(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.lab.url("postgres"), NoTls).await.expect("connected");
        tokio::spawn(connection);
        client
    }

    /// A certificate for `name` signed by the authority, and its key.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("valid");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::ExplicitNoCa;
        let certificate = params.signed_by(&key, &self.authority).expect("signed");
        (certificate.pem(), key.serialize_pem())
    }

    /// Makes the server present `certificate` from now on, and believe the authority's certificates of clients.
    async fn present(&mut self, (certificate, key): (String, String)) {
        let admin = self.admin().await;
        let data: String = admin.query_one("SHOW data_directory", &[]).await.expect("shown").get(0);
        let owner = fs::metadata(&data).expect("there");
        for (name, text) in [("server.crt", certificate), ("server.key", key), ("root.crt", self.authority.pem())] {
            let path = Path::new(&data).join(name);
            fs::write(&path, text).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("permitted");
            chown(&path, Some(owner.uid()), Some(owner.gid())).expect("given to the server");
        }
        for setting in ["ssl = on", "ssl_ca_file = 'root.crt'"] {
            admin.batch_execute(&format!("ALTER SYSTEM SET {setting}")).await.expect("set");
        }
        self.lab.restart(Shutdown::Fast).expect("restarted");
    }

    fn target(&self, parameters: &str) -> Database {
        let (user, password, port) = (self.lab.user(), self.lab.password(), self.lab.port());
        let text =
            format!("host=localhost hostaddr=127.0.0.1 port={port} user={user} password={password} dbname=postgres {parameters}");
        let input =
            ConnectionInput { database: Some(text), environment: BTreeMap::new(), home: None, local_user: "x".to_owned() };
        Database::resolve(&input).expect("a valid connection string")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `sslmode=mode`, with the root certificate in the file `root`.
    fn mode(&self, mode: &str, root: &str) -> Database {
        self.target(&format!("sslmode={mode} sslrootcert={}", self.file(root).display()))
    }
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).expect("valid");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed")
}

async fn accepted(database: &Database) {
    ReadOnlySession::connect(database).await.unwrap_or_else(|error| panic!("{database}: {error:?}"));
}

async fn refused(database: &Database) -> Refusal {
    let error = ReadOnlySession::connect(database).await.err().unwrap_or_else(|| panic!("{database} was accepted"));
    assert!(error.hint().is_some(), "no hint for {error:?}");
    match error {
        Error::Connect { refusal, .. } => *refusal,
        other => panic!("not a refused connection: {other:?}"),
    }
}

#[tokio::test]
async fn each_mode_verifies_what_libpq_verifies() {
    let mut lab = TlsLab::start();
    lab.present(lab.issue("localhost")).await;
    accepted(&lab.target("sslmode=disable")).await;
    accepted(&lab.target("sslmode=require")).await;
    for mode in ["allow", "prefer", "require", "verify-ca", "verify-full"] {
        accepted(&lab.mode(mode, "root.crt")).await;
    }
    for mode in ["require", "verify-ca", "verify-full"] {
        let refusal = refused(&lab.mode(mode, "stranger.crt")).await;
        assert!(matches!(refusal, Refusal::CertificateUntrusted { .. }), "{mode}: {refusal:?}");
    }
    // As libpq: falls back to plain text rather than failing.
    accepted(&lab.mode("prefer", "stranger.crt")).await;
    assert!(!is_pooled(&lab.mode("verify-full", "root.crt")).await.expect("an answer"));

    lab.present(lab.issue("elsewhere.example.com")).await;
    accepted(&lab.mode("verify-ca", "root.crt")).await;
    let refusal = refused(&lab.mode("verify-full", "root.crt")).await;
    assert!(matches!(refusal, Refusal::CertificateForAnotherHost { .. }), "{refusal:?}");
}

#[tokio::test]
async fn an_authority_that_is_its_own_server_is_explained() {
    let mut lab = TlsLab::start();
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("valid");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).expect("signed").pem();
    fs::write(lab.file("self.crt"), &certificate).expect("written");
    lab.present((certificate, key.serialize_pem())).await;
    accepted(&lab.target("sslmode=require")).await;
    for mode in ["verify-ca", "verify-full"] {
        let refusal = refused(&lab.mode(mode, "self.crt")).await;
        assert!(matches!(refusal, Refusal::AuthorityUsedAsServer { .. }), "{mode}: {refusal:?}");
    }
}

#[tokio::test]
async fn a_server_that_insists_on_tls_or_on_a_client_certificate_gets_it() {
    let mut lab = TlsLab::start();
    lab.present(lab.issue("localhost")).await;
    let (certificate, key) = lab.issue("certified");
    fs::write(lab.file("client.crt"), certificate).expect("written");
    fs::write(lab.file("client.key"), key).expect("written");
    let admin = lab.admin().await;
    admin.batch_execute("CREATE ROLE encrypted LOGIN PASSWORD 'p'; CREATE ROLE certified LOGIN").await.expect("created");
    let file: String = admin.query_one("SHOW hba_file", &[]).await.expect("shown").get(0);
    let rules = fs::read_to_string(&file).expect("read");
    let ours = "hostnossl all encrypted all reject\nhostssl all certified all cert\n";
    fs::write(&file, format!("{ours}{rules}")).expect("written");
    lab.lab.restart(Shutdown::Fast).expect("restarted");

    // The last of two equal parameters wins, as in libpq.
    let encrypted = |mode: &str| lab.target(&format!("user=encrypted password=p sslmode={mode}"));
    let refusal = refused(&encrypted("disable")).await;
    assert!(matches!(refusal, Refusal::NotAdmitted { how: "without TLS", .. }), "{refusal:?}");
    for mode in ["allow", "prefer", "require"] {
        accepted(&encrypted(mode)).await;
    }

    let files = format!("sslcert={} sslkey={}", lab.file("client.crt").display(), lab.file("client.key").display());
    accepted(&lab.target(&format!("user=certified sslmode=require {files}"))).await;
    let refusal =
        refused(&lab.target(&format!("user=certified sslmode=require sslkey={}", lab.file("client.key").display()))).await;
    assert_eq!(refusal.sqlstate(), Some("28000"), "{refusal:?}");
}
