//! Puts a file in its place, whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::error::ReportError;
use crate::store::staging::{self, StagingDirectory};

/// Where a report goes.
#[derive(Debug, Clone)]
pub struct Target {
    path: PathBuf,
    force: bool,
}

impl Target {
    /// `path`, if a report about `database` may be written there; `force` allows it to replace a file.
    pub fn new(path: &Path, database: &Path, force: bool) -> Result<Self, ReportError> {
        let target = Self {
            path: path.to_owned(),
            force,
        };
        target.check(database)?;
        Ok(target)
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn check(&self, database: &Path) -> Result<(), ReportError> {
        let refused = |what| {
            Err(ReportError::NotReplaced {
                path: self.path.clone(),
                what,
            })
        };
        if self.path.file_name().is_none() {
            return refused("no name of a file");
        }
        for beside in ["", "-wal", "-shm", "-journal", ".lock"] {
            let mut name = database.as_os_str().to_owned();
            name.push(beside);
            if same_file(&self.path, Path::new(&name)) {
                return refused("part of the database");
            }
        }
        match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(cause) => Err(self.failed(cause)),
            Ok(found) if found.is_dir() => refused("a directory"),
            Ok(found) if found.is_symlink() => refused("a symbolic link"),
            Ok(found) if !found.is_file() => refused("no ordinary file"),
            Ok(_) if self.force => Ok(()),
            Ok(_) => Err(ReportError::Exists(self.path.clone())),
        }
    }

    /// Writes `content` to the disk in a directory of its own, and moves it to the path. A reader sees the old file
    /// or the new one. After a failure the old one is as it was, and after a kill the next report removes the rest.
    pub fn write(&self, content: &[u8]) -> Result<(), ReportError> {
        let place = || {
            let staging = StagingDirectory::begin(directory(&self.path), "report")?;
            let page = staging.file("page.html");
            written(&page, content)?;
            if self.force {
                fs::rename(&page, &self.path)?;
            } else {
                // Somebody may have put a file there since it was looked at.
                staging::give_new_name(&page, &self.path)?;
            }
            File::open(directory(&self.path))?.sync_all()
        };
        place().map_err(|cause| match cause.kind() {
            io::ErrorKind::AlreadyExists => ReportError::Exists(self.path.clone()),
            _ => self.failed(cause),
        })
    }

    fn failed(&self, cause: io::Error) -> ReportError {
        ReportError::Write {
            path: self.path.clone(),
            cause,
        }
    }
}

fn written(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Whether both are one file, or would be: in the same directory under the same name.
fn same_file(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| {
        let directory = fs::canonicalize(directory(path)).ok()?;
        fs::canonicalize(path)
            .ok()
            .or_else(|| Some(directory.join(path.file_name()?)))
    };
    place(one).is_some_and(|one| place(other).is_some_and(|other| one == other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_only_by_force_and_nothing_is_left_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let (out, database) = (directory.path().join("a.html"), directory.path().join("a.db"));
        let target = Target::new(&out, &database, false).unwrap();
        target.write(b"one").unwrap();
        assert!(matches!(
            Target::new(&out, &database, false),
            Err(ReportError::Exists(_))
        ));
        // It came while the report was being made.
        assert!(matches!(target.write(b"two"), Err(ReportError::Exists(_))));
        assert_eq!(fs::read(&out).unwrap(), b"one");
        Target::new(&out, &database, true)
            .unwrap()
            .write(b"three")
            .unwrap();
        assert_eq!(fs::read(&out).unwrap(), b"three");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_database_is_never_replaced_nor_what_is_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("a.db");
        fs::write(&database, "").unwrap();
        std::os::unix::fs::symlink(&database, directory.path().join("link.html")).unwrap();
        for name in ["a.db", "a.db-wal", "./a.db.lock", "link.html", ".", ".."] {
            let refused = Target::new(&directory.path().join(name), &database, true);
            assert!(matches!(refused, Err(ReportError::NotReplaced { .. })), "{name}");
        }
        assert!(Target::new(&directory.path().join("b.html"), &database, false).is_ok());
        let nowhere = directory.path().join("nowhere").join("b.html");
        let failed = Target::new(&nowhere, &database, false).unwrap().write(b"x");
        assert!(matches!(failed, Err(ReportError::Write { .. })));
    }
}
