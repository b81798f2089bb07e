//! Where the secret key comes from.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::environment::{self, Environment};
use super::error::{ConfigError, shown};
use super::file::FileConfig;
use super::patience;
use super::source::Source;
use crate::redact;

/// The most that is read of a key file or of a command's output, in bytes; a key has 32.
const MAX_KEY_BYTES: usize = 4_096;

/// Where the secret key is; it is read when it is needed.
#[derive(Clone)]
pub enum KeySource {
    /// `JDCDN_SECRET_KEY`
    Environment(SecretString),
    /// `JDCDN_SECRET_KEY_FILE` or `secret_key_file`
    File {
        /// The file.
        path: PathBuf,
        /// Where it is named.
        at: Source,
        /// systemd made it for this process: it gives access by an ACL, which shows in the mode as access
        /// of the group.
        from_systemd: bool,
    },
    /// `secret_key_command`: a program and its arguments, run without a shell.
    Command {
        /// The program and its arguments.
        words: Vec<String>,
        /// Where they are written.
        at: Source,
    },
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(_) => f.write_str("Environment(***)"),
            // The name may be the key, given in the wrong place, and a word of the command a password.
            Self::File { at, .. } => write!(f, "File({at})"),
            Self::Command { at, .. } => write!(f, "Command({at})"),
        }
    }
}

/// Where it is, without a part of the key: ``the key file `secret.key` `` for a file that exists.
impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(_) => f.write_str(environment::SECRET_KEY),
            Self::File { path, .. } => write!(f, "the key file `{}`", shown(path)),
            Self::Command { at, .. } => write!(f, "the output of the command ({at})"),
        }
    }
}

impl KeySource {
    /// The environment's key, else the file that it names, else what the configuration file names, which may
    /// be one thing only.
    pub fn choose(environment: &Environment, file: &FileConfig) -> Result<Option<Self>, ConfigError> {
        if let (Some(path), Some(command)) = (&file.secret_key_file, &file.secret_key_command) {
            return Err(ConfigError::TwoKeys {
                file: path.source.clone(),
                command: command.source.clone(),
            });
        }
        if let Some(key) = environment.text(environment::SECRET_KEY)? {
            return Ok(Some(Self::Environment(key.value.into())));
        }
        let named = environment.raw(environment::SECRET_KEY_FILE).map(|path| {
            let at = Source::Environment(environment::SECRET_KEY_FILE);
            (PathBuf::from(path), at)
        });
        let written = || {
            let setting = file.secret_key_file.as_ref()?;
            Some((file.relative(&setting.value), setting.source.clone()))
        };
        if let Some((path, at)) = named.or_else(written) {
            let from_systemd = environment
                .raw(environment::CREDENTIALS_DIRECTORY)
                .is_some_and(|directory| path.parent() == Some(Path::new(directory)));
            return Ok(Some(Self::File {
                path,
                at,
                from_systemd,
            }));
        }
        match &file.secret_key_command {
            Some(setting) if setting.value.is_empty() => Err(ConfigError::Invalid {
                at: setting.source.clone(),
                reason: "the list is empty: name a program and its arguments".to_owned(),
            }),
            Some(setting) => Ok(Some(Self::Command {
                words: setting.value.clone(),
                at: setting.source.clone(),
            })),
            None => Ok(None),
        }
    }

    /// What is given as the key, if that can be read without effort and without a word: it must not be printed where it
    /// stands in a wrong place, too. A command is not run for that, and nothing is waited for.
    #[must_use]
    pub fn peek(&self) -> Option<SecretString> {
        let Self::File { path, .. } = self else {
            return None;
        };
        let bytes = path
            .metadata()
            .ok()
            .filter(std::fs::Metadata::is_file)
            .and_then(|_| patience::open(path).ok())
            .and_then(|mut file| patience::read_all(&mut file, MAX_KEY_BYTES, patience::PATIENCE).ok())?;
        Some(String::from_utf8_lossy(&bytes).into_owned().into())
    }

    /// Reads the key.
    pub fn read(&self) -> Result<SecretString, ConfigError> {
        match self {
            Self::Environment(key) => {
                use secrecy::ExposeSecret as _;
                checked(key.expose_secret().as_bytes(), self.to_string())
            }
            Self::File {
                path,
                at,
                from_systemd,
            } => {
                let bytes = read_private(path, at, *from_systemd)?;
                checked(&bytes, self.to_string())
            }
            Self::Command { words, at } => {
                let bytes = run(words, at)?;
                let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
                checked(first, self.to_string())
            }
        }
    }
}

