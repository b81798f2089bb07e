//! The owner of a directory in which root works.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::process::geteuid;

/// Where the users of this machine are listed.
const USERS: &str = "/etc/passwd";

/// The user who owns a directory, where this process is root and that user is another one. The files that root makes
/// there belong to root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DirectoryOwner {
    uid: u32,
    name: Option<String>,
}

impl DirectoryOwner {
    /// Returns the owner of the directory of `file`, if this process is root and the owner is another user. `None`, too, if
    /// there is no such directory.
    pub(crate) fn besides_root(file: &Path) -> Option<Self> {
        if !geteuid().is_root() {
            return None;
        }
        let directory = file.parent().filter(|parent| *parent != Path::new(""));
        let uid = fs::metadata(directory.unwrap_or(Path::new("."))).ok()?.uid();
        let users = fs::read_to_string(USERS).unwrap_or_default();
        (uid != 0).then(|| Self {
            uid,
            name: name_in(&users, uid).map(str::to_owned),
        })
    }

    /// Returns the words that go before a command, so that this user runs it.
    pub(crate) fn prefix(&self) -> String {
        match &self.name {
            Some(name) => format!("runuser -u {name} --"),
            None => format!("setpriv --reuid={} --clear-groups", self.uid),
        }
    }
}

impl std::fmt::Display for DirectoryOwner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.name {
            Some(name) => write!(f, "`{name}`"),
            None => write!(f, "the user {}", self.uid),
        }
    }
}

/// Returns the name of a user in the text of `/etc/passwd`.
fn name_in(users: &str, uid: u32) -> Option<&str> {
    let uid = uid.to_string();
    let of_line = |line: &'_ str| line.split(':').nth(2) == Some(uid.as_str());
    let line = users.lines().find(|line| of_line(line))?;
    let name = line.split(':').next()?;
    let is_known = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
    (!name.is_empty() && name.chars().all(is_known)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_number_and_a_name_that_a_shell_could_misread_is_not_used() {
        let users = "root:x:0:0:root:/root:/bin/sh\nstats:x:990:990::/:/bin/false\na$b:x:5:5::/:/bin/sh\n";
        assert_eq!(name_in(users, 990), Some("stats"));
        for unknown in [99, 5] {
            assert_eq!(name_in(users, unknown), None);
        }
    }
}
