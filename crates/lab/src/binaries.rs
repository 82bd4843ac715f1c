//! Finds PostgreSQL server programs on this machine.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fmt, fs, io};

use crate::error::LabError;
use crate::options::Binaries;

/// A PostgreSQL installation that can run a lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The folder with `initdb` and `postgres`, free of symbolic links.
    pub folder: PathBuf,
    /// Its version.
    pub version: ServerVersion,
}

/// A server version as `postgres --version` prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerVersion {
    /// 15 of `15.3`.
    pub major: u32,
    /// 3 of `15.3`; 0 for pre-releases.
    pub minor: u32,
    /// The number as printed: `15.3`, `18beta1`.
    pub text: String,
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Where packages put versions side by side: folder, prefix of the version's folder, and the way down to its programs.
const PACKAGED: &[(&str, &str, &str)] = &[
    ("/usr/lib/postgresql", "", "bin"),                      // Debian and Ubuntu
    ("/usr", "pgsql-", "bin"),                               // Red Hat with the PostgreSQL project's packages
    ("/opt/homebrew/opt", "postgresql", "bin"),              // Homebrew on Apple silicon
    ("/usr/local/opt", "postgresql", "bin"),                 // Homebrew on Intel
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"), // Homebrew on Linux
];

/// The servers installed here, the preferred one first; each once, whatever links lead to it.
///
/// First those in the folders of `PATH`, in its order, as a shell would choose: whoever puts a server there means it, whatever else is
/// installed. Then those where Debian, Red Hat and Homebrew put them, newest release first, pre-releases last. What does not run or
/// does not say its version is left out.
pub fn find_servers() -> Vec<Server> {
    let on_path: Vec<PathBuf> = env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
    servers_in(&on_path, PACKAGED)
}

/// The server that `wanted` means.
pub(crate) fn choose_server(wanted: &Binaries) -> Result<Server, LabError> {
    match wanted {
        Binaries::Folder(folder) => server_in(folder),
        Binaries::Preferred => find_servers().into_iter().next().ok_or_else(no_server),
        Binaries::Major(major) => {
            let found = find_servers();
            if found.is_empty() {
                return Err(no_server());
            }
            found.iter().find(|server| server.version.major == *major).cloned().ok_or_else(|| LabError::NoSuchMajor {
                major: *major,
                found: found
                    .iter()
                    .map(|server| format!("{} in {}", server.version, server.folder.display()))
                    .collect::<Vec<_>>()
                    .join(", "),
            })
        }
    }
}

fn no_server() -> LabError {
    let places: Vec<String> = PACKAGED.iter().map(|(folder, prefix, bin)| format!("{folder}/{prefix}*/{bin}")).collect();
    LabError::NoServer { searched: format!("PATH, {}", places.join(", ")) }
}

fn servers_in(on_path: &[PathBuf], packaged: &[(&str, &str, &str)]) -> Vec<Server> {
    let mut servers: Vec<Server> = Vec::new();
    // A link to `postgres` in PATH leads to its installation, where `initdb` and the libraries are.
    for folder in on_path.iter().filter_map(|folder| real_folder(folder)) {
        if servers.iter().all(|server| server.folder != folder) {
            servers.extend(server_in(&folder));
        }
    }
    let mut folders: Vec<PathBuf> = Vec::new();
    for (parent, prefix, bin) in packaged {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        let versions = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
        folders.extend(versions.map(|entry| entry.path().join(bin)));
    }
    let real: BTreeSet<PathBuf> = folders.iter().filter_map(|folder| real_folder(folder)).collect();
    let others = real.iter().filter(|folder| servers.iter().all(|server| server.folder != **folder));
    let mut others: Vec<Server> = others.filter_map(|folder| server_in(folder).ok()).collect();
    others.sort_by_key(|server| {
        let version = &server.version;
        Reverse((is_release(version), version.major, version.minor))
    });
    servers.extend(others);
    servers
}