/// The mode is that of the file that was opened, whatever the path names a moment later.
fn read_private(path: &Path, at: &Source, from_systemd: bool) -> Result<Vec<u8>, ConfigError> {
    let failed = |cause: io::Error| match cause.kind() {
        io::ErrorKind::NotFound => ConfigError::KeyFileMissing { at: at.clone() },
        _ => ConfigError::KeyFile {
            at: at.clone(),
            cause,
        },
    };
    let mut file = patience::open(path).map_err(failed)?;
    #[cfg(unix)]
    if !from_systemd {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(ConfigError::KeyFileOpen {
                path: path.to_owned(),
                mode,
            });
        }
    }
    patience::read_all(&mut file, MAX_KEY_BYTES, patience::PATIENCE).map_err(failed)
}

/// Runs a program with its messages dropped: they may quote the key.
fn run(words: &[String], at: &Source) -> Result<Vec<u8>, ConfigError> {
    let failed = |cause| ConfigError::KeyCommand {
        at: at.clone(),
        cause,
    };
    let (program, arguments) = words.split_first().ok_or(ConfigError::NoKey)?;
    let (status, output) =
        patience::run(program, arguments, MAX_KEY_BYTES + 1, patience::PATIENCE).map_err(failed)?;
    if !status.success() {
        return Err(ConfigError::KeyCommandFailed {
            at: at.clone(),
            status,
        });
    }
    Ok(output)
}

