//! Runs of the program under test, as a person would run it: arguments, an environment without surprises, exit code, both outputs.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// The program.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    environment: BTreeMap<String, String>,
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
pub struct Running(Child);

impl Program {
    /// The program at `path` (`env!("CARGO_BIN_EXE_pgtailor")`).
    pub fn new(path: &str) -> Self {
        Self { path: PathBuf::from(path), environment: BTreeMap::new() }
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
        Running(child).ended()
    }

    /// Starts it and lets it go on.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let child = self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Running(child.expect("the program is built"))
    }

    /// Nothing of the machine's own settings may reach a test.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command.args(arguments).env_clear().stdin(Stdio::null());
        for name in ["PATH", "TMPDIR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("HOME", "/nonexistent").envs(&self.environment);
        command
    }
}

impl Running {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Sends a signal, by name.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.0.id().to_string()]).status().expect("kill is installed");
        assert!(status.success(), "no signal {name}");
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.0.try_wait().expect("it can be waited for").is_none()
    }

    /// Waits for its end.
    pub fn ended(mut self) -> Run {
        let mut out = String::new();
        let mut err = String::new();
        // Both fit into the pipes' buffers in every test: one after the other cannot block.
        self.0.stdout.take().expect("piped").read_to_string(&mut out).expect("UTF-8");
        self.0.stderr.take().expect("piped").read_to_string(&mut err).expect("UTF-8");
        let status = self.0.wait().expect("it ends");
        Run { code: status.code(), out, err }
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