fn real_folder(folder: &Path) -> Option<PathBuf> {
    let program = fs::canonicalize(folder.join("postgres")).ok()?;
    let real = program.parent()?;
    let whole = if real.join("initdb").is_file() { real } else { folder };
    Some(whole.to_owned())
}

fn server_in(folder: &Path) -> Result<Server, LabError> {
    for missing in ["postgres", "initdb"] {
        if !folder.join(missing).is_file() {
            return Err(LabError::NotAServer { folder: folder.to_owned(), missing });
        }
    }
    let folder = real_folder(folder).unwrap_or_else(|| folder.to_owned());
    let program = folder.join("postgres");
    let printed = printed_version(&program)
        .map_err(|source| LabError::UnknownVersion { program: program.clone(), printed: source.to_string() })?;
    let version = parse_version(&printed).ok_or(LabError::UnknownVersion { program, printed })?;
    Ok(Server { folder, version })
}

fn printed_version(program: &Path) -> io::Result<String> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// `postgres (PostgreSQL) 15.3 (Debian 15.3-1)` is 15.3; `18beta1` is 18.0, and not a release.
fn parse_version(printed: &str) -> Option<ServerVersion> {
    let text = printed.split_once("(PostgreSQL)")?.1.split_whitespace().next()?.to_owned();
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let major = digits(&text);
    let minor = text[major.len()..].strip_prefix('.').map(digits).unwrap_or_default();
    Some(ServerVersion { major: major.parse().ok()?, minor: minor.parse().unwrap_or(0), text })
}

fn is_release(version: &ServerVersion) -> bool {
    version.text.chars().all(|c| c.is_ascii_digit() || c == '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(printed: &str, expected: Option<(u32, u32, bool)>) {
        let found = parse_version(printed).map(|version| (version.major, version.minor, is_release(&version)));
        assert_eq!(found, expected, "{printed}");
    }

    #[test]
    fn versions_of_every_packager_are_read() {
        check("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", Some((15, 18, true)));
        check("postgres (PostgreSQL) 16.2", Some((16, 2, true)));
        check("postgres (PostgreSQL) 18beta1", Some((18, 0, false)));
        check("postgres (PostgreSQL) 19devel", Some((19, 0, false)));
        check("postgres (PostgreSQL) 9.6.24", Some((9, 6, true)));
        check("command not found", None);
        check("postgres (PostgreSQL) unknown", None);
    }

    /// A folder with programs that only say their version.
    fn install(folder: &Path, version: &str) -> PathBuf {
        fs::create_dir_all(folder).expect("our own folder");
        for program in ["postgres", "initdb"] {
            let script = format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n");
            // By another process: a file that is open for writing, even in a child of ours that is just starting, cannot be executed.
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", r#"printf %s "$2" >"$1" && chmod 755 "$1""#, "sh"]).arg(folder.join(program)).arg(script);
            assert!(shell.status().expect("a shell").success());
        }
        folder.to_owned()
    }

    #[test]
    fn what_path_names_is_preferred_and_the_newest_release_comes_next() {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let root = fs::canonicalize(temporary.path()).expect("it is there");
        let old = install(&root.join("old/bin"), "13.23");
        for version in ["15.18", "17.10", "19beta1"] {
            install(&root.join(format!("packages/{version}/bin")), version);
        }
        let links = root.join("links");
        fs::create_dir(&links).expect("our own folder");
        std::os::unix::fs::symlink(root.join("packages/15.18/bin/postgres"), links.join("postgres")).expect("a link");
        let packages = root.join("packages").display().to_string();
        let found = |on_path: &[PathBuf]| -> Vec<String> {
            servers_in(on_path, &[(&packages, "", "bin")]).into_iter().map(|server| server.version.text).collect()
        };
        assert_eq!(found(&[]), ["17.10", "15.18", "19beta1"]);
        assert_eq!(found(&[root.join("empty"), old.clone()]), ["13.23", "17.10", "15.18", "19beta1"]);
        assert_eq!(found(&[links.clone(), old.clone(), links]), ["15.18", "13.23", "17.10", "19beta1"]);
    }
}
