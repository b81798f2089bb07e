//! Where the database is, and the names of the files beside it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::store::error::{Result, StoreError, StoreErrorKind};

/// Returns `path` with its directory resolved, so that one file has one name and one lock.
///
/// Only the directory may be reached through links. The result is absolute, so SQLite never takes it for one of its
/// special names (`:memory:`, `file:…`).
pub(crate) fn locate(path: &Path) -> Result<PathBuf> {
    let nameless = || StoreErrorKind::Directory(io::ErrorKind::IsADirectory.into());
    let name = path.file_name().ok_or_else(nameless)?;
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    let located = fs::canonicalize(parent.unwrap_or(Path::new(".")))
        .map_err(StoreErrorKind::Directory)?
        .join(name);
    match fs::symlink_metadata(&located) {
        Ok(about) if about.is_symlink() => Err(StoreErrorKind::Symlink),
        Ok(about) if about.is_dir() => Err(nameless()),
        Ok(about) if !about.is_file() => Err(StoreErrorKind::NotAFile),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(StoreErrorKind::Directory(error)),
        _ => Ok(located),
    }
}

/// Returns an error if there can be no database at `path`: its directory does not exist, or something else is there.
pub fn ensure_place(path: &Path) -> std::result::Result<(), StoreError> {
    locate(path).map(drop).map_err(|kind| StoreError::new(path, kind))
}

/// Returns the directory of a located path.
pub(crate) fn directory(located: &Path) -> &Path {
    located.parent().unwrap_or(Path::new("/"))
}

/// Returns `path` with `suffix` behind its name, such as `stats.db-wal`.
pub(crate) fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Returns the size of the file at `path` in bytes; `None` if it cannot be read.
pub(crate) fn size(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|about| about.len())
}

/// Returns whether the process was killed while it marked the file or switched the log on. No other write uses a
/// rollback journal. Only the writing connection can undo it; until then nobody can read the file.
pub(crate) fn has_hot_journal(path: &Path) -> bool {
    size(&suffixed(path, "-journal")).is_some_and(|bytes| bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_absolute_whatever_it_looks_like() {
        let dir = tempfile::tempdir().unwrap();
        for name in [":memory:", "file:x?mode=memory", "stats.db"] {
            let located = locate(&dir.path().join(name)).unwrap();
            assert!(located.is_absolute() && located.ends_with(name));
        }
        assert!(locate(Path::new("stats.db")).unwrap().is_absolute());
        for nowhere in ["/nowhere/stats.db", "/", ""] {
            assert!(matches!(
                locate(Path::new(nowhere)),
                Err(StoreErrorKind::Directory(_))
            ));
        }
        assert!(matches!(locate(dir.path()), Err(StoreErrorKind::Directory(_))));
    }
}
