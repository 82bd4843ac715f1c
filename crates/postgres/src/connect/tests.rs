//! Resolving, without a server: what wins over what.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;

fn resolved(text: Option<&str>, environment: &[(&str, &str)], home: Option<&Path>) -> Result<Database, ConnectError> {
    let environment: BTreeMap<_, _> = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let database = text.map(str::to_owned);
    Database::resolve(&ConnectionInput { database, environment, home: home.map(Path::to_owned), local_user: "ada".to_owned() })
}

/// Where `text` and the variables lead, and with which password.
fn check(text: Option<&str>, environment: &[(&str, &str)], home: Option<&Path>, expected: &str, password: Option<&str>) {
    let database = resolved(text, environment, home).expect("valid");
    assert_eq!(database.to_string(), expected);
    assert_eq!(database.endpoints[0].password.as_ref().map(endpoint::Password::expose), password, "password of {expected}");
    assert!(password.is_none_or(|password| !format!("{database:?} {database}").contains(password)));
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("created");
    fs::write(path, text).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permitted");
}

#[test]
fn nothing_said_means_a_local_server_and_ones_own_name() {
    check(None, &[], None, "localhost:5432/ada as ada", None);
    check(None, &[("PGUSER", "bob")], None, "localhost:5432/bob as bob", None);
    let database = resolved(None, &[], None).expect("valid");
    assert!(matches!(database.endpoints[0].host, endpoint::Host::Unix(_)));
    assert!(matches!(&database.endpoints[2].host, endpoint::Host::Tcp(name) if name == "localhost"));
}

#[test]
fn the_explicit_string_wins_over_the_environment() {
    let environment = [("PGHOST", "h2"), ("PGPORT", "6000"), ("PGDATABASE", "d2"), ("PGUSER", "u2"), ("PGPASSWORD", "s2")];
    check(None, &environment, None, "h2:6000/d2 as u2", Some("s2"));
    check(Some("shop"), &environment, None, "h2:6000/shop as u2", Some("s2"));
    check(Some("postgres://u1:s1@h1/d1"), &environment, None, "h1:6000/d1 as u1", Some("s1"));
    check(Some("host=h1 dbname=d1"), &environment, None, "h1:6000/d1 as u2", Some("s2"));
}

#[test]
fn database_url_counts_only_when_nothing_was_said() {
    let environment = [("DATABASE_URL", "postgresql+psycopg2://u@h:1/d"), ("PGHOST", "other")];
    check(None, &environment, None, "h:1/d as u", None);
    check(Some("shop"), &environment, None, "other:5432/shop as ada", None);
}

#[test]
fn a_service_stands_between_the_string_and_the_environment() {
    let home = tempfile::tempdir().expect("a folder");
    write(&home.path().join(".pg_service.conf"), "[shop]\nhost=hs\nport=7000\ndbname=ds\n", 0o644);
    check(Some("service=shop port=1"), &[("PGHOST", "he"), ("PGUSER", "ue")], Some(home.path()), "hs:1/ds as ue", None);
    check(None, &[("PGSERVICE", "shop")], Some(home.path()), "hs:7000/ds as ada", None);
    let error = resolved(Some("service=nope"), &[], Some(home.path())).expect_err("unknown");
    assert!(error.to_string().contains("nope") && error.hint().is_some(), "{error}");

    let system = home.path().join("etc");
    write(&system.join("pg_service.conf"), "[only-here]\nhost=sys\n", 0o644);
    let variables = [("PGSYSCONFDIR", system.to_str().expect("plain"))];
    check(Some("service=only-here"), &variables, Some(home.path()), "sys:5432/ada as ada", None);
    let missing = home.path().join("missing");
    let variables = [("PGSERVICEFILE", missing.to_str().expect("plain"))];
    assert!(matches!(resolved(Some("service=shop"), &variables, Some(home.path())), Err(ConnectError::File { .. })));
}

