//! Connecting to a real server: every way that works, and every refusal that people meet.

mod support;

use std::collections::BTreeMap;

use pgtailor_lab::{Lab, LabOptions};
use pgtailor_model::diagnosis::Status;
use pgtailor_postgres::connect::{ConnectionInput, Database, Refusal};
use pgtailor_postgres::doctor::examine;
use pgtailor_postgres::error::Error;
use pgtailor_postgres::session::{ReadOnlySession, is_pooled};
use support::{Trick, pooler};
use tokio_postgres::{Client, NoTls};

fn lab() -> Lab {
    Lab::start(&LabOptions::new()).expect("a local PostgreSQL server can be started")
}

fn database(text: &str) -> Database {
    let input =
        ConnectionInput { database: Some(text.to_owned()), environment: BTreeMap::new(), home: None, local_user: "x".to_owned() };
    Database::resolve(&input).expect("a valid connection string")
}

async fn admin(lab: &Lab) -> Client {
    let (client, connection) = tokio_postgres::connect(&lab.url("postgres"), NoTls).await.expect("connected");
    tokio::spawn(connection);
    client
}

/// What connecting to `text` is refused with; it never shows the lab's password, and it says what to do.
async fn refused(lab: &Lab, text: &str) -> Refusal {
    let error = ReadOnlySession::connect(&database(text)).await.err().unwrap_or_else(|| panic!("{text} was accepted"));
    assert!(lab.password().is_empty() || !format!("{error} {error:?}").contains(lab.password()), "{error:?}");
    assert!(error.hint().is_some(), "no hint for {error:?}");
    match error {
        Error::Connect { refusal, .. } => *refusal,
        other => panic!("not a refused connection: {other:?}"),
    }
}

#[tokio::test]
async fn what_people_get_wrong_is_told_apart() {
    let lab = lab();
    let (user, password, host, port) = (lab.user(), lab.password(), lab.host(), lab.port());

    let refusal = refused(&lab, &format!("postgresql://{user}@no-such-host.invalid:{port}/postgres")).await;
    assert!(matches!(&refusal, Refusal::HostUnknown { host } if host == "no-such-host.invalid"), "{refusal:?}");

    // A port that was just free, and that nobody listens on.
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let refusal = refused(&lab, &format!("postgresql://{user}@127.0.0.1:{free}/postgres")).await;
    assert!(matches!(refusal, Refusal::NothingListens { .. }), "{refusal:?}");

    let refusal = refused(&lab, &format!("postgresql://{user}:wrong@{host}:{port}/postgres")).await;
    assert!(matches!(refusal, Refusal::PasswordWrong { .. }), "{refusal:?}");
    assert_eq!(refusal.sqlstate(), Some("28P01"));

    let refusal = refused(&lab, &format!("postgresql://{user}@{host}:{port}/postgres")).await;
    assert!(matches!(refusal, Refusal::PasswordMissing { .. }), "{refusal:?}");

    let refusal = refused(&lab, &lab.url("no_such_database")).await;
    assert!(matches!(&refusal, Refusal::DatabaseUnknown { database, .. } if database == "no_such_database"), "{refusal:?}");

    let refusal = refused(&lab, &format!("{}?sslmode=require", lab.url("postgres"))).await;
    assert!(matches!(refusal, Refusal::TlsNotOffered { .. }), "{refusal:?}");

    let refusal = refused(&lab, &format!("host=/no/such/folder port={port} user={user} password={password}")).await;
    assert!(matches!(refusal, Refusal::NoSocket { .. }), "{refusal:?}");

    // No host given, and no server at any of the usual places.
    let refusal = refused(&lab, &format!("port={free} user={user}")).await;
    assert!(matches!(refusal, Refusal::NoLocalServer { .. }), "{refusal:?}");
}

