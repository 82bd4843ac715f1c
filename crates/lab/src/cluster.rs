//! Makes a cluster, with `initdb` or from a template, and writes its configuration.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

use crate::account::{Account, run_as};
use crate::binaries::Server;
use crate::error::LabError;
use crate::guardian::Guardian;
use crate::home::{Home, folder_error, give_to, random_digits};
use crate::options::{Durability, LabOptions, Listen};
use crate::template;

/// The superuser of every lab.
pub(crate) const SUPERUSER: &str = "postgres";

/// The port that names the socket: the folder is the lab's own, so every lab has the same.
pub(crate) const SOCKET_PORT: u16 = 5432;

/// Ours, beside `postgresql.conf`, which ends with its inclusion.
const CONFIGURATION: &str = "lab.conf";

/// Settings that say where the server is; a caller's would make the lab's URL a lie.
const CHOSEN: [&str; 5] = ["port", "listen_addresses", "unix_socket_directories", "data_directory", "hba_file"];

/// What `initdb` is told beside the locale, the folder and the password.
const INITDB: [&str; 4] = ["--no-sync", "--encoding=UTF8", "--auth-local=trust", "--auth-host=scram-sha-256"];

/// Tried in turn: the first sorts and classifies as UTF-8 by code point, everywhere alike, but old systems and macOS lack it.
const LOCALES: [&str; 2] = ["C.UTF-8", "C"];

/// Makes a cluster in the data folder of `home`, and returns its superuser's password.
pub(crate) fn make(home: &mut Home, server: &Server, account: Option<&Account>) -> Result<String, LabError> {
    if let Some(password) = template::copy_into(home, server, account) {
        return Ok(password);
    }
    let password = random_digits(16)?;
    initialize(home, server, account, &password)?;
    template::keep(home, server, account, &password);
    Ok(password)
}

/// What `initdb` is told, locale, folder and password aside: a cluster that was made with other words is another kind of cluster.
pub(crate) fn initdb_arguments(server: &Server) -> Vec<&'static str> {
    let mut arguments = INITDB.to_vec();
    // Off in every lab, as they are by default before 18: whoever patches a page (a twin does, to give an index the height that it has
    // elsewhere) would else have to know each version's checksum, and no page of a lab is old enough to rot.
    if server.version.major >= 18 {
        arguments.push("--no-data-checksums");
    }
    arguments
}

/// Writes the lab's settings: its own, then the caller's, so that the caller's win.
pub(crate) fn configure(home: &Home, options: &LabOptions, port: u16, account: Option<&Account>) -> Result<(), LabError> {
    let text = configuration(options, home.folder(), port)?;
    let path = home.data().join(CONFIGURATION);
    if path.exists() {
        fs::remove_file(&path).map_err(|source| folder_error("replace", &path, source))?;
    }
    write_private(&path, &text, account)
}

/// Checks what can be checked before anything is made.
pub(crate) fn check_settings(options: &LabOptions) -> Result<(), LabError> {
    configuration(options, Path::new("/"), SOCKET_PORT).map(drop)
}

/// A command that runs as `account`, in the guardian's process group, untouched by PostgreSQL and locale variables of ours.
pub(crate) fn command_for(program: &Path, home: &mut Home, account: Option<&Account>) -> Result<Command, LabError> {
    let mut command = Command::new(program);
    run_as(&mut command, account);
    command.current_dir(home.folder());
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("PG") || text.starts_with("LC_") || text.starts_with("LANG") {
            command.env_remove(&name);
        }
    }
    // Messages in English, because two of them are looked for; dates in UTC, so that a run is the same everywhere.
    command.env("LC_ALL", "C").env("TZ", "UTC");
    if let Some(group) = home.guardian().map(|guardian: &mut Guardian| guardian.group())? {
        command.process_group(group);
    }
    Ok(command)
}

/// The error of a program that did not start.
pub(crate) fn could_not_run(program: &Path, account: Option<&Account>, source: std::io::Error) -> LabError {
    LabError::Run { program: program.to_owned(), account: account.map(|account| account.name.clone()), source }
}

/// The end of what a program printed: enough to see what happened, little enough to read.
pub(crate) fn last_lines(text: &str) -> String {
    const KEPT: usize = 12;
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(KEPT)..].join("\n")
}

