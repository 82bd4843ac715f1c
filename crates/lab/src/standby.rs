//! A second server that streams from a first one, and the end of that: its promotion.
//!
//! Knows the two programs of PostgreSQL that do the work, `pg_basebackup` and `pg_ctl`; who the two servers are is [`crate::Lab`]'s
//! matter. Start reading at [`copy`].

use std::path::Path;
use std::process::{Command, Stdio};

use crate::account::Account;
use crate::binaries::Server;
use crate::cluster::{command_for, could_not_run, last_lines};
use crate::error::LabError;
use crate::home::Home;

/// Makes the data folder of `home` a copy of the running server at `primary`, which streams from it once it is started.
///
/// The address of the primary is written into the copy (`--write-recovery-conf`), so that both must be started again when its port
/// changes. No checkpoint is waited for and nothing is synced: no data of a lab outlives its machine.
pub(crate) fn copy(home: &mut Home, server: &Server, account: Option<&Account>, primary: &str) -> Result<(), LabError> {
    let data = home.data();
    let program = server.folder.join("pg_basebackup");
    let mut command = command_for(&program, home, account)?;
    command.args(["--wal-method=stream", "--checkpoint=fast", "--no-sync", "--write-recovery-conf", "--pgdata"]).arg(&data);
    command.arg("--dbname").arg(primary);
    run(command, &program, account, &data)
}

/// Ends the recovery of the server in `home` and returns when it takes writes.
pub(crate) fn promote(home: &mut Home, server: &Server, account: Option<&Account>) -> Result<(), LabError> {
    let data = home.data();
    let program = server.folder.join("pg_ctl");
    let mut command = command_for(&program, home, account)?;
    command.args(["promote", "--wait", "--silent", "--pgdata"]).arg(&data);
    run(command, &program, account, &data)
}

fn run(mut command: Command, program: &Path, account: Option<&Account>, folder: &Path) -> Result<(), LabError> {
    let output = command.stdin(Stdio::null()).output().map_err(|source| could_not_run(program, account, source))?;
    if output.status.success() {
        return Ok(());
    }
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    Err(LabError::Program { program: program.to_owned(), folder: folder.to_owned(), output: last_lines(&printed) })
}
