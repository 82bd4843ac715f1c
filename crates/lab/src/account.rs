//! Which user runs the server: PostgreSQL refuses root.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::error::LabError;

/// A user of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Who is to run the server: `None` for ourselves, and when we are root `postgres`, else `nobody`.
pub(crate) fn account_for_server() -> Result<Option<Account>, LabError> {
    if our_uid() != 0 {
        return Ok(None);
    }
    // /etc/passwd is read directly: asking the name service needs libc calls that std does not offer.
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    unprivileged_account(&passwd).map(Some).ok_or(LabError::NoAccount)
}

/// The effective user of this process.
pub(crate) fn our_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Makes `command` run as `account`; the supplementary groups are dropped by std when we are root.
pub(crate) fn run_as(command: &mut Command, account: Option<&Account>) {
    if let Some(account) = account {
        command.uid(account.uid).gid(account.gid);
    }
}

fn unprivileged_account(passwd: &str) -> Option<Account> {
    ["postgres", "nobody"]
        .iter()
        .find_map(|wanted| passwd.lines().filter_map(account_of_line).find(|account| account.name == *wanted))
}

fn account_of_line(line: &str) -> Option<Account> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    (uid != 0).then_some(Account { name, uid, gid })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postgres_is_preferred_to_nobody_and_root_is_never_taken() {
        let both = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65533::/:/bin/false\npostgres:x:101:104:,,,:/var:/bin/bash\n";
        assert_eq!(unprivileged_account(both), Some(Account { name: "postgres".to_owned(), uid: 101, gid: 104 }));
        let one = "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65533::/:/bin/false\n";
        assert_eq!(unprivileged_account(one).map(|account| account.gid), Some(65533));
        assert_eq!(unprivileged_account("postgres:x:0:0::/:/bin/sh\nbroken\n"), None);
    }
}
