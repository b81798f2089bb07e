//! The secret key: which source is read, and what is refused.

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::config::{Config, FileConfig, Overrides};

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
    let source = SecretKeySource::File {
        path,
        at: ValueSource::Flag("the setting"),
        from_systemd: false,
    };
    source
        .read()
        .map(|key| key.expose_secret().to_owned())
        .map_err(|error| format!("{error} {error:?}"))
}

fn read_command(words: &[&str]) -> Result<String, String> {
    let source = SecretKeySource::Command {
        words: words.iter().map(OsString::from).collect(),
        at: ValueSource::Flag("the setting"),
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
        assert!(!format!("{error} {error:?} {:?}", config.secret_key_source()).contains(KEY));
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
