//! Labs that were left running: they outlive their program, are found again, and end when they are stopped or killed, not before.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::support::{ask_at, guardian_of, hold, kill, labs_in, processes_in, psql, run_hold, runs, sweep_in, wait_until};
use pgtailor_lab::{Lab, LabError, LabOptions, LeftLab, Listen, find_servers, left_labs, sweep};
use tempfile::TempDir;

/// A lab left by a program that has ended, in a temporary folder of its own; what a failed test would leave is killed.
struct Left {
    url: String,
    folder: PathBuf,
    server: u32,
    temporary: TempDir,
}

impl Left {
    fn leave(label: &str) -> Self {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let lines = run_hold(temporary.path(), &["leave", label]);
        let [url, folder, server] = lines.as_slice() else { panic!("three lines, not {lines:?}") };
        Self::new([url, folder, server], temporary)
    }

    fn new([url, folder, server]: [&str; 3], temporary: TempDir) -> Self {
        Self { url: url.to_owned(), folder: folder.into(), server: server.parse().expect("a number"), temporary }
    }

    fn list(&self) -> Vec<String> {
        run_hold(self.temporary.path(), &["list"])
    }

    fn sweep(&self) -> Vec<PathBuf> {
        sweep_in(self.temporary.path())
    }

    fn stop(&self) {
        run_hold(self.temporary.path(), &["stop", &self.folder.display().to_string()]);
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        // Those that work in our own temporary folder, so nobody else's.
        for process in processes_in(self.temporary.path()) {
            let _ = Command::new("kill").args(["-s", "KILL", &process.to_string()]).status();
        }
    }
}

/// Stops a left lab of this very process when a test fails.
struct StoppedWhenDropped(LeftLab);

impl Drop for StoppedWhenDropped {
    fn drop(&mut self) {
        let _ = self.0.clone().stop();
    }
}

/// The process group of a process, from proc(5).
fn group_of(pid: u32) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let fields = stat.rsplit_once(')').expect("proc(5)").1;
    fields.split_whitespace().nth(2).and_then(|group| group.parse().ok()).expect("proc(5)")
}

#[test]
fn a_left_lab_answers_after_its_program_has_ended_until_it_is_stopped() {
    let left = Left::leave("twin of shop, for a look");
    assert_eq!(ask_at(&left.url, "SELECT 1"), "1");
    assert_eq!(ask_at(&left.url, "SHOW data_directory"), left.folder.join("data").display().to_string());
    assert_eq!(guardian_of(&left.folder), None);
    let mode = fs::metadata(&left.folder).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o077, 0, "only its user may enter");

    let port = ask_at(&left.url, "SHOW port");
    let version = ask_at(&left.url, "SHOW server_version").split(' ').next().expect("a version").to_owned();
    let (folder, server) = (left.folder.display(), left.server);
    let listed = format!("{} {folder} {server} {port} {version} twin of shop, for a look", left.url);
    assert_eq!(left.list(), [listed]);

    left.stop();
    assert!(!runs(left.server) && !left.folder.exists());
    assert!(left.list().is_empty());
    assert!(processes_in(left.temporary.path()).is_empty());
}

#[test]
fn a_sweep_leaves_a_left_lab_alone_until_its_server_is_killed() {
    let left = Left::leave("swept");
    assert!(left.sweep().is_empty());
    // Cleaners of temporary folders may take the owner file, which nobody needs any more.
    fs::remove_file(left.folder.join("owner")).expect("it is there");
    assert!(left.sweep().is_empty());
    assert_eq!(ask_at(&left.url, "SELECT 1"), "1");
    kill("KILL", &left.server.to_string());
    // The server's children notice the end of their parent by themselves, and hold the folder till then.
    let mut removed = Vec::new();
    wait_until("the sweep takes the lab of the killed server", || {
        removed.extend(left.sweep());
        !removed.is_empty()
    });
    assert_eq!(removed, std::slice::from_ref(&left.folder));
    assert!(!left.folder.exists() && left.list().is_empty());
}

#[test]
fn a_left_lab_whose_server_is_hidden_is_known_by_its_lock() {
    let left = Left::leave("hidden");
    let lock_file = left.folder.join("data/postmaster.pid");
    let text = fs::read_to_string(&lock_file).expect("a server runs");
    // As from another container: the number in the file is nobody's that could be asked.
    fs::write(&lock_file, text.replacen(&left.server.to_string(), "0", 1)).expect("our own folder");
    assert!(left.sweep().is_empty());
    assert!(left.list().is_empty(), "what cannot be stopped from here is not listed");
    fs::write(&lock_file, text).expect("our own folder");
    assert_eq!(left.list().len(), 1);
    left.stop();
}

