//! Where the secret key comes from.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

use super::bounded_io::{self, TIME_LIMIT};
use super::environment::{self, Environment};
use super::error::{ConfigError, shown};
use super::key_access::{FileFacts, KeyAccess, NotProtected};
use super::key_text::{self, MAX_KEY_BYTES};
use super::source::{Setting, ValueSource};

/// Where the secret key is. It is read only when it is needed.
#[derive(Clone)]
pub enum SecretKeySource {
    /// `JDCDN_SECRET_KEY`
    Environment(SecretString),
    /// `JDCDN_SECRET_KEY_FILE` or `secret_key_file`
    File {
        /// The file.
        path: PathBuf,
        /// Where it is named.
        at: ValueSource,
        /// Whether systemd made the file for this process. systemd gives access by an ACL, which the mode shows as
        /// access of the group.
        from_systemd: bool,
    },
    /// `secret_key_command`: a program and its arguments, run without a shell.
    Command {
        /// The program and its arguments.
        words: Vec<OsString>,
        /// Where they are written.
        at: ValueSource,
    },
}

impl fmt::Debug for SecretKeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(_) => f.write_str("Environment(***)"),
            // The name may be the key, given in the wrong place. A word of the command may be a password.
            Self::File { at, .. } => write!(f, "File({at})"),
            Self::Command { at, .. } => write!(f, "Command({at})"),
        }
    }
}

/// Names the place and no part of the key: ``the key file `secret.key` `` for a file that exists.
impl fmt::Display for SecretKeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(_) => f.write_str(environment::SECRET_KEY),
            Self::File { path, .. } => write!(f, "the key file `{}`", shown(path)),
            Self::Command { at, .. } => write!(f, "the output of the command ({at})"),
        }
    }
}

impl SecretKeySource {
    /// Returns the key of the environment, else the file that the environment names, else the setting of the
    /// configuration file, which may be a file or a command.
    pub(super) fn choose(
        environment: &Environment,
        file: Option<&Setting>,
        command: Option<&Setting>,
    ) -> Result<Option<Self>, ConfigError> {
        if let (Some(file), Some(command)) = (file, command) {
            return Err(ConfigError::TwoKeys {
                file: file.source.clone(),
                command: command.source.clone(),
            });
        }
        if let Some(key) = environment.text(environment::SECRET_KEY)? {
            return Ok(Some(Self::Environment(key.into())));
        }
        let named = environment.setting(environment::SECRET_KEY_FILE);
        if let Some(setting) = named.as_ref().or(file) {
            let path = setting.path();
            let from_systemd = environment
                .raw(environment::CREDENTIALS_DIRECTORY)
                .is_some_and(|directory| path.parent() == Some(Path::new(directory)));
            return Ok(Some(Self::File {
                path,
                at: setting.source.clone(),
                from_systemd,
            }));
        }
        match command {
            Some(setting) if setting.words.is_empty() => Err(ConfigError::Invalid {
                at: setting.source.clone(),
                reason: "the list is empty: name a program and its arguments".to_owned(),
            }),
            Some(setting) => Ok(Some(Self::Command {
                words: setting.words.clone(),
                at: setting.source.clone(),
            })),
            None => Ok(None),
        }
    }

