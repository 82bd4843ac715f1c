//! Starts a lab, prints its URL, folder and server process, a line each, and keeps it until standard input ends.
//!
//! `hold socket` listens on a unix socket. `hold with NAME=VALUE...` has these settings. `hold leave LABEL` prints the same and ends, with the lab left running. `hold list` prints
//! the left labs: URL, folder, server process, port, version and label, separated by blanks, a line each. `hold stop FOLDER` stops the
//! left lab in that folder. `hold servers` prints version and folder of the servers found, the preferred one first. `hold sweep` only
//! removes what killed owners left, and prints the folders removed.

use std::error::Error;
use std::io::{Read as _, Write as _, stdin, stdout};
use std::path::Path;

use pgtailor_lab::{Lab, LabOptions, Listen, find_servers, left_labs, sweep};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["sweep"] => {
            for folder in sweep()? {
                writeln!(stdout(), "{}", folder.display())?;
            }
        }
        ["list"] => {
            for lab in left_labs()? {
                let (url, folder, pid) = (lab.url("postgres"), lab.folder().display(), lab.postmaster_pid());
                writeln!(stdout(), "{url} {folder} {pid} {} {} {}", lab.port(), lab.version(), lab.label())?;
            }
        }
        ["stop", folder] => {
            let left = left_labs()?.into_iter().find(|lab| lab.folder() == Path::new(folder));
            left.ok_or("no left lab there")?.stop()?;
        }
        ["servers"] => {
            for server in find_servers() {
                writeln!(stdout(), "{} {}", server.version, server.folder.display())?;
            }
        }
        ["leave", label] => {
            let lab = start(Listen::Loopback, &[])?;
            let left = lab.leave_running(label)?;
            writeln!(stdout(), "{}\n{}\n{}", left.url("postgres"), left.folder().display(), left.postmaster_pid())?;
        }
        words => {
            let settings = if let ["with", settings @ ..] = words { settings } else { &[] };
            let lab = start(if words == ["socket"] { Listen::Socket } else { Listen::Loopback }, settings)?;
            let server = lab.postmaster_pid().unwrap_or_default();
            writeln!(stdout(), "{}\n{}\n{server}", lab.url("postgres"), lab.folder().display())?;
            stdout().flush()?;
            stdin().read_to_end(&mut Vec::new())?;
            lab.stop()?;
        }
    }
    Ok(())
}

fn start(listen: Listen, settings: &[&str]) -> Result<Lab, Box<dyn Error>> {
    let mut options = LabOptions { listen, ..LabOptions::new() };
    for setting in settings {
        let (name, value) = setting.split_once('=').ok_or("a setting is NAME=VALUE")?;
        options = options.with_setting(name, value);
    }
    Ok(Lab::start(&options)?)
}
