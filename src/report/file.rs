//! Writes a report completely or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::error::ReportError;
use crate::model::convert::to_u64;
use crate::store::staging::{self, StagingDirectory};

/// The beginning of every HTML page, in any case.
const DOCTYPE: &[u8] = b"<!doctype html";

/// The file of a report.
#[derive(Debug, Clone)]
pub struct ReportFile {
    path: PathBuf,
    force: bool,
}

impl ReportFile {
    /// Returns the file at `path` if a report about `database` may be written there. `force` allows it to replace a
    /// file.
    pub fn new(path: &Path, database: &Path, force: bool) -> Result<Self, ReportError> {
        let target = Self {
            path: path.to_owned(),
            force,
        };
        target.check(database)?;
        Ok(target)
    }

    /// Returns the path.
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
            return refused("not a file name");
        }
        if !directory(&self.path).is_dir() {
            return Err(ReportError::NoDirectory(self.path.clone()));
        }
        for suffix in ["", "-wal", "-shm", "-journal", ".lock"] {
            let mut name = database.as_os_str().to_owned();
            name.push(suffix);
            if same_file(&self.path, Path::new(&name)) {
                return refused("part of the database");
            }
        }
        match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(cause) => Err(self.failed(cause)),
            Ok(found) if found.is_dir() => refused("a directory"),
            Ok(found) if found.is_symlink() => refused("a symbolic link"),
            Ok(found) if !found.is_file() => refused("not a regular file"),
            Ok(_) if self.force && is_page(&self.path).map_err(|cause| self.failed(cause))? => Ok(()),
            Ok(_) if self.force => refused("not an HTML page"),
            Ok(_) => Err(ReportError::Exists(self.path.clone())),
        }
    }

    /// Writes `content` to a file in a staging directory, and moves it to the path. A reader sees the old file or the
    /// new one. A failure leaves the old file as it was. After a kill, the next report removes the staging directory.
    pub fn write(&self, content: &[u8]) -> Result<(), ReportError> {
        let write = || {
            let staging = StagingDirectory::begin(directory(&self.path), "report")?;
            let page = staging.file("page.html");
            write_new(&page, content)?;
            if self.force {
                fs::rename(&page, &self.path)?;
            } else {
                // Another program may have created the file after the check.
                staging::give_new_name(&page, &self.path)?;
            }
            File::open(directory(&self.path))?.sync_all()
        };
        write().map_err(|cause| match cause.kind() {
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

/// Returns whether the file begins as an HTML page does, or is empty.
fn is_page(path: &Path) -> io::Result<bool> {
    let mut beginning = Vec::new();
    File::open(path)?
        .take(to_u64(DOCTYPE.len()))
        .read_to_end(&mut beginning)?;
    Ok(beginning.is_empty() || beginning.eq_ignore_ascii_case(DOCTYPE))
}

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
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

/// Returns whether both paths are the same file, or would be: the same directory and the same name.
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
    fn a_file_is_replaced_only_with_force_and_nothing_else_stays() {
        let directory = tempfile::tempdir().unwrap();
        let (out, database) = (directory.path().join("a.html"), directory.path().join("a.db"));
        let target = ReportFile::new(&out, &database, false).unwrap();
        target.write(b"<!doctype html>one").unwrap();
        assert!(matches!(
            ReportFile::new(&out, &database, false),
            Err(ReportError::Exists(_))
        ));
        // The file was created after the check.
        assert!(matches!(target.write(b"two"), Err(ReportError::Exists(_))));
        assert_eq!(fs::read(&out).unwrap(), b"<!doctype html>one");
        ReportFile::new(&out, &database, true)
            .unwrap()
            .write(b"three")
            .unwrap();
        assert_eq!(fs::read(&out).unwrap(), b"three");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        // Now it is no page.
        assert!(matches!(
            ReportFile::new(&out, &database, true),
            Err(ReportError::NotReplaced { .. })
        ));
    }

    #[test]
    fn neither_the_database_nor_a_directory_or_link_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("a.db");
        fs::write(&database, "").unwrap();
        std::os::unix::fs::symlink(&database, directory.path().join("link.html")).unwrap();
        for name in ["a.db", "a.db-wal", "./a.db.lock", "link.html", ".", ".."] {
            let refused = ReportFile::new(&directory.path().join(name), &database, true);
            assert!(matches!(refused, Err(ReportError::NotReplaced { .. })), "{name}");
        }
        assert!(ReportFile::new(&directory.path().join("b.html"), &database, false).is_ok());
        let nowhere = directory.path().join("nowhere").join("b.html");
        let failed = ReportFile::new(&nowhere, &database, false);
        assert!(matches!(failed, Err(ReportError::NoDirectory(_))));
    }
}
