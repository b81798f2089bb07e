//! Why the configuration cannot be used.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use super::source::ValueSource;
use crate::model::text;

/// Why the configuration cannot be used. Each message names the place, the value and the way out.
///
/// No variant holds the secret key or the output of a key command.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The named configuration file is missing, or cannot be read.
    #[error("cannot read the configuration file `{}`{}", shown(.path), named_by(.by))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Who named it.
        by: ValueSource,
        /// What the operating system says.
        #[source]
        cause: io::Error,
    },
    /// The file is not TOML.
    #[error("{}:{line}: {message}", shown(.path))]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// The file has an unknown key.
    #[error("{}:{line}: unknown key `{key}`; {hint}", shown(.path))]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The line of the key, from 1.
        line: usize,
        /// The key with its table, made safe to print.
        key: String,
        /// The key that was probably meant, or the known keys.
        hint: String,
    },
    /// A value that cannot be used.
    #[error("{at}: {reason}")]
    Invalid {
        /// Where it was written.
        at: ValueSource,
        /// The value, what is wrong with it, and what is expected.
        reason: String,
    },
    /// The file gives the key twice.
    #[error("{file} and {command} both say where the secret key is: keep one of them")]
    TwoKeys {
        /// Where the key file is named.
        file: ValueSource,
        /// Where the command is named.
        command: ValueSource,
    },
    /// No domain was given.
    #[error(
        "no domain is given: name one with `-d www.a.com`, or write `domains = [\"www.a.com\"]` or `discover = \"follow\"` \
         in the configuration file"
    )]
    NoDomains,
    /// No user name was given.
    #[error(
        "no user name is given: set JDCDN_USERNAME, or write `username = \"…\"` in the configuration file"
    )]
    NoUsername,
    /// No key was given.
    #[error(
        "no secret key is given: set JDCDN_SECRET_KEY or JDCDN_SECRET_KEY_FILE, or write \
         `secret_key_file = \"secret.key\"` or `secret_key_command = [\"pass\", \"jdcdn\"]` in the configuration file"
    )]
    NoKey,
    /// The key file is missing. Its name is not shown: it may be the key, given in the wrong place.
    #[error(
        "{at}: the key file does not exist. Write the path of a file that holds the key. The name is not shown, because \
         it may be the key itself"
    )]
    KeyFileMissing {
        /// Where the file is named.
        at: ValueSource,
    },
    /// The key file cannot be read.
    #[error("{at}: cannot read the key file")]
    KeyFile {
        /// Where the file is named.
        at: ValueSource,
        /// What the operating system says.
        #[source]
        cause: io::Error,
    },
    /// Other users may read the key file.
    #[error(
        "the key file `{path}` can be read by others (mode {mode:04o}): run `chmod 600 {path}`",
        path = shown(.path)
    )]
    KeyFileOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Other users can write to the key file, and this user cannot change that.
    #[error(
        "others can write to the key file `{path}` (mode {mode:04o}), so it may not be the key: let its owner run \
         `chmod go-w {path}`",
        path = shown(.path)
    )]
    KeyFileWritable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The key command cannot be run, or does not end. Its words are not shown: one may be the key, or a password.
    #[error("{at}: cannot take the key from the program")]
    KeyCommand {
        /// Where the command is named.
        at: ValueSource,
        /// What the operating system says.
        #[source]
        cause: io::Error,
    },
    /// The key command failed.
    #[error("{at}: the command ended with {status}. Run it by hand to see why; its output is not shown")]
    KeyCommandFailed {
        /// Where the command is named.
        at: ValueSource,
        /// How it ended.
        status: ExitStatus,
    },
    /// The given key cannot be a key.
    #[error("{from} {problem}")]
    KeyMalformed {
        /// Where it was read, made safe to print.
        from: String,
        /// What is wrong with it; quotes no part of it.
        problem: &'static str,
    },
}

/// A path as messages show it.
pub(super) fn shown(path: &Path) -> String {
    text::printable(&path.to_string_lossy())
}

fn named_by(source: &ValueSource) -> String {
    match source {
        ValueSource::Environment(name) => format!(", which {name} names"),
        _ => String::new(),
    }
}