/// The key without its line end. Keys are printable ASCII without spaces (assumed; the documented one is
/// hexadecimal): anything else is a wrong file, and would fail as a wrong signature later.
fn checked(bytes: &[u8], from: String) -> Result<SecretString, ConfigError> {
    let problem = |problem| ConfigError::KeyMalformed { from, problem };
    let key = bytes.trim_ascii_end();
    if key.is_empty() {
        return Err(problem("is empty: it must hold the secret key"));
    }
    if key.len() < redact::SHORTEST {
        return Err(problem(
            "is too short for a secret key: it must have at least 8 characters",
        ));
    }
    if bytes.len() > MAX_KEY_BYTES {
        return Err(problem("is too long for a secret key"));
    }
    if !key.iter().all(u8::is_ascii_graphic) {
        return Err(problem(
            "holds more than a secret key: a space, a second line or a character that no key has",
        ));
    }
    match str::from_utf8(key) {
        Ok(key) => Ok(key.into()),
        Err(_) => Err(problem("is not text")),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::config::{Config, Overrides};

    const KEY: &str = "e7a31b1c5ea0efa9aa2f29c6559f7d61";

    fn config(variables: &[(&str, &str)], toml: &str) -> Result<Config, ConfigError> {
        let file = FileConfig::parse(Path::new("c.toml"), toml)?;
        Config::resolve(
            &Overrides::default(),
            &Environment::new(variables.iter().copied()),
            file,
            0,
        )
    }

    fn key_file(content: &[u8], mode: u32) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret.key");
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (directory, path)
    }

    fn read_file(content: &[u8], mode: u32) -> Result<String, String> {
        let (_directory, path) = key_file(content, mode);
        let source = KeySource::File {
            path,
            at: Source::Flag("the setting"),
            from_systemd: false,
        };
        source
            .read()
            .map(|key| key.expose_secret().to_owned())
            .map_err(|error| format!("{error} {error:?}"))
    }

    fn read_command(words: &[&str]) -> Result<String, String> {
        let source = KeySource::Command {
            words: words.iter().map(ToString::to_string).collect(),
            at: Source::Flag("the setting"),
        };
        source
            .read()
            .map(|key| key.expose_secret().to_owned())
            .map_err(|error| format!("{error} {error:?}"))
    }

    #[test]
    fn a_key_file_must_be_private_and_hold_the_key_alone() {
        assert_eq!(read_file(b"e7a31b1c\n", 0o600).as_deref(), Ok("e7a31b1c"));
        assert_eq!(read_file(b"e7a31b1c\r\n", 0o400).as_deref(), Ok("e7a31b1c"));
        for mode in [0o644, 0o640, 0o604, 0o660] {
            let error = read_file(b"hunter2", mode).unwrap_err();
            assert!(
                error.contains(&format!("{mode:04o}")) && error.contains("chmod 600"),
                "{error}"
            );
        }
        for content in [
            &b""[..],
            b"\n",
            b"hunter2",
            b"hunter2\nhunter3\n",
            b"hunter2 x",
            b"\xff\xfe",
            &[b'a'; 5_000],
        ] {
            let error = read_file(content, 0o600).unwrap_err();
            let named = if content.len() < 5_000 {
                "secret.key"
            } else {
                "4096 bytes"
            };
            assert!(error.contains(named) && !error.contains("hunter"), "{error}");
        }
    }

    #[test]
    fn a_file_that_systemd_made_may_show_its_acl_in_the_mode() {
        let (directory, path) = key_file(KEY.as_bytes(), 0o440);
        let toml = format!("username = 'a'\nsecret_key_file = '{}'", path.display());
        assert!(config(&[], &toml).unwrap().credentials().is_err());
        let variables = [("CREDENTIALS_DIRECTORY", directory.path().to_str().unwrap())];
        let credentials = config(&variables, &toml).unwrap().credentials().unwrap();
        assert_eq!(credentials.expose_key(), KEY);
    }

    #[test]
    fn the_environment_may_name_the_file_so_that_one_configuration_serves_every_unit() {
        let (directory, path) = key_file(KEY.as_bytes(), 0o440);
        let toml = "username = 'a'\nsecret_key_file = 'missing'";
        let named = [("JDCDN_SECRET_KEY_FILE", path.to_str().unwrap())];
        let open = config(&named, toml).unwrap().credentials().unwrap_err();
        assert!(matches!(open, ConfigError::KeyFileOpen { mode: 0o440, .. }));
        let in_unit = [
            named[0],
            ("CREDENTIALS_DIRECTORY", directory.path().to_str().unwrap()),
        ];
        let credentials = config(&in_unit, toml).unwrap().credentials().unwrap();
        assert_eq!(credentials.expose_key(), KEY);
    }

    #[test]
    fn a_command_gives_its_first_line_and_a_failed_one_is_named_without_its_output() {
        assert_eq!(
            read_command(&["printf", "e7a31b1c\\nmore of it\\n"]).as_deref(),
            Ok("e7a31b1c")
        );
        let failed = read_command(&["sh", "-c", "echo hunter2; echo hunter2 >&2; exit 3"]).unwrap_err();
        assert!(
            failed.contains("the setting: the command ended with") && failed.contains('3'),
            "{failed}"
        );
        assert!(!failed.contains("hunter2"), "{failed}");
        let missing = read_command(&["no-such-program-7"]).unwrap_err();
        assert!(
            missing.starts_with("the setting: cannot take the key from the program")
                && !missing.contains("no-such"),
            "{missing}"
        );
        assert!(read_command(&["true"]).unwrap_err().contains("is empty"));
    }

    #[test]
    fn the_environment_comes_first_and_two_sources_in_the_file_are_one_too_many() {
        let both = "secret_key_file = 'a'\nsecret_key_command = ['b']";
        assert_eq!(
            config(&[], both).unwrap_err().to_string(),
            "c.toml:1: secret_key_file and c.toml:2: secret_key_command both say where the secret key is: keep one of them"
        );
        let variables = [("JDCDN_SECRET_KEY", KEY), ("JDCDN_USERNAME", "jcloud_00")];
        let config = config(&variables, "secret_key_file = 'missing'").unwrap();
        let credentials = config.credentials().unwrap();
        assert_eq!(
            (credentials.username(), credentials.expose_key()),
            ("jcloud_00", KEY)
        );
        assert!(!format!("{config:?} {credentials:?}").contains(KEY));
    }

    #[test]
    fn a_key_in_place_of_its_file_or_its_command_is_not_shown() {
        let toml = format!("username = 'a'\nsecret_key_file = '{KEY}'");
        let command = format!("username = 'a'\nsecret_key_command = ['{KEY}']");
        let named = [("JDCDN_SECRET_KEY_FILE", KEY), ("JDCDN_USERNAME", "a")];
        for (config, says) in [
            (
                config(&[], &toml),
                "c.toml:2: secret_key_file: the key file does not exist",
            ),
            (
                config(&named, ""),
                "JDCDN_SECRET_KEY_FILE: the key file does not exist",
            ),
            (
                config(&[], &command),
                "c.toml:2: secret_key_command: cannot take the key from the program",
            ),
        ] {
            let config = config.unwrap();
            let error = config.credentials().unwrap_err();
            assert!(error.to_string().starts_with(says), "{error}");
            assert!(!format!("{error} {error:?} {:?}", config.key_source()).contains(KEY));
        }
    }

    #[test]
    fn what_is_missing_is_named_with_every_way_to_give_it() {
        let nobody = config(&[], "").unwrap().credentials().unwrap_err();
        assert!(nobody.to_string().contains("JDCDN_USERNAME"));
        let none = config(&[], "username = 'a'").unwrap().credentials().unwrap_err();
        let none = none.to_string();
        for way in ["JDCDN_SECRET_KEY", "secret_key_file", "secret_key_command"] {
            assert!(none.contains(way), "{none}");
        }
    }
}