#[tokio::test]
async fn roles_that_may_not_in_are_told_why() {
    let lab = lab();
    let client = admin(&lab).await;
    client
        .batch_execute(
            "CREATE ROLE full_up LOGIN PASSWORD 'p' CONNECTION LIMIT 0; CREATE ROLE kept_out LOGIN PASSWORD 'p';
             CREATE ROLE outsider LOGIN PASSWORD 'p'",
        )
        .await
        .expect("set up");
    client.batch_execute("CREATE DATABASE closed").await.expect("created");
    client.batch_execute("REVOKE CONNECT ON DATABASE closed FROM PUBLIC").await.expect("closed");
    let as_role = |role: &str, database: &str| format!("postgresql://{role}:p@{}:{}/{database}", lab.host(), lab.port());

    let refusal = refused(&lab, &as_role("full_up", "postgres")).await;
    assert!(matches!(refusal, Refusal::TooManyConnections { .. }), "{refusal:?}");
    assert!(refusal.is_temporary());

    let refusal = refused(&lab, &as_role("outsider", "closed")).await;
    assert!(matches!(refusal, Refusal::NoConnectPrivilege { .. }), "{refusal:?}");
    client.batch_execute(&refusal.hint().expect("a GRANT")).await.expect("the hint is a statement");
    ReadOnlySession::connect(&database(&as_role("outsider", "closed"))).await.expect("let in");

    // The server's own file, with two lines before its first.
    let file: String = client.query_one("SHOW hba_file", &[]).await.expect("shown").get(0);
    let rules = std::fs::read_to_string(&file).expect("read");
    let rules = format!("host all kept_out all reject\nhost all missing_role all trust\n{rules}");
    std::fs::write(&file, rules).expect("written");
    client.batch_execute("SELECT pg_reload_conf()").await.expect("reloaded");
    // The reload is noticed soon, but not at once.
    let refusal = loop {
        if let Err(Error::Connect { refusal, .. }) = ReadOnlySession::connect(&database(&as_role("kept_out", "postgres"))).await {
            break refusal;
        }
    };
    assert!(matches!(*refusal, Refusal::NotAdmitted { how: "with or without TLS", .. }), "{refusal:?}");
    let refusal = refused(&lab, &format!("{}?sslmode=disable", as_role("kept_out", "postgres"))).await;
    assert!(matches!(refusal, Refusal::NotAdmitted { how: "without TLS", .. }), "{refusal:?}");
    let refusal = refused(&lab, &as_role("missing_role", "postgres")).await;
    assert!(matches!(refusal, Refusal::RoleUnusable { .. }), "{refusal:?}");
    assert_eq!(refusal.sqlstate(), Some("28000"));
}

#[tokio::test]
async fn a_server_that_starts_or_says_nothing_is_waited_for_no_longer_than_asked() {
    let lab = lab();
    let server = || (lab.host(), lab.port());
    let port = pooler(server(), Trick::StartingUp).await;
    let refusal = refused(&lab, &format!("host=127.0.0.1 port={port} user=x")).await;
    assert!(matches!(refusal, Refusal::NotReady { .. }), "{refusal:?}");
    assert!(refusal.is_temporary());

    let port = pooler(server(), Trick::Silent).await;
    let refusal = refused(&lab, &format!("host=127.0.0.1 port={port} user=x connect_timeout=1")).await;
    assert!(matches!(refusal, Refusal::TimedOut { seconds: 1, .. }), "{refusal:?}");
}

#[tokio::test]
async fn the_next_host_of_a_list_is_tried() {
    let lab = lab();
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let (user, password, port) = (lab.user(), lab.password(), lab.port());
    let list = format!(
        "host=no-such-host.invalid,127.0.0.1,127.0.0.1 port={free},{free},{port} user={user} password={password} dbname=postgres"
    );
    ReadOnlySession::connect(&database(&list)).await.expect("the third host answers");
    ReadOnlySession::connect(&database(&format!("{list} target_session_attrs=primary"))).await.expect("a primary");
    let refusal = refused(&lab, &format!("{list} target_session_attrs=standby")).await;
    assert!(matches!(refusal, Refusal::WrongKindOfServer { .. }), "{refusal:?}");
    ReadOnlySession::connect(&database(&format!("{list} target_session_attrs=prefer-standby"))).await.expect("better than none");
}

