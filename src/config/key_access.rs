//! Who can read and replace the key file, and whether this user could change that.
//!
//! Kubernetes, Docker and systemd give a key as a file that its reader can neither change nor protect any better: it has
//! another owner, or lies on a read-only mount. Such a file is taken. A file that this user could protect must be
//! protected.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, StatVfsMountFlags, accessat, fstatvfs};
use rustix::process::geteuid;

/// Where Linux lists the capabilities of this process.
const STATUS: &str = "/proc/self/status";
/// `CAP_FOWNER`: the capability to change the permissions of files of other owners.
const CAP_FOWNER: u32 = 3;

/// The facts about an opened key file that decide whether it is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileFacts {
    /// Its permission bits.
    pub mode: u32,
    /// The user id of its owner.
    pub owner: u32,
    /// Whether this user could run `chmod` on it, if the file system lets anybody write.
    is_ours: bool,
    /// Whether it lies on a file system that is mounted read-only.
    is_read_only: bool,
    /// Whether this user can write to it.
    is_writable: bool,
    /// Whether systemd made it for this process.
    from_systemd: bool,
}

/// Why a key file is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyAccess {
    /// Only its owner can read it.
    Private,
    /// Others can read it, by its mode. systemd made it for this process, with an access list that the mode shows as
    /// access of the group.
    Credential,
    /// Others can read it. It lies on a read-only mount.
    ReadOnly,
    /// Others can read it. It has another owner.
    OtherOwner,
}

/// Why a key file is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotProtected {
    /// Others can read it, and this user could change that.
    ByThisUser,
    /// Others can write to it, so it may hold another key. This user cannot change that.
    ByItsOwner,
}

impl FileFacts {
    /// Reads the facts about `file`, which was opened at `path`.
    pub(super) fn of(file: &File, path: &Path, from_systemd: bool) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let user = geteuid();
        let is_read_only = fstatvfs(file).is_ok_and(|found| found.f_flag.contains(StatVfsMountFlags::RDONLY));
        Ok(Self {
            mode: metadata.permissions().mode() & 0o7777,
            owner: metadata.uid(),
            is_ours: metadata.uid() == user.as_raw() || (user.is_root() && can_change_foreign_files()),
            is_read_only,
            is_writable: accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS).is_ok(),
            from_systemd,
        })
    }

    /// Returns why the file is taken, or why not.
    pub(super) fn access(&self) -> Result<KeyAccess, NotProtected> {
        let could_protect = self.is_ours && !self.is_read_only;
        let not_protected = if could_protect {
            NotProtected::ByThisUser
        } else {
            NotProtected::ByItsOwner
        };
        // Neither the group nor others have a permission where the last six bits are zero.
        match self.mode {
            mode if mode.trailing_zeros() >= 6 => Ok(KeyAccess::Private),
            mode if mode & 0o002 != 0 => Err(not_protected),
            _ if self.from_systemd => Ok(KeyAccess::Credential),
            _ if self.is_read_only => Ok(KeyAccess::ReadOnly),
            _ if could_protect => Err(not_protected),
            mode if mode & 0o020 != 0 && self.is_writable => Err(not_protected),
            _ => Ok(KeyAccess::OtherOwner),
        }
    }
}

/// Says why a file that others can read is taken.
impl fmt::Display for KeyAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Private => "only its owner can read it",
            Self::Credential => "systemd made it for this process",
            Self::ReadOnly => "it lies on a read-only mount",
            Self::OtherOwner => "it has another owner",
        })
    }
}

/// Returns whether this process, which runs as root, may run `chmod` on files of other owners. In a container it may
/// not, if its capabilities were dropped.
fn can_change_foreign_files() -> bool {
    let status = std::fs::read_to_string(STATUS).unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    effective.is_none_or(|capabilities| capabilities >> CAP_FOWNER & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of another owner, that this user can read.
    const FOREIGN: FileFacts = FileFacts {
        mode: 0o440,
        owner: 0,
        is_ours: false,
        is_read_only: false,
        is_writable: false,
        from_systemd: false,
    };

    #[test]
    fn a_file_that_this_user_could_protect_must_be_protected() {
        for mode in [0o640, 0o604, 0o660, 0o666, 0o440, 0o444] {
            let ours = FileFacts {
                mode,
                is_ours: true,
                is_writable: true,
                ..FOREIGN
            };
            assert_eq!(ours.access(), Err(NotProtected::ByThisUser), "{mode:o}");
        }
    }

    #[test]
    fn a_file_that_this_user_cannot_protect_is_taken() {
        for mode in [0o440, 0o444, 0o640, 0o644, 0o664] {
            let foreign = FileFacts { mode, ..FOREIGN };
            assert_eq!(foreign.access(), Ok(KeyAccess::OtherOwner), "{mode:o}");
            for is_ours in [false, true] {
                let mounted = FileFacts {
                    is_read_only: true,
                    is_ours,
                    ..foreign
                };
                assert_eq!(mounted.access(), Ok(KeyAccess::ReadOnly), "{mode:o}");
            }
            let credential = FileFacts {
                from_systemd: true,
                ..foreign
            };
            assert_eq!(credential.access(), Ok(KeyAccess::Credential), "{mode:o}");
        }
    }

    #[test]
    fn a_file_that_others_can_write_to_is_never_taken() {
        for (is_read_only, from_systemd) in [(false, false), (true, false), (false, true), (true, true)] {
            let open = FileFacts {
                mode: 0o446,
                is_read_only,
                from_systemd,
                ..FOREIGN
            };
            assert_eq!(open.access(), Err(NotProtected::ByItsOwner));
        }
        // A member of the group, but not the owner.
        let shared = FileFacts {
            mode: 0o660,
            is_writable: true,
            ..FOREIGN
        };
        assert_eq!(shared.access(), Err(NotProtected::ByItsOwner));
    }

    #[test]
    fn a_private_file_is_taken_wherever_it_lies() {
        for mode in [0o400, 0o600, 0o700] {
            let private = FileFacts {
                mode,
                is_ours: true,
                is_writable: true,
                ..FOREIGN
            };
            assert_eq!(private.access(), Ok(KeyAccess::Private));
        }
    }
}
