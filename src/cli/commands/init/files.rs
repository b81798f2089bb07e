//! The configuration and the key file: both are written, or none.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

use crate::cli::CliError;
use crate::cli::view::text;
use crate::interrupt;
use crate::store::staging::{self, StagingDirectory};

/// The name of the key file, in the directory of the configuration.
pub const KEY_FILE: &str = "secret.key";
/// The permissions of the key file.
const PRIVATE: u32 = 0o600;
/// The permissions of the configuration, as far as the umask allows them. It holds no secret.
const READABLE: u32 = 0o644;

/// Where the two files go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The configuration.
    pub config: PathBuf,
    /// The directory of both; empty for the current one.
    pub directory: PathBuf,
}

impl Target {
    /// Returns the target for a configuration at `config`.
    #[must_use]
    pub fn new(config: PathBuf) -> Self {
        let directory = config.parent().unwrap_or(Path::new("")).to_owned();
        Self { config, directory }
    }

    /// Returns the path of the key file.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        self.directory.join(KEY_FILE)
    }

    /// Returns whether `path` names the file that the key file would be.
    #[must_use]
    pub fn is_key_file(&self, path: &Path) -> bool {
        let same = |a: &Path, b: &Path| Some(fs::canonicalize(a).ok()? == fs::canonicalize(b).ok()?);
        path == self.key_file() || same(path, &self.key_file()) == Some(true)
    }

    /// Refuses a target that exists, or that cannot be made.
    pub fn check(&self, writes_key: bool) -> Result<(), CliError> {
        if exists(&self.config) {
            return Err(exists_already(&self.config).with_help(Some(
                "`init` never overwrites a file: change it with an editor, or name another one with `--config`",
            )));
        }
        if writes_key && exists(&self.key_file()) {
            let path = self.key_file();
            let help = format!(
                "`init` never overwrites a file: to use the key in it, add `--key-file {}`; or move it away",
                text::shell_word(path.as_os_str())
            );
            return Err(exists_already(&path).with_help(Some(help)));
        }
        let directory = self.directory_to_open();
        match fs::metadata(directory) {
            Ok(found) if found.is_dir() => Ok(()),
            Ok(_) => Err(CliError::usage(format!(
                "`{}` is not a directory",
                text::path(directory)
            ))),
            Err(error) => Err(CliError::usage(format!(
                "the directory `{}` cannot be used: {error}; create it first, or name another file with `--config`",
                text::path(directory)
            ))),
        }
    }

    /// Writes the configuration and, if there is one, the key. After an error neither is there.
    pub fn write(&self, config: &str, key: Option<&SecretString>) -> Result<(), CliError> {
        // A signal must not come between the two.
        let _careful = interrupt::careful();
        let directory = self.directory_to_open();
        let failed = |error: io::Error| {
            CliError::failed(format!(
                "cannot write to the directory `{}`: {error}; nothing was written",
                text::path(directory)
            ))
        };
        let staging = StagingDirectory::begin(directory, "init").map_err(failed)?;
        let mode = staging.permitted(READABLE).map_err(failed)?;
        let config = staged(&staging, "config", config, mode).map_err(failed)?;
        let key_file = self.key_file();
        if let Some(key) = key {
            let key =
                staged(&staging, "key", &format!("{}\n", key.expose_secret()), PRIVATE).map_err(failed)?;
            name(&key, &key_file, directory)?;
        }
        if let Err(error) = name(&config, &self.config, directory) {
            if key.is_some() {
                let _ = fs::remove_file(&key_file);
            }
            return Err(error);
        }
        staging::sync(directory).map_err(|error| {
            CliError::failed(format!(
                "the files are written, but may not outlive a power failure: {error}"
            ))
        })
    }

    fn directory_to_open(&self) -> &Path {
        if self.directory.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &self.directory
        }
    }
}

/// Writes a file that nobody else sees, to the disk.
fn staged(staging: &StagingDirectory, name: &str, content: &str, mode: u32) -> io::Result<PathBuf> {
    let path = staging.file(name);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(PRIVATE)
        .open(&path)?;
    file.write_all(content.as_bytes())?;
    staging::complete(&path, mode)?;
    Ok(path)
}

/// Gives a finished file its name, unless there is a file of that name by now.
fn name(from: &Path, to: &Path, directory: &Path) -> Result<(), CliError> {
    staging::give_new_name(from, to).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => exists_already(to),
        _ => CliError::failed(format!(
            "cannot write `{}` to the directory `{}`: {error}; nothing was written",
            text::path(to),
            text::path(directory)
        )),
    })
}

/// Whether something has this name, if only a link that leads nowhere.
fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn exists_already(path: &Path) -> CliError {
    CliError::usage(format!(
        "`{}` exists already; nothing was written",
        text::path(path)
    ))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::cli::ExitStatus;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        names
    }

    fn target() -> (tempfile::TempDir, Target) {
        let directory = tempfile::tempdir().unwrap();
        let target = Target::new(directory.path().join("jdcdn-stats.toml"));
        (directory, target)
    }

    #[test]
    fn both_files_are_written_and_the_key_is_private() {
        let (directory, target) = target();
        target.check(true).unwrap();
        target.write("a = 1\n", Some(&"hunter2hunter2".into())).unwrap();
        assert_eq!(names(directory.path()), ["jdcdn-stats.toml", "secret.key"]);
        assert_eq!(fs::read_to_string(&target.config).unwrap(), "a = 1\n");
        assert_eq!(fs::read_to_string(target.key_file()).unwrap(), "hunter2hunter2\n");
        let mode = fs::metadata(target.key_file()).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
    }

    #[test]
    fn what_exists_is_never_overwritten_and_neither_file_is_left_alone() {
        for name in ["jdcdn-stats.toml", "secret.key"] {
            for is_link in [false, true] {
                let (directory, target) = target();
                let path = directory.path().join(name);
                if is_link {
                    symlink("nowhere", &path).unwrap();
                } else {
                    fs::write(&path, "mine").unwrap();
                }
                let refused = target.check(true).unwrap_err();
                assert_eq!(refused.status(), ExitStatus::USAGE);
                assert!(refused.to_string().contains(name), "{refused}");
                // It may have come after the check.
                let refused = target
                    .write("a = 1\n", Some(&"hunter2hunter2".into()))
                    .unwrap_err();
                assert_eq!(refused.status(), ExitStatus::USAGE);
                assert_eq!(names(directory.path()), [name]);
                if !is_link {
                    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
                }
            }
        }
    }
}
