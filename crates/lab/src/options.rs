//! How a lab is wanted.

use std::path::PathBuf;

/// How to start a lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabOptions {
    /// Which server programs.
    pub binaries: Binaries,
    /// How clients reach it.
    pub listen: Listen,
    /// Server settings, as name and value; a later one wins, and they win over the lab's own. Values are not quoted: the lab does it.
    /// Those that say where the server is (`port`, `listen_addresses` …) are refused.
    pub settings: Vec<(String, String)>,
    /// Whether it survives a power cut.
    pub durability: Durability,
}

/// Which server programs to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binaries {
    /// The one that `PATH` names, else the newest release found: the first of [`crate::find_servers`].
    Preferred,
    /// Those in this folder.
    Folder(PathBuf),
    /// The first of [`crate::find_servers`] of this major version.
    Major(u32),
}

/// How clients reach the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A free port of 127.0.0.1, with a random password: every user of the machine can reach the port.
    Loopback,
    /// A unix socket in the lab's folder, which only its owner (and root) can enter; no password is asked.
    Socket,
}

/// Whether committed changes survive a crash of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// No: `fsync`, `synchronous_commit` and `full_page_writes` are off. Right for everything that does not measure writes.
    Off,
    /// Yes: the server's own defaults, as in production.
    On,
}

impl LabOptions {
    /// The preferred server, on loopback, not durable, with the server's default settings.
    pub fn new() -> Self {
        Self { binaries: Binaries::Preferred, listen: Listen::Loopback, settings: Vec::new(), durability: Durability::Off }
    }

    /// The same with one more setting.
    #[must_use]
    pub fn with_setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }
}

impl Default for LabOptions {
    fn default() -> Self {
        Self::new()
    }
}
