//! A lab on a real server: it answers, it is alone, and it leaves nothing, however its owner ends.

mod left;
mod support;

use std::error::Error as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::Instant;
use std::{fs, io};

use pgtailor_lab::{Binaries, Durability, Lab, LabError, LabOptions, Listen, Shutdown, find_servers, sweep};
use support::{Owner, ask, kill, psql, runs, wait_until};

fn start(options: &LabOptions) -> Lab {
    Lab::start(options).unwrap_or_else(|error| panic!("{error}: {:?}", error.source()))
}

#[test]
fn a_lab_answers_on_loopback_and_leaves_nothing_when_dropped() {
    let begun = Instant::now();
    let lab = start(&LabOptions::new().with_setting("shared_buffers", "16MB").with_setting("application_name", "it's"));
    let ready = begun.elapsed();
    io::Write::write_fmt(&mut io::stderr(), format_args!("measured: ready after {} ms\n", ready.as_millis()))
        .expect("standard error");
    assert_eq!(ask(&lab, "SELECT current_setting('shared_buffers')"), "16MB");
    assert_eq!(ask(&lab, "SELECT current_setting('fsync') || current_setting('full_page_writes')"), "offoff");
    assert_eq!(ask(&lab, "SHOW server_version").split(' ').next(), Some(lab.version().text.as_str()));
    assert_eq!(
        ask(&lab, "SELECT current_user || pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'postgres'"),
        "postgresUTF8"
    );
    let (folder, server) = (lab.folder().to_owned(), lab.postmaster_pid().expect("it runs"));
    assert!(fs::read_to_string(lab.log_file()).expect("a log").contains("ready to accept connections"));
    drop(lab);
    assert!(!folder.exists() && !runs(server));
}

#[test]
fn a_loopback_lab_asks_for_its_password() {
    let lab = start(&LabOptions::new());
    let wrong = lab.url("postgres").replace(lab.password(), "wrong");
    let output = psql(&wrong, "SELECT 1");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("password authentication failed"));
    assert!(!format!("{lab:?}").contains(lab.password()));
    assert!(!lab.folder().join("password").exists());
}

#[test]
fn a_socket_lab_answers_without_a_port_and_stays_durable_when_asked() {
    let options = LabOptions { listen: Listen::Socket, durability: Durability::On, ..LabOptions::new() };
    let lab = start(&options);
    assert_eq!(ask(&lab, "SELECT current_setting('fsync') || current_setting('listen_addresses')"), "on");
    let folder = lab.folder().to_owned();
    lab.stop().expect("it stops");
    assert!(!folder.exists());
}

#[test]
fn two_labs_at_once_do_not_meet() {
    let second = std::thread::spawn(|| start(&LabOptions::new()));
    let first = start(&LabOptions::new());
    let second = second.join().expect("it starts, too");
    assert_ne!((first.port(), first.folder()), (second.port(), second.folder()));
    ask(&first, "CREATE TABLE only_here ()");
    assert_eq!(ask(&second, "SELECT to_regclass('only_here') IS NULL"), "t");
    // Starting and sweeping beside them has not touched them.
    sweep().expect("a sweep");
    assert_eq!(ask(&first, "SELECT count(*) FROM only_here"), "0");
    assert_eq!(ask(&second, "SELECT 1"), "1");
}

#[test]
fn a_restart_keeps_the_data_and_the_address() {
    let mut lab = start(&LabOptions::new());
    ask(&lab, "CREATE TABLE kept AS SELECT 1 AS one");
    for shutdown in [Shutdown::Fast, Shutdown::Immediate] {
        let (url, before) = (lab.url("postgres"), lab.postmaster_pid());
        lab.restart(shutdown).expect("it restarts");
        assert_eq!(lab.url("postgres"), url);
        assert_ne!(lab.postmaster_pid(), before);
        // An immediate shutdown may lose the last commits with synchronous_commit off; this one was checkpointed by the fast one.
        assert_eq!(ask(&lab, "SELECT one FROM kept"), "1");
    }
    let server = lab.postmaster_pid().expect("it runs");
    drop(lab);
    assert!(!runs(server));
}

#[test]
fn processor_time_counts_sessions_that_have_ended() {
    let lab = start(&LabOptions::new());
    let before = lab.cpu_time().expect("Linux");
    ask(&lab, "SELECT count(*) FROM generate_series(1, 2000000)");
    wait_until("processor time grows by the work of a session that has ended", || {
        (lab.cpu_time().expect("Linux").saturating_sub(before)).as_millis() >= 50
    });
}

#[test]
fn a_panic_leaves_nothing() {
    let mut seen = None;
    let result = catch_unwind(AssertUnwindSafe(|| {
        let lab = start(&LabOptions::new());
        seen = Some((lab.folder().to_owned(), lab.postmaster_pid().expect("it runs")));
        panic!("on purpose");
    }));
    assert!(result.is_err());
    let (folder, server) = seen.expect("the lab started");
    assert!(!folder.exists() && !runs(server));
}

