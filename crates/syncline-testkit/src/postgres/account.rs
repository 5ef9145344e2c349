//! Whom the server runs as.

use std::{
    fs, io,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::Path,
    process::Command,
};

const ACCOUNTS: &str = "/etc/passwd";
/// In the order in which they are taken.
const NAMES: [&str; 2] = ["postgres", "nobody"];

/// A user that is not root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Account {
    user: u32,
    group: u32,
}

impl Account {
    /// The account to run as where who made `dir` is root; `None` where that is somebody else already.
    pub(super) fn for_owner_of(dir: &Path) -> io::Result<Option<Self>> {
        if fs::metadata(dir)?.uid() != 0 {
            return Ok(None);
        }
        let accounts = fs::read_to_string(ACCOUNTS)?;
        let found = NAMES.iter().find_map(|name| find(&accounts, name));
        found.map(Some).ok_or_else(|| {
            let message =
                format!("postgres does not run as root, and {ACCOUNTS} names neither {}", NAMES.join(" nor "));
            io::Error::new(io::ErrorKind::NotFound, message)
        })
    }

    /// Lets the account have `dir`.
    pub(super) fn give(self, dir: &Path) -> io::Result<()> {
        std::os::unix::fs::chown(dir, Some(self.user), Some(self.group))
    }

    /// Lets `command` run as the account.
    pub(super) fn run_as(self, command: &mut Command) {
        command.uid(self.user).gid(self.group);
    }
}

fn find(accounts: &str, name: &str) -> Option<Account> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let (user, group) = (fields.nth(1)?, fields.next()?);
        Some(Account { user: user.parse().ok()?, group: group.parse().ok()? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let accounts = "root:x:0:0::/root:/bin/sh\npostgres2:x:7:8::/:/bin/sh\npostgres:x:101:104::/:/bin/sh\n";
        assert_eq!(find(accounts, "postgres"), Some(Account { user: 101, group: 104 }));
        assert_eq!(find(accounts, "nobody"), None);
    }
}