#[test]
fn passwords_come_from_the_password_file_when_it_is_private() {
    let home = tempfile::tempdir().expect("a folder");
    let file = home.path().join(".pgpass");
    write(&file, "h1:5432:*:ada:secret1\nlocalhost:*:*:*:local1\n*:*:*:*:any1\n", 0o600);
    check(Some("postgres://h1/d"), &[], Some(home.path()), "h1:5432/d as ada", Some("secret1"));
    check(Some("postgres://h2/d"), &[], Some(home.path()), "h2:5432/d as ada", Some("any1"));
    check(None, &[], Some(home.path()), "localhost:5432/ada as ada", Some("local1"));
    check(Some("host=/some/folder"), &[], Some(home.path()), "/some/folder:5432/ada as ada", Some("any1"));
    check(Some("postgres://h1/d"), &[("PGPASSWORD", "env")], Some(home.path()), "h1:5432/d as ada", Some("env"));

    write(&file, "*:*:*:*:any1\n", 0o644);
    check(Some("host=localhost"), &[], Some(home.path()), "localhost:5432/ada as ada", None);
    let database = resolved(Some("host=localhost"), &[], Some(home.path())).expect("valid");
    assert!(database.warnings()[0].contains("chmod 0600"), "{:?}", database.warnings());
}

#[test]
fn lists_of_hosts_addresses_and_ports_fit_together() {
    check(Some("postgres://a:1,[::1]:2/d"), &[], None, "a:1,[::1]:2/d as ada", None);
    check(Some("host=a,b port=1"), &[], None, "a:1,b:1/ada as ada", None);
    check(Some("hostaddr=10.0.0.1"), &[], None, "10.0.0.1:5432/ada as ada", None);
    assert!(matches!(
        resolved(Some("host=a,b,c port=1,2"), &[], None),
        Err(ConnectError::DifferentLengths { hosts: 3, others: 2, .. })
    ));
    assert!(matches!(resolved(Some("host=a,b hostaddr=10.0.0.1"), &[], None), Err(ConnectError::DifferentLengths { .. })));
    for bad in
        ["port=0", "port=x", "port=70000", "hostaddr=name", "connect_timeout=soon", "sslmode=on", "target_session_attrs=best"]
    {
        assert!(matches!(resolved(Some(bad), &[], None), Err(ConnectError::InvalidValue { .. })), "{bad}");
    }
}

#[test]
fn unknown_and_unsafe_parameters_are_refused_by_name() {
    let error = resolved(Some("hots=x"), &[], None).expect_err("unknown");
    assert!(error.to_string().contains("\"hots\""), "{error}");
    let error = resolved(None, &[("PGREQUIREPEER", "x")], None).expect_err("refused");
    assert!(error.to_string().contains("PGREQUIREPEER"), "{error}");
    assert!(resolved(Some("mysql://h/d"), &[], None).is_err());
    assert!(resolved(None, &[("PGAPPNAME", "x"), ("PGCLIENTENCODING", "LATIN1")], None).is_ok());
}

#[test]
fn a_distant_host_without_verified_tls_is_warned_about() {
    let warnings = |text| resolved(Some(text), &[], None).expect("valid").warnings().len();
    assert_eq!(warnings("host=db.example.com"), 1);
    assert_eq!(warnings("host=db.example.com sslmode=require"), 1);
    assert_eq!(warnings("host=db.example.com sslmode=verify-full sslrootcert=system"), 0);
    assert_eq!(warnings("host=localhost"), 0);
    assert_eq!(warnings("host=/tmp"), 0);
    assert_eq!(warnings("hostaddr=127.0.0.1"), 0);
}

#[test]
fn contradictions_of_tls_are_refused() {
    assert!(matches!(resolved(Some("sslrootcert=system sslmode=require"), &[], None), Err(ConnectError::Tls { .. })));
    assert!(matches!(resolved(Some("sslnegotiation=direct"), &[], None), Err(ConnectError::Tls { .. })));
    let database = resolved(Some("host=h sslrootcert=system"), &[], None).expect("valid");
    assert_eq!(database.tls.mode, TlsMode::VerifyFull);
    let database = resolved(Some("host=h sslmode=verify-full"), &[], None).expect("valid");
    let error = tls::client_config(&database.tls).expect_err("no roots");
    assert!(error.hint().expect("a hint").contains("sslrootcert=system"));
}