#[test]
fn a_left_lab_that_a_person_restarts_is_known_by_its_process() {
    let mut left = Left::leave("restarted");
    let owner = fs::metadata(&left.folder).expect("it is there");
    let pg_ctl = find_servers().first().expect("a PostgreSQL server is installed").folder.join("pg_ctl");
    // The new server has not inherited the lock on the folder.
    let mut restart = Command::new(pg_ctl);
    restart.arg("restart").arg("-D").arg(left.folder.join("data")).arg("-l").arg(left.folder.join("restarted.log"));
    let output = restart.uid(owner.uid()).gid(owner.gid()).current_dir("/").output().expect("pg_ctl is beside the server");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (before, listed) = (left.server, left.list());
    let [line] = listed.as_slice() else { panic!("one lab, not {listed:?}") };
    left.server = line.split(' ').nth(2).and_then(|pid| pid.parse().ok()).expect("a number");
    assert_ne!(left.server, before);
    assert!(left.sweep().is_empty());
    assert_eq!(ask_at(&left.url, "SELECT 1"), "1");
    left.stop();
    assert!(!runs(left.server) && !left.folder.exists());
}

#[test]
fn a_left_lab_hears_nothing_of_the_terminal() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    // A shell that leads a group, as in a terminal, and stays when the program in it has ended.
    let program = hold(temporary.path());
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", r#""$0" leave terminal >"$TMPDIR/printed"; kill -s STOP $$"#]).arg(program.get_program());
    let mut shell = shell.env("TMPDIR", temporary.path()).process_group(0).spawn().expect("a shell");
    let stopped = || fs::read_to_string(format!("/proc/{}/stat", shell.id())).is_ok_and(|stat| stat.contains(") T "));
    wait_until("the program has ended", stopped);
    let listed = run_hold(temporary.path(), &["list"]).pop().expect("it was left");
    let words: Vec<&str> = listed.split(' ').collect();
    let left = Left::new([words[0], words[1], words[2]], temporary);
    assert_ne!(group_of(left.server), group_of(shell.id()));
    for signal in ["INT", "HUP", "TERM", "KILL"] {
        kill(signal, &format!("-{}", shell.id()));
    }
    shell.wait().expect("it was killed");
    assert_eq!(ask_at(&left.url, "SELECT 1"), "1");
    left.stop();
    assert!(!runs(left.server) && labs_in(left.temporary.path()).is_empty());
}

#[test]
fn two_left_labs_are_listed_by_age_and_stopped_one_by_one() {
    let first = Left::leave("first");
    let place = first.temporary.path();
    let second = run_hold(place, &["leave", "second"]);
    let by_label = |label: &str| first.list().iter().filter(|line| line.ends_with(&format!(" {label}"))).count();
    assert_eq!((first.list().len(), by_label("first"), by_label("second")), (2, 1, 1));
    first.stop();
    assert_eq!((first.list().len(), by_label("second")), (1, 1));
    assert_eq!(ask_at(&second[0], "SELECT 1"), "1");
    run_hold(place, &["stop", &second[1]]);
    assert!(labs_in(place).is_empty());
}

#[test]
fn a_program_that_lives_on_can_leave_a_lab_and_stop_it() {
    for listen in [Listen::Loopback, Listen::Socket] {
        let lab = Lab::start(&LabOptions { listen, ..LabOptions::new() }).expect("a server can be started here");
        let (url, folder, server) = (lab.url("postgres"), lab.folder().to_owned(), lab.postmaster_pid().expect("it runs"));
        let label = format!("two\nlines of {server}");
        let left = lab.leave_running(&label).expect("it is left");
        let _stopped = StoppedWhenDropped(left.clone());
        assert_eq!((left.url("postgres"), left.postmaster_pid(), left.label()), (url.clone(), server, label.as_str()));
        sweep().expect("a sweep");
        let found = left_labs().expect("a list").into_iter().find(|lab| lab.folder() == folder);
        assert_eq!(found.as_ref(), Some(&left));
        assert_eq!(ask_at(&url, "SELECT 1"), "1");
        left.stop().expect("it stops");
        assert!(!runs(server) && !folder.exists());
        assert!(!psql(&url, "SELECT 1").status.success());
        // Whoever else held it finds nothing left to do.
        found.expect("it was found").stop().expect("it is gone already");
    }
}

#[test]
fn a_lab_whose_server_has_ended_cannot_be_left() {
    let lab = Lab::start(&LabOptions::new()).expect("a server can be started here");
    let (folder, server) = (lab.folder().to_owned(), lab.postmaster_pid().expect("it runs"));
    kill("QUIT", &server.to_string());
    wait_until("the server has ended", || !runs(server));
    let error = lab.leave_running("nothing").expect_err("there is no server");
    assert!(matches!(&error, LabError::NotLeft { log, .. } if log.contains("shutdown")), "{error}");
    assert!(!folder.exists());
}

#[test]
fn a_process_that_does_not_serve_a_left_lab_is_never_ended() {
    let left = Left::leave("stale");
    let lock_file = left.folder.join("data/postmaster.pid");
    let text = fs::read_to_string(&lock_file).expect("a server runs");
    kill("KILL", &left.server.to_string());
    wait_until("the whole server is gone", || processes_in(&left.folder).is_empty());
    // The number is another process's by now, and that one even works in the data folder.
    let mut other = Command::new("sleep").arg("1000").current_dir(left.folder.join("data")).spawn().expect("sleep(1)");
    fs::write(&lock_file, text.replacen(&left.server.to_string(), &other.id().to_string(), 1)).expect("our own folder");
    assert!(left.list().is_empty());
    assert_eq!(left.sweep(), std::slice::from_ref(&left.folder));
    assert!(runs(other.id()));
    other.kill().expect("it is ours");
    other.wait().expect("it was killed");
}