#[tokio::test]
async fn poolers_are_recognised_and_direct_connections_are_not_suspected() {
    let lab = lab();
    let (user, password) = (lab.user(), lab.password());
    let through = |port: u16| format!("host=127.0.0.1 port={port} user={user} password={password} dbname=postgres");
    assert!(!is_pooled(&database(&lab.url("postgres"))).await.expect("an answer"));
    let plain = pooler((lab.host(), lab.port()), Trick::None).await;
    assert!(!is_pooled(&database(&through(plain))).await.expect("an answer"));
    let bouncer = pooler((lab.host(), lab.port()), Trick::AnnouncesItself).await;
    assert!(is_pooled(&database(&through(bouncer))).await.expect("an answer"));
    // A pooler in session mode does analysis no harm.
    ReadOnlySession::connect(&database(&through(bouncer))).await.expect("a session of our own");
    for trick in [Trick::SharesOneSession, Trick::SharesOneSessionUnseen] {
        let sharing = pooler((lab.host(), lab.port()), trick).await;
        assert!(is_pooled(&database(&through(sharing))).await.expect("an answer"), "{trick:?}");
    }
}

#[tokio::test]
async fn nothing_is_set_in_a_session_that_others_get() {
    let lab = lab();
    let (user, password) = (lab.user(), lab.password());
    let sharing = pooler((lab.host(), lab.port()), Trick::SharesOneSession).await;
    let text = format!("host=127.0.0.1 port={sharing} user={user} password={password} dbname=postgres");
    let error = ReadOnlySession::connect(&database(&text)).await.err().expect("refused");
    assert!(matches!(error, Error::Pooled { .. }), "{error:?}");
    let diagnosis = examine(&database(&text)).await.expect("examined all the same");
    assert_eq!(diagnosis.check("direct-connection").expect("there").status, Status::Missing);
    assert_eq!(diagnosis.check("primary").expect("there").status, Status::Ok);

    let (client, connection) = tokio_postgres::connect(&text, NoTls).await.expect("the next client");
    tokio::spawn(connection);
    for (setting, expected) in
        [("default_transaction_read_only", "off"), ("search_path", "\"$user\", public"), ("statement_timeout", "0")]
    {
        let value: String = client.query_one(&format!("SHOW {setting}"), &[]).await.expect("shown").get(0);
        assert_eq!(value, expected, "{setting}");
    }
}

#[tokio::test]
async fn startup_options_are_given_up_when_a_pooler_refuses_them() {
    let lab = lab();
    let (user, password) = (lab.user(), lab.password());
    let bouncer = pooler((lab.host(), lab.port()), Trick::RefusesOptions).await;
    let text = format!("host=127.0.0.1 port={bouncer} user={user} password={password} dbname=postgres options='-c work_mem=1MB'");
    ReadOnlySession::connect(&database(&text)).await.expect("without the options");
}

#[tokio::test]
async fn a_session_is_read_only_whatever_role_and_database_prefer() {
    let lab = lab();
    let client = admin(&lab).await;
    let user = lab.user();
    client
        .batch_execute(&format!(
            "ALTER ROLE {user} SET statement_timeout = '300ms'; ALTER ROLE {user} SET \"DateStyle\" = 'German';
             ALTER DATABASE postgres SET search_path = 'nowhere'; ALTER ROLE {user} SET quote_all_identifiers = on"
        ))
        .await
        .expect("set up");
    // Fails with `SettingNotHeld` unless every pinned setting reads back as pinned.
    let session = ReadOnlySession::connect(&database(&lab.url("postgres"))).await.expect("pinned");
    let seen = client
        .query_one("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgtailor'", &[])
        .await
        .expect("seen by its name")
        .get::<_, i64>(0);
    assert_eq!(seen, 1);
    assert!(session.version() >= 130_000);
}