fn initialize(home: &mut Home, server: &Server, account: Option<&Account>, password: &str) -> Result<(), LabError> {
    let password_file = home.folder().join("password");
    write_private(&password_file, password, account)?;
    let program = server.folder.join("initdb");
    let mut printed = String::new();
    for locale in LOCALES {
        let mut command = command_for(&program, home, account)?;
        command.args(initdb_arguments(server)).args(["--username", SUPERUSER]);
        command.arg(format!("--locale={locale}")).arg("--pgdata").arg(home.data()).arg("--pwfile").arg(&password_file);
        let output = command.stdin(Stdio::null()).output().map_err(|source| could_not_run(&program, account, source))?;
        if output.status.success() {
            fs::remove_file(&password_file).map_err(|source| folder_error("remove", &password_file, source))?;
            return append_inclusion(&home.data().join("postgresql.conf"));
        }
        printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        if !printed.contains("invalid locale") {
            break;
        }
    }
    Err(LabError::Initdb { program, folder: home.data(), output: last_lines(&printed) })
}

fn configuration(options: &LabOptions, folder: &Path, port: u16) -> Result<String, LabError> {
    let folder = folder.display().to_string();
    let (addresses, sockets) = match options.listen {
        Listen::Loopback => ("127.0.0.1", ""),
        Listen::Socket => ("", folder.as_str()),
    };
    let port = port.to_string();
    let mut settings: Vec<(&str, &str)> = vec![
        ("listen_addresses", addresses),
        ("unix_socket_directories", sockets),
        ("port", &port),
        ("lc_messages", "C"),
        ("log_destination", "stderr"),
        ("logging_collector", "off"),
    ];
    if options.durability == Durability::Off {
        settings.extend([("fsync", "off"), ("synchronous_commit", "off"), ("full_page_writes", "off")]);
    }
    for (name, value) in &options.settings {
        if CHOSEN.iter().any(|chosen| name.eq_ignore_ascii_case(chosen)) {
            return Err(LabError::BadSetting { name: name.clone(), reason: "the lab chooses it, see `Listen`" });
        }
        settings.push((name, value));
    }
    let mut text = String::new();
    for (name, value) in settings {
        check_setting(name, value).map_err(|reason| LabError::BadSetting { name: name.to_owned(), reason })?;
        // Strings of the configuration file know backslash escapes (`GUC_scanstr` in `guc-file.l`).
        let _ = writeln!(text, "{name} = '{}'", value.replace('\\', "\\\\").replace('\'', "''"));
    }
    Ok(text)
}

fn check_setting(name: &str, value: &str) -> Result<(), &'static str> {
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.') {
        return Err("a name has letters, digits, underscores and dots");
    }
    if name.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return Err("a name begins with a letter or an underscore");
    }
    if value.contains(['\n', '\r', '\0']) {
        return Err("a value is one line");
    }
    Ok(())
}

fn append_inclusion(path: &Path) -> Result<(), LabError> {
    let written = OpenOptions::new().append(true).open(path).and_then(|mut file| writeln!(file, "\ninclude '{CONFIGURATION}'"));
    written.map_err(|source| folder_error("write", path, source))
}

fn write_private(path: &Path, text: &str, account: Option<&Account>) -> Result<(), LabError> {
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    created.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|source| folder_error("write", path, source))?;
    give_to(account, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_settings_come_last_and_are_quoted() {
        let options = LabOptions::new().with_setting("fsync", "on").with_setting("app.note", "it's a \\ here");
        let text = configuration(&options, Path::new("/tmp/x"), 4711).expect("good settings");
        assert!(text.find("fsync = 'off'") < text.find("fsync = 'on'"));
        assert!(text.contains("app.note = 'it''s a \\\\ here'\n"));
        assert!(text.contains("port = '4711'\n"));
        assert!(text.contains("unix_socket_directories = ''\n"));
    }

    #[test]
    fn a_setting_cannot_smuggle_in_another() {
        for (name, value) in
            [("a\nfsync", "off"), ("", "x"), ("1a", "x"), ("work_mem", "1MB\nfsync = on"), ("a b", "x"), ("Port", "1")]
        {
            let options = LabOptions::new().with_setting(name, value);
            assert!(matches!(check_settings(&options), Err(LabError::BadSetting { .. })), "{name:?} {value:?}");
        }
    }

    #[test]
    fn only_the_end_of_a_long_output_is_kept() {
        let text: String = (0..100).fold(String::new(), |text, line| format!("{text}line {line}\n\n"));
        assert!(last_lines(&text).starts_with("line 88\n"));
        assert!(last_lines(&text).ends_with("line 99"));
        assert_eq!(last_lines(""), "");
    }
}
