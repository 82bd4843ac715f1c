//! The process that cleans up when the owner no longer can.
//!
//! A small shell script waits on a pipe whose other end only the owner holds (std opens it close-on-exec, so neither the server nor any
//! other child inherits it). However the owner ends, by `SIGKILL` too, the kernel closes that end, and the script stops the server and
//! removes the folder. It leads a process group of its own, in which `initdb` and the server run as well: a terminal's Ctrl-C reaches
//! none of them, and the guardian can end them together, even one that the owner had no time to tell it about.

use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::error::LabError;

const SHELL: &str = "/bin/sh";

/// Reads lines from the owner: the number of the server's process, `none` when it has been stopped, `released` when there is nothing
/// to do any more. `$1` is the lab's folder.
///
/// The group gets SIGTERM for `initdb`, and for a server that is not known yet (smart shutdown, and no client is left to wait for); the
/// known server gets SIGQUIT (immediate shutdown), since no data of a lab is worth a checkpoint, and SIGKILL after ten seconds. A
/// zombie counts as gone: in a container nobody may ever reap it.
const SCRIPT: &str = r#"
trap '' HUP INT QUIT TERM
server=none
while read -r line; do
  [ "$line" = released ] && exit 0
  server=$line
done
[ -d "$1" ] || exit 0
kill -s TERM 0
running() {
  kill -s 0 "$server" 2>/dev/null || return 1
  [ -r "/proc/$server/stat" ] || return 0
  read -r state <"/proc/$server/stat" 2>/dev/null || return 1
  case $state in *') Z '*) return 1 ;; esac
}
if [ "$server" = none ] && [ -r "$1/data/postmaster.pid" ]; then
  read -r server <"$1/data/postmaster.pid"
fi
if [ "$server" != none ]; then
  kill -s QUIT "$server" 2>/dev/null
  tries=0
  while running; do
    tries=$((tries + 1))
    [ "$tries" -eq 100 ] && kill -s KILL "$server" 2>/dev/null
    [ "$tries" -ge 150 ] && break
    sleep 0.1
  done
fi
tries=0
until rm -rf "$1" 2>/dev/null && [ ! -e "$1" ]; do
  tries=$((tries + 1))
  [ "$tries" -ge 100 ] && exit 1
  sleep 0.1
done
"#;

/// The guardian of one lab. Dropping it lets it do its work: it must be released when the server and the folder are gone or are to stay.
#[derive(Debug)]
pub(crate) struct Guardian {
    child: Child,
    /// `None` only while being dropped.
    pipe: Option<ChildStdin>,
}

impl Guardian {
    /// Starts watching over the lab in `folder`.
    pub(crate) fn start(folder: &Path) -> Result<Self, LabError> {
        let mut command = Command::new(SHELL);
        command.args(["-c", SCRIPT, "pgtailor-lab-guardian"]).arg(folder);
        // Its working folder must not keep a file system busy that the owner's user wants to unmount.
        command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let mut child = command.spawn().map_err(|source| LabError::Run { program: SHELL.into(), account: None, source })?;
        let pipe = child.stdin.take();
        Ok(Self { child, pipe })
    }

    /// The process group for everything that belongs to the lab.
    pub(crate) fn group(&self) -> Option<i32> {
        i32::try_from(self.child.id()).ok()
    }

    /// Whether it is still there; someone may have ended it.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Tells it which process is the server; `None` when there is none any more.
    ///
    /// A guardian that is gone is no error: then the next start sweeps.
    pub(crate) fn watch(&mut self, server: Option<u32>) {
        let line = server.map_or_else(|| "none\n".to_owned(), |pid| format!("{pid}\n"));
        let _ = self.write(&line);
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        // One write of a few bytes is atomic on a pipe: the script never reads half a number.
        self.pipe.as_mut().map_or(Ok(()), |pipe| pipe.write_all(line.as_bytes()))
    }

    /// Ends it, because the server and the folder are gone, or are to stay.
    pub(crate) fn release(mut self) {
        let _ = self.write("released\n");
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        self.pipe = None;
        let _ = self.child.wait();
    }
}
