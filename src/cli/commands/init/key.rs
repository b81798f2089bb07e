//! The secret key, from wherever it is given.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::files::Target;
use crate::cli::view::text;
use crate::cli::{CliError, Context};
use crate::config::{FileConfig, SecretKeySource, ValueSource};

/// The most that is read of standard input, in bytes.
const MAX_INPUT_BYTES: u64 = 64 * 1024;
/// The file name that stands for standard input.
const STANDARD_INPUT: &str = "-";

/// A secret key, and how later commands get it.
#[derive(Debug)]
pub struct ChosenKey {
    /// The key.
    pub secret: SecretString,
    /// How later commands get it.
    pub place: KeyPlace,
    /// Something that the user should know, such as a copy that others can read.
    pub note: Option<String>,
}

/// How later commands get the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlace {
    /// From a file that is written for it.
    NewFile,
    /// From a file that exists, as it is named in the configuration.
    File(OsString),
    /// From a command.
    Command(Vec<OsString>),
}

impl ChosenKey {
    /// Returns a key that has to be written to a file.
    fn new(secret: SecretString) -> Self {
        Self {
            secret,
            place: KeyPlace::NewFile,
            note: None,
        }
    }

    /// Takes a key that was typed.
    pub fn typed(given: &SecretString) -> Result<Self, CliError> {
        Ok(Self::new(SecretKeySource::typed(given)?))
    }

    /// Reads the key from a file, which is copied unless it is the key file of `target`.
    pub fn from_file(path: &Path, flag: &'static str, target: &Target) -> Result<Self, CliError> {
        let at = ValueSource::Flag(flag);
        if target.is_key_file(path) {
            let source = SecretKeySource::File {
                path: path.to_owned(),
                at,
                from_systemd: false,
            };
            return Ok(Self {
                place: KeyPlace::File(super::files::KEY_FILE.into()),
                ..Self::new(source.read()?)
            });
        }
        let (secret, is_private) = SecretKeySource::read_to_copy(path, &at)?;
        let shown = text::path(path);
        let note =
            (!is_private).then(|| format!("others can read `{shown}`, and so the key: delete that file"));
        Ok(Self {
            note,
            ..Self::new(secret)
        })
    }

    /// Reads the key from the output of a program.
    pub fn from_command(words: Vec<OsString>, flag: &'static str) -> Result<Self, CliError> {
        let source = SecretKeySource::Command {
            words: words.clone(),
            at: ValueSource::Flag(flag),
        };
        Ok(Self {
            place: KeyPlace::Command(words),
            ..Self::new(source.read()?)
        })
    }

    /// Reads the key from standard input.
    pub fn from_input(context: &mut Context<'_, '_>) -> Result<Self, CliError> {
        let mut bytes = Vec::new();
        let mut input = context.streams.stdin.take(MAX_INPUT_BYTES);
        input
            .read_to_end(&mut bytes)
            .map_err(|error| CliError::failed(format!("cannot read the key from standard input: {error}")))?;
        let given = SecretString::from(String::from_utf8_lossy(&bytes).into_owned());
        Self::typed(&given)
    }
}

/// Returns the key that the flags or the environment give, if any.
pub fn given(
    file: Option<&PathBuf>,
    command: &[OsString],
    target: &Target,
    context: &mut Context<'_, '_>,
) -> Result<Option<ChosenKey>, CliError> {
    let key = match (file, command) {
        (Some(file), _) if file.as_os_str() == STANDARD_INPUT => Some(ChosenKey::from_input(context)?),
        (Some(file), _) => Some(ChosenKey::from_file(file, "--key-file", target)?),
        (None, [_, ..]) => Some(ChosenKey::from_command(words(command)?, "--key-command")?),
        (None, []) => in_environment(context)?,
    };
    if let Some(key) = &key {
        context.redactor.hide(&key.secret);
    }
    Ok(key)
}

fn in_environment(context: &Context<'_, '_>) -> Result<Option<ChosenKey>, CliError> {
    let Some(source) = FileConfig::default().secret_key(context.environment)? else {
        return Ok(None);
    };
    let place = match &source {
        // The platform keeps this file, and may replace it.
        SecretKeySource::File { path, .. } => KeyPlace::File(
            std::path::absolute(path)
                .map_err(|error| {
                    CliError::usage(format!("the path of the key file cannot be used: {error}"))
                })?
                .into(),
        ),
        _ => KeyPlace::NewFile,
    };
    Ok(Some(ChosenKey {
        place,
        ..ChosenKey::new(source.read()?)
    }))
}

/// Returns the words of a command. One text with blanks is taken apart as a shell does.
pub fn words(given: &[OsString]) -> Result<Vec<OsString>, CliError> {
    let [one] = given else { return Ok(given.to_vec()) };
    let Some(text) = one.to_str() else {
        return Ok(given.to_vec());
    };
    match shlex::split(text) {
        Some(words) if !words.is_empty() => Ok(words.into_iter().map(OsString::from).collect()),
        // It is not shown: a word of it may be a password.
        _ => Err(CliError::usage(
            "the command for the key is empty, or a quote in it is not closed",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_given_as_words_or_as_one_text() {
        let split = |given: &[&str]| {
            let given: Vec<OsString> = given.iter().map(OsString::from).collect();
            words(&given).map(|words| words.join(OsString::from("|").as_os_str()))
        };
        assert_eq!(split(&["pass", "show", "jd cdn"]).unwrap(), "pass|show|jd cdn");
        assert_eq!(split(&["pass show 'jd cdn'"]).unwrap(), "pass|show|jd cdn");
        assert_eq!(split(&["pass"]).unwrap(), "pass");
        for wrong in ["", "  ", "pass 'open"] {
            assert!(split(&[wrong]).is_err(), "{wrong}");
        }
    }
}
