//! The file system that a database lies on.

use std::io;
use std::path::Path;

/// The file system that a database lies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volume {
    /// Bytes that this user may still write.
    pub free_bytes: u64,
    /// Total bytes.
    pub total_bytes: u64,
    /// The kind of the file system, if it is a network or user-space (FUSE) one. The locks and the shared memory of
    /// such a file system may not be reliable enough for the write-ahead log and the lock of a run.
    pub weak_locks: Option<&'static str>,
}

impl Volume {
    /// Returns the file system of `path`, which must exist.
    pub fn of(path: &Path) -> io::Result<Self> {
        let found = rustix::fs::statvfs(path)?;
        Ok(Self {
            free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
            total_bytes: found.f_blocks.saturating_mul(found.f_frsize),
            weak_locks: weak_locks(path)?,
        })
    }

    /// Returns whether this user may write to `path`, a file or a directory that exists.
    #[must_use]
    pub fn is_writable(path: &Path) -> bool {
        rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
    }
}

#[cfg(target_os = "linux")]
fn weak_locks(path: &Path) -> io::Result<Option<&'static str>> {
    let kind = rustix::fs::statfs(path)?.f_type;
    // A signed 32-bit number on some machines.
    Ok(weak_kind(i128::from(kind) & 0xffff_ffff))
}

/// The numbers are those of linux/magic.h and of the file systems' own sources.
#[cfg(target_os = "linux")]
fn weak_kind(number: i128) -> Option<&'static str> {
    Some(match number {
        0x6969 => "NFS",
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => "SMB",
        0x0102_1997 => "9P",
        0x00c3_6400 => "Ceph",
        0x5346_414f => "AFS",
        0x6573_5546 => "FUSE",
        _ => return None,
    })
}

#[cfg(not(target_os = "linux"))]
fn weak_locks(_path: &Path) -> io::Result<Option<&'static str>> {
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_lies_on_a_volume_and_a_missing_one_on_none() {
        let dir = tempfile::tempdir().unwrap();
        let volume = Volume::of(dir.path()).unwrap();
        assert!(volume.free_bytes > 0 && volume.free_bytes <= volume.total_bytes);
        assert!(Volume::is_writable(dir.path()));
        let missing = dir.path().join("missing");
        assert!(Volume::of(&missing).is_err() && !Volume::is_writable(&missing));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_local_disk_has_locks_and_a_share_may_not() {
        for (number, kind) in [
            (0x6969, Some("NFS")),
            (0xff53_4d42, Some("SMB")),
            (0x6573_5546, Some("FUSE")),
            (0xef53, None),
            (0x0102_1994, None),
        ] {
            assert_eq!(weak_kind(number), kind);
        }
    }
}
