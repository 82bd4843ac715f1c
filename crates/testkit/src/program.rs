//! Runs of the program under test, as a person would run it: arguments, an environment without surprises, exit code, both outputs.

use std::collections::BTreeMap;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The program.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    environment: BTreeMap<String, String>,
    folder: Option<PathBuf>,
}

/// What a run ended with.
#[derive(Clone, Debug)]
pub struct Run {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// A run that goes on.
pub struct Running {
    child: Child,
    out: Reader,
    err: Reader,
}

/// Reads an output all the time: a program whose pipe is full would wait for its reader, and a test may want to see what was said so far.
struct Reader {
    text: Arc<Mutex<Vec<u8>>>,
    thread: JoinHandle<()>,
}

impl Program {
    /// The program at `path` (`env!("CARGO_BIN_EXE_pgtailor")`).
    pub fn new(path: &str) -> Self {
        Self { path: PathBuf::from(path), environment: BTreeMap::new(), folder: None }
    }

    /// With an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// For one database.
    #[must_use]
    pub fn on(self, url: &str) -> Self {
        self.env("DATABASE_URL", url)
    }

    /// In this folder, where it finds and leaves files that are not named.
    #[must_use]
    pub fn in_folder(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_path_buf());
        self
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Run {
        let output = self.command(arguments).output().expect("the program is built");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
        Run { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Runs it to its end with this standard input.
    pub fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Run {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program is built");
        // A program that does not want its input closes the pipe, which is no failure here.
        let _ = child.stdin.take().expect("piped").write_all(input);
        Running::new(child).ended()
    }

    /// Starts it and lets it go on.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let child = self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Running::new(child.expect("the program is built"))
    }

    /// Nothing of the machine's own settings may reach a test; the last is how a fault that was put in on purpose is switched on.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command.args(arguments).env_clear().stdin(Stdio::null());
        for name in ["PATH", "TMPDIR", "PGTAILOR_MUTANT"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("HOME", "/nonexistent").envs(&self.environment);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
    }
}

impl Running {
    fn new(mut child: Child) -> Self {
        let out = Reader::of(child.stdout.take().expect("piped"));
        let err = Reader::of(child.stderr.take().expect("piped"));
        Self { child, out, err }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, by name.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().expect("kill is installed");
        assert!(status.success(), "no signal {name}");
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it can be waited for").is_none()
    }

    /// What it printed so far, standard output and then standard error.
    pub fn said(&self) -> String {
        format!("{}\n{}", self.out.so_far(), self.err.so_far())
    }

    /// Waits until it has printed `words`.
    ///
    /// # Panics
    ///
    /// When it ends without them, or does not print them in time; with what it printed.
    pub fn wait_until_it_says(&mut self, words: &str) {
        let begun = Instant::now();
        while !self.said().contains(words) {
            let is_over = !self.is_running() || begun.elapsed() > crate::LIMIT;
            assert!(!is_over || self.said().contains(words), "it never said {words:?}:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for its end.
    pub fn ended(mut self) -> Run {
        let status = self.child.wait().expect("it ends");
        Run { code: status.code(), out: self.out.whole(), err: self.err.whole() }
    }
}

impl Reader {
    fn of(mut output: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&text);
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(bytes) = output.read(&mut buffer)
                && bytes > 0
            {
                shared.lock().expect("no reader panics").extend_from_slice(&buffer[..bytes]);
            }
        });
        Self { text, thread }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().expect("no reader panics")).into_owned()
    }

    fn whole(self) -> String {
        self.thread.join().expect("no reader panics");
        let text = self.text.lock().expect("no reader panics").clone();
        String::from_utf8(text).expect("output is UTF-8")
    }
}

impl Run {
    /// Expects an exit code.
    ///
    /// # Panics
    ///
    /// When it is another one; both outputs are shown.
    #[expect(clippy::return_self_not_must_use, reason = "most callers only want the check")]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "--- out\n{}\n--- err\n{}", self.out, self.err);
        self
    }

    /// Expects an error of one clear sentence: exit code 2, nothing on standard output, no panic, and these words.
    ///
    /// # Panics
    ///
    /// When it is anything else.
    pub fn expect_error(&self, words: &[&str]) {
        assert_eq!(self.code, Some(2), "--- out\n{}\n--- err\n{}", self.out, self.err);
        assert_eq!(self.out, "", "an error prints nothing to standard output");
        assert!(!self.err.contains("panicked") && !self.err.contains("RUST_BACKTRACE"), "{}", self.err);
        for word in words {
            assert!(self.err.contains(word), "`{word}` is missing in:\n{}", self.err);
        }
    }
}