#[test]
fn an_owner_killed_or_interrupted_leaves_nothing() {
    for signal in ["KILL", "INT", "TERM", "HUP"] {
        let mut owner = Owner::start();
        let guardian = owner.guardian();
        assert!(runs(owner.server) && owner.folder.exists());
        owner.end(signal);
        wait_until(&format!("after SIG{signal} server and folder are gone"), || owner.left_nothing());
        wait_until("the guardian is gone", || !runs(guardian));
    }
}

#[test]
fn an_owner_killed_while_starting_leaves_nothing() {
    // Killed at a different moment each time: before, during and after initdb.
    for share in [1_u32, 3, 6, 10] {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let mut child = support::owner_in(temporary.path());
        let begun = Instant::now();
        wait_until("a moment of the start has come", || begun.elapsed().as_millis() >= u128::from(share) * 100);
        kill("KILL", &child.id().to_string());
        child.wait().expect("it was killed");
        wait_until("no lab is in the temporary folder", || support::labs_in(temporary.path()).is_empty());
        wait_until("no process works in it", || support::processes_in(temporary.path()).is_empty());
    }
}

#[test]
fn a_template_that_lost_a_file_is_replaced_and_not_used() {
    let mut owner = Owner::start();
    let template = owner.template().expect("the first start keeps a template");
    // As a cleaner of temporary folders would.
    fs::remove_file(template.join("data/global/pg_control")).expect("a cluster has it");
    let mut second = Owner::start_in(&owner.temporary);
    assert!(runs(second.server));
    let replaced = owner.template().expect("the second start keeps its own");
    assert!(replaced.join("data/global/pg_control").exists());
    let mut third = Owner::start_in(&owner.temporary);
    assert!(runs(third.server));
    for owner in [&mut owner, &mut second, &mut third] {
        owner.end("INT");
        wait_until("server and folder are gone", || owner.left_nothing());
    }
}

#[test]
fn a_sweep_removes_what_the_killed_guardian_could_not() {
    let mut owner = Owner::start();
    let guardian = owner.guardian();
    assert_eq!(owner.sweep(), Vec::<PathBuf>::new(), "a living owner's lab is left alone");
    kill("KILL", &guardian.to_string());
    wait_until("the guardian is dead", || !runs(guardian));
    assert_eq!(owner.sweep(), Vec::<PathBuf>::new(), "also without its guardian");
    owner.end("KILL");
    assert!(runs(owner.server) && owner.folder.exists(), "nobody is left to clean up");
    assert_eq!(owner.sweep(), [owner.folder.clone()]);
    assert!(owner.left_nothing());
}

#[test]
fn a_sweep_leaves_alone_what_is_not_a_dead_lab() {
    let mut owner = Owner::start();
    let beside = owner.temporary.path().join("pgtailor-lab-notes");
    fs::create_dir(&beside).expect("a folder");
    let link = owner.temporary.path().join("pgtailor-lab-1-link");
    std::os::unix::fs::symlink(&owner.folder, &link).expect("a link");
    assert_eq!(owner.sweep(), Vec::<PathBuf>::new());
    assert!(beside.exists() && link.exists() && runs(owner.server));
    owner.end("INT");
    wait_until("server and folder are gone", || owner.left_nothing());
}

#[test]
fn wrong_folders_versions_and_settings_are_told_apart() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let error = |options: LabOptions| Lab::start(&options).expect_err("it cannot start");

    let wrong = error(LabOptions { binaries: Binaries::Folder(folder.path().to_owned()), ..LabOptions::new() });
    assert!(matches!(&wrong, LabError::NotAServer { missing: "postgres", .. }), "{wrong}");
    assert!(wrong.to_string().contains(&folder.path().display().to_string()));

    let wrong = error(LabOptions { binaries: Binaries::Major(7), ..LabOptions::new() });
    assert!(matches!(&wrong, LabError::NoSuchMajor { major: 7, .. }) && wrong.to_string().contains("postgresql-7"), "{wrong}");

    let wrong = error(LabOptions::new().with_setting("shared_buffers", "much"));
    assert!(matches!(&wrong, LabError::Ended { log, .. } if log.contains("shared_buffers")), "{wrong}");

    let wrong = error(LabOptions::new().with_setting("shared buffers", "1MB"));
    assert!(matches!(&wrong, LabError::BadSetting { .. }), "{wrong}");
}

#[test]
fn the_preferred_server_is_first_and_can_be_named_by_folder_or_version() {
    let servers = find_servers();
    let preferred = servers.first().expect("a PostgreSQL server is installed");
    let named = [Binaries::Preferred, Binaries::Folder(preferred.folder.clone()), Binaries::Major(preferred.version.major)];
    for binaries in named {
        let lab = start(&LabOptions { binaries, ..LabOptions::new() });
        assert_eq!((lab.version(), lab.binaries()), (&preferred.version, preferred.folder.as_path()));
    }
}

#[test]
fn pages_of_a_lab_have_no_checksum_whatever_the_version() {
    let lab = start(&LabOptions::new());
    assert_eq!(ask(&lab, "SHOW data_checksums"), "off");
    // So a file can be patched in place: the folder is the one that the server itself names.
    assert_eq!(ask(&lab, "SHOW data_directory"), lab.data_folder().display().to_string());
}
