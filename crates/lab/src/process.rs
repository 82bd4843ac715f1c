//! Questions about processes, and the signals that stop them.

use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::{fs, io};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// Whether a process of this number exists and is not a zombie.
pub(crate) fn is_running(pid: u32) -> bool {
    let exists = match to_pid(pid).map(test_kill_process) {
        Some(Ok(())) => true,
        // It exists and is another user's.
        Some(Err(error)) => error == Errno::PERM,
        None => false,
    };
    exists && statistics(pid).is_none_or(|fields| fields.state != "Z")
}

/// When the process started, in a form that only compares: with the number it tells a process from a later one of the same number.
pub(crate) fn start_time(pid: u32) -> Option<String> {
    if let Some(fields) = statistics(pid) {
        return Some(fields.start_time);
    }
    let output = Command::new("ps").args(["-o", "lstart=", "-p", &pid.to_string()]).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// Whether the process is the postmaster of this data folder, or one of its children.
pub(crate) fn serves(pid: u32, data: &Path) -> bool {
    // A server's working folder is its data folder (`ChangeToDataDir` in `miscinit.c`).
    if let Ok(folder) = fs::read_link(format!("/proc/{pid}/cwd")) {
        return folder == data && statistics(pid).is_some_and(|fields| fields.command == "postgres");
    }
    let Ok(output) = Command::new("ps").args(["-ww", "-o", "command=", "-p", &pid.to_string()]).output() else { return false };
    let command = String::from_utf8_lossy(&output.stdout).into_owned();
    command.contains("postgres") && command.contains(&data.display().to_string())
}

/// Sends a signal; a process that is gone already is no error.
pub(crate) fn send(pid: u32, signal: Signal) -> io::Result<()> {
    let pid = to_pid(pid).ok_or(io::ErrorKind::InvalidInput)?;
    match kill_process(pid, signal) {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// User and system time of the process, its children and their reaped children; those of the children that are still there included.
///
/// From `/proc/<pid>/stat` (proc(5)), in steps of the kernel's clock tick, usually 10 ms.
pub(crate) fn cpu_time_of_family(pid: u32) -> io::Result<Duration> {
    if !cfg!(target_os = "linux") {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "processor time of a server is read from /proc, which only Linux has",
        ));
    }
    // A child that ends between the two readings would count twice or not at all: then its time has moved to the parent's.
    for _ in 0..10 {
        let before = statistics(pid).ok_or(io::ErrorKind::NotFound)?;
        let children: u64 =
            all_statistics()?.filter(|fields| fields.parent == pid).map(|fields| fields.own_ticks + fields.reaped_ticks).sum();
        let after = statistics(pid).ok_or(io::ErrorKind::NotFound)?;
        if before.reaped_ticks == after.reaped_ticks {
            return Ok(duration_of(after.own_ticks + after.reaped_ticks + children));
        }
    }
    Err(io::Error::new(io::ErrorKind::ResourceBusy, "processes of the server ended too fast to add up their processor time"))
}

struct Statistics {
    command: String,
    state: String,
    parent: u32,
    own_ticks: u64,
    reaped_ticks: u64,
    start_time: String,
}

fn to_pid(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

fn statistics(pid: u32) -> Option<Statistics> {
    parse_statistics(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn all_statistics() -> io::Result<impl Iterator<Item = Statistics>> {
    let entries = fs::read_dir("/proc")?;
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(pids.filter_map(statistics))
}

/// The command may hold spaces and parentheses, so the fields are counted from the last parenthesis.
fn parse_statistics(text: &str) -> Option<Statistics> {
    let (head, tail) = text.rsplit_once(')')?;
    let fields: Vec<&str> = tail.split_whitespace().collect();
    // Numbered as in proc(5), where the state is the third.
    let field = |number: usize| fields.get(number - 3).copied();
    let ticks = |number: usize| field(number)?.parse::<u64>().ok();
    Some(Statistics {
        command: head.split_once('(')?.1.to_owned(),
        state: field(3)?.to_owned(),
        parent: field(4)?.parse().ok()?,
        own_ticks: ticks(14)? + ticks(15)?,
        reaped_ticks: ticks(16)? + ticks(17)?,
        start_time: field(22)?.to_owned(),
    })
}

fn duration_of(ticks: u64) -> Duration {
    let a_second = rustix::param::clock_ticks_per_second().max(1);
    Duration::from_millis(ticks.saturating_mul(1000) / a_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_parentheses_does_not_shift_the_fields() {
        let text = "42 (a) b (c)) S 7 42 42 0 -1 4194560 900 0 0 0 11 22 33 44 20 0 1 0 98765 1 2";
        let fields = parse_statistics(text).expect("a whole line");
        assert_eq!((fields.command.as_str(), fields.state.as_str(), fields.parent), ("a) b (c)", "S", 7));
        assert_eq!((fields.own_ticks, fields.reaped_ticks, fields.start_time.as_str()), (33, 77, "98765"));
        assert!(parse_statistics("42 (cut").is_none());
    }

    #[test]
    fn this_process_runs_and_started_once() {
        let pid = std::process::id();
        assert!(is_running(pid));
        assert_eq!(start_time(pid), start_time(pid));
        assert!(start_time(pid).is_some());
        assert!(!is_running(0));
        assert!(!serves(pid, Path::new("/")));
    }
}
