//! What the live tests share: asking a server, watching processes, owners that can be killed.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use pgtailor_lab::{Lab, find_servers};
use tempfile::TempDir;

/// The answer of `lab` to `sql`.
pub fn ask(lab: &Lab, sql: &str) -> String {
    ask_at(&lab.url("postgres"), sql)
}

/// The answer to `sql` of the server at `url`.
pub fn ask_at(url: &str, sql: &str) -> String {
    let output = psql(url, sql);
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// What `psql` says to `sql`: the one beside the preferred server, or where that has none, the one in `PATH`.
pub fn psql(url: &str, sql: &str) -> Output {
    let server = find_servers().into_iter().next().expect("a PostgreSQL server is installed");
    let beside = server.folder.join("psql");
    let program = if beside.exists() { beside } else { PathBuf::from("psql") };
    let mut command = Command::new(program);
    command.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql, url]).output().expect("psql is installed")
}

/// Whether a process is there and not a zombie.
pub fn runs(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Waits until `done`, and fails after two minutes.
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(2);
    while !done() {
        assert!(Instant::now() < deadline, "not within 2 min: {what}");
        // The processes looked at need the processor more than the looking does.
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// A process of its own that holds a lab in a temporary folder of its own.
pub struct Owner {
    pub child: Child,
    pub folder: PathBuf,
    pub server: u32,
    pub temporary: Rc<TempDir>,
}

impl Owner {
    /// Starts the example `hold` as the leader of a process group, as a shell would.
    pub fn start() -> Self {
        Self::start_in(&Rc::new(tempfile::tempdir().expect("a temporary folder")))
    }

    /// Starts one more in the same temporary folder.
    pub fn start_in(temporary: &Rc<TempDir>) -> Self {
        let mut child = owner_in(temporary.path());
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut line = || lines.next().expect("three lines").expect("text");
        let _url = line();
        let folder = PathBuf::from(line());
        let server = line().parse().expect("a number");
        Self { child, folder, server, temporary: Rc::clone(temporary) }
    }

    /// The template that the first start left in the temporary folder.
    pub fn template(&self) -> Option<PathBuf> {
        entries_of(self.temporary.path(), "pgtailor-template-").pop()
    }

    /// Ends the owner with `signal`, sent to its whole process group as a terminal does.
    pub fn end(&mut self, signal: &str) {
        let group = format!("-{}", self.child.id());
        kill(signal, &group);
        self.child.wait().expect("it was signalled");
    }

    /// The guardian's process number.
    pub fn guardian(&self) -> u32 {
        guardian_of(&self.folder).expect("a guardian")
    }

    /// Runs a sweep in the same temporary folder, and returns the folders that it removed.
    pub fn sweep(&self) -> Vec<PathBuf> {
        sweep_in(self.temporary.path())
    }

    /// Whether neither the server nor the folder is left.
    pub fn left_nothing(&self) -> bool {
        !runs(self.server) && !self.folder.exists()
    }
}

/// The process number of the guardian of the lab in `folder`, if one is there.
pub fn guardian_of(folder: &Path) -> Option<u32> {
    let wanted = folder.display().to_string();
    let is_guardian = |pid: &u32| {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.contains("pgtailor-lab-guardian") && line.contains(&wanted)
    };
    all_processes().find(is_guardian)
}

/// Starts an owner without waiting for its lab.
pub fn owner_in(temporary: &Path) -> Child {
    let mut command = hold(temporary);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0).spawn().expect("the example is built")
}

/// What the example `hold` prints, line by line, when it has ended well.
pub fn run_hold(temporary: &Path, words: &[&str]) -> Vec<String> {
    let output = hold(temporary).args(words).output().expect("the example is built");
    assert!(output.status.success(), "hold {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// Runs a sweep in `temporary`, and returns the folders that it removed.
pub fn sweep_in(temporary: &Path) -> Vec<PathBuf> {
    run_hold(temporary, &["sweep"]).into_iter().map(PathBuf::from).collect()
}

/// The folders of labs in `temporary`.
pub fn labs_in(temporary: &Path) -> Vec<PathBuf> {
    entries_of(temporary, "pgtailor-lab-")
}

fn entries_of(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix)).map(|entry| entry.path()).collect()
}

/// The processes whose command or working folder is below `folder`.
pub fn processes_in(folder: &Path) -> Vec<u32> {
    let names = |pid: &u32| {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let working = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
        runs(*pid) && (line.contains(&folder.display().to_string()) || working.starts_with(folder))
    };
    all_processes().filter(names).collect()
}

fn all_processes() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc").expect("Linux").flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Sends a signal with the system's own program.
pub fn kill(signal: &str, target: &str) {
    let status = Command::new("kill").args(["-s", signal, "--", target]).status().expect("kill(1)");
    assert!(status.success(), "kill -s {signal} {target}");
}

/// Examples are built beside the tests' own folder; `cargo test` builds them, `cargo test --test live` alone does not.
pub fn hold(temporary: &Path) -> Command {
    // The server's user must be able to enter it when the tests run as root.
    fs::set_permissions(temporary, fs::Permissions::from_mode(0o755)).expect("our own folder");
    let test = std::env::current_exe().expect("this program");
    let folder = test.parent().and_then(Path::parent).expect("target/debug/deps");
    let mut command = Command::new(folder.join("examples/hold"));
    command.env("TMPDIR", temporary);
    command
}
