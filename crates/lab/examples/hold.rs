//! Starts a lab, prints its URL, folder and server process, a line each, and keeps it until standard input ends.
//!
//! `hold socket` listens on a unix socket. `hold sweep` only removes what killed owners left, and prints the folders removed.

use std::error::Error;
use std::io::{Read as _, Write as _, stdin, stdout};

use pgtailor_lab::{Lab, LabOptions, Listen, sweep};

fn main() -> Result<(), Box<dyn Error>> {
    let word = std::env::args().nth(1).unwrap_or_default();
    if word == "sweep" {
        for folder in sweep()? {
            writeln!(stdout(), "{}", folder.display())?;
        }
        return Ok(());
    }
    let listen = if word == "socket" { Listen::Socket } else { Listen::Loopback };
    let lab = Lab::start(&LabOptions { listen, ..LabOptions::new() })?;
    let server = lab.postmaster_pid().unwrap_or_default();
    writeln!(stdout(), "{}\n{}\n{server}", lab.url("postgres"), lab.folder().display())?;
    stdout().flush()?;
    stdin().read_to_end(&mut Vec::new())?;
    lab.stop()?;
    Ok(())
}
