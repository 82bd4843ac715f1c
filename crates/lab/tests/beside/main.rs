//! What a lab can have beside it: a standby and a pooler.
//!
//! Apart from the other live tests, because those also run on servers that are packed without `pg_basebackup`.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use pgtailor_lab::{Durability, Lab, LabError, LabOptions, Listen, Pooler, Shutdown};

fn start(options: &LabOptions) -> Lab {
    Lab::start(options).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_standby_follows_its_primary_and_takes_writes_when_promoted() {
    let primary = start(&LabOptions { durability: Durability::On, ..LabOptions::new() });
    let mut standby = primary.standby(&LabOptions::new()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ask(&standby, "SELECT pg_is_in_recovery()"), "t");
    ask(&primary, "CREATE TABLE followed AS SELECT 7 AS seven");
    wait_until("the standby has the table", || ask(&standby, "SELECT to_regclass('followed') IS NOT NULL") == "t");
    assert!(!psql(&standby.url("postgres"), "CREATE TABLE mine ()").status.success(), "it refuses writes");
    standby.promote().unwrap_or_else(|error| panic!("{error}"));
    ask(&standby, "CREATE TABLE mine AS TABLE followed");
    assert_eq!(ask(&standby, "SELECT seven FROM mine"), "7");
    assert_eq!(ask(&primary, "SELECT to_regclass('mine') IS NULL"), "t", "they have parted");
    assert!(matches!(standby.promote(), Err(LabError::Program { .. })), "it is a primary already");
    let (folder, server) = (standby.folder().to_owned(), standby.postmaster_pid().expect("it runs"));
    drop(standby);
    assert!(!folder.exists() && !runs(server));
}

#[test]
fn a_standby_outlives_its_primary_and_restarts() {
    let options = LabOptions { listen: Listen::Socket, ..LabOptions::new() };
    let primary = start(&options);
    ask(&primary, "CREATE TABLE kept AS SELECT 1 AS one");
    let mut standby = primary.standby(&options).unwrap_or_else(|error| panic!("{error}"));
    wait_until("the standby has the table", || ask(&standby, "SELECT to_regclass('kept') IS NOT NULL") == "t");
    drop(primary);
    standby.restart(Shutdown::Fast).expect("it restarts");
    assert_eq!(ask(&standby, "SELECT pg_is_in_recovery()"), "t");
    standby.promote().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ask(&standby, "SELECT one FROM kept"), "1");
}

/// What a pooler is there for: what one client leaves in the session reaches the next.
#[test]
fn a_pooler_gives_one_session_to_many_clients() {
    let lab = start(&LabOptions::new());
    let pooler = Pooler::start(&lab, &[("default_pool_size", "1")]).unwrap_or_else(|error| panic!("{error}"));
    ask_at(&pooler.url("postgres"), "SET application_name = 'left behind'");
    assert_eq!(ask_at(&pooler.url("postgres"), "SELECT pg_try_advisory_lock(77)"), "t");
    assert_eq!(ask_at(&pooler.url("postgres"), "SELECT pg_try_advisory_lock(77)"), "t", "the same session has it already");
    assert_eq!(ask(&lab, "SELECT pg_try_advisory_lock(77)"), "f", "another one has not");
    assert!(!psql(&pooler.url("postgres").replace(lab.password(), "wrong"), "SELECT 1").status.success());
    assert_ne!(owner(pooler.pid()), 0, "not as root");
    let (folder, process) = (pooler.folder().to_owned(), pooler.pid());
    drop(pooler);
    assert!(!folder.exists() && !runs(process));
}

#[test]
fn a_pooler_takes_settings_and_says_what_is_wrong_with_them() {
    let lab = start(&LabOptions { listen: Listen::Socket, ..LabOptions::new() });
    let pooler = Pooler::start(&lab, &[("pool_mode", "session")]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ask_at(&pooler.url("postgres"), "SELECT 1"), "1");
    let wrong = Pooler::start(&lab, &[("pool_mode", "sometimes")]).expect_err("no such mode");
    assert!(matches!(&wrong, LabError::Ended { log, .. } if log.contains("pool_mode")), "{wrong}");
    assert!(matches!(Pooler::start(&lab, &[("a", "b\nc = d")]), Err(LabError::BadSetting { .. })));
}

fn owner(pid: u32) -> u32 {
    std::fs::metadata(Path::new("/proc").join(pid.to_string())).map_or(u32::MAX, |about| about.uid())
}

fn ask(lab: &Lab, sql: &str) -> String {
    ask_at(&lab.url("postgres"), sql)
}

fn ask_at(url: &str, sql: &str) -> String {
    let output = psql(url, sql);
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn psql(url: &str, sql: &str) -> Output {
    Command::new("psql").args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql, url]).output().expect("psql is installed")
}

/// Whether a process is there and not a zombie.
fn runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(2);
    while !done() {
        assert!(Instant::now() < deadline, "not within 2 min: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