    /// Returns the content of the key file, if it is a plain file that can be read at once. It must not be printed,
    /// even where it stands in a wrong place. No command is run for this.
    #[must_use]
    pub fn peek(&self) -> Option<SecretString> {
        let Self::File { path, .. } = self else {
            return None;
        };
        // A FIFO is not opened: its writer would write the key now, and only once.
        path.metadata().ok().filter(std::fs::Metadata::is_file)?;
        let mut file = bounded_io::open(path).ok()?;
        let bytes = bounded_io::read_all(&mut file, MAX_KEY_BYTES, TIME_LIMIT).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned().into())
    }

    /// Reads the key.
    pub fn read(&self) -> Result<SecretString, ConfigError> {
        let bytes = match self {
            Self::Environment(key) => key.expose_secret().as_bytes().to_vec(),
            Self::File {
                path,
                at,
                from_systemd,
            } => read_private(path, at, *from_systemd)?,
            Self::Command { words, at } => {
                let mut output = run(words, at)?;
                let line = output.iter().position(|byte| *byte == b'\n');
                output.truncate(line.unwrap_or(output.len()));
                output
            }
        };
        let from = self.to_string();
        key_text::checked(&bytes).map_err(|problem| ConfigError::KeyMalformed { from, problem })
    }

    /// Returns the key that a person has typed, without its line end.
    pub fn typed(given: &SecretString) -> Result<SecretString, ConfigError> {
        let checked = key_text::checked(given.expose_secret().as_bytes());
        checked.map_err(|problem| ConfigError::KeyMalformed {
            from: "the given key".to_owned(),
            problem,
        })
    }

    /// Reads the key of a file that is only read once, whoever can read it. Returns the key, and whether the file would be
    /// taken as a key file.
    pub fn read_to_copy(path: &Path, at: &ValueSource) -> Result<(SecretString, bool), ConfigError> {
        let (mut file, facts) = open(path, at, false)?;
        let bytes = read_open(&mut file, at)?;
        let from = format!("the file `{}`", shown(path));
        let key = key_text::checked(&bytes).map_err(|problem| ConfigError::KeyMalformed { from, problem })?;
        Ok((key, facts.access().is_ok()))
    }

    /// Returns who can read the key file; `None` for another source, or where the file cannot be opened.
    #[must_use]
    pub fn access(&self) -> Option<(FileFacts, KeyAccess)> {
        let Self::File {
            path, from_systemd, ..
        } = self
        else {
            return None;
        };
        // A FIFO is not opened: its writer would write the key now, and only once.
        path.metadata().ok().filter(std::fs::Metadata::is_file)?;
        let facts = FileFacts::of(&bounded_io::open(path).ok()?, path, *from_systemd).ok()?;
        Some((facts, facts.access().ok()?))
    }
}

/// Reads a file that only its owner can read, or that this user cannot protect any better. The permissions are those of
/// the opened file, even if the path changes meanwhile.
fn read_private(path: &Path, at: &ValueSource, from_systemd: bool) -> Result<Vec<u8>, ConfigError> {
    let (mut file, facts) = open(path, at, from_systemd)?;
    let (path, mode) = (path.to_owned(), facts.mode);
    match facts.access() {
        Ok(_) => read_open(&mut file, at),
        Err(NotProtected::ByThisUser) => Err(ConfigError::KeyFileOpen { path, mode }),
        Err(NotProtected::ByItsOwner) => Err(ConfigError::KeyFileWritable { path, mode }),
    }
}

fn open(path: &Path, at: &ValueSource, from_systemd: bool) -> Result<(File, FileFacts), ConfigError> {
    let opened = bounded_io::open(path).and_then(|file| {
        let facts = FileFacts::of(&file, path, from_systemd)?;
        Ok((file, facts))
    });
    opened.map_err(|cause| unreadable(at, cause))
}

fn read_open(file: &mut File, at: &ValueSource) -> Result<Vec<u8>, ConfigError> {
    bounded_io::read_all(file, MAX_KEY_BYTES, TIME_LIMIT).map_err(|cause| unreadable(at, cause))
}

fn unreadable(at: &ValueSource, cause: io::Error) -> ConfigError {
    let at = at.clone();
    match cause.kind() {
        io::ErrorKind::NotFound => ConfigError::KeyFileMissing { at },
        _ => ConfigError::KeyFile { at, cause },
    }
}

/// Runs a program and drops its messages, because they may quote the key.
fn run(words: &[OsString], at: &ValueSource) -> Result<Vec<u8>, ConfigError> {
    let at = at.clone();
    let (program, arguments) = words.split_first().ok_or(ConfigError::NoKey)?;
    match bounded_io::run(program, arguments, MAX_KEY_BYTES + 1, TIME_LIMIT) {
        Ok((status, output)) if status.success() => Ok(output),
        Ok((status, _)) => Err(ConfigError::KeyCommandFailed { at, status }),
        Err(cause) => Err(ConfigError::KeyCommand { at, cause }),
    }
}

#[cfg(test)]
mod tests;
