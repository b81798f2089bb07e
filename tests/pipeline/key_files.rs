//! Key files as platforms give them: which are taken, and what is said of the others.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::process::Command;

use crate::sandbox::{Ended, Sandbox, ended, skipped};

/// The account's range of one request.
const RUN: [&str; 5] = ["backfill", "--from", "2026-06-01", "--to", "2026-06-02"];
/// The user and the group that a container runs as.
const USER: u32 = 10_001;
const GROUP: u32 = 20_001;

/// A sandbox whose configuration names the key file `secrets/secret.key`, which does not exist yet.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_domains(1);
    let username = sandbox.simulator.settings().username.clone();
    sandbox.configure(&username, "secret_key_file = \"secrets/secret.key\"");
    fs::create_dir(sandbox.path("secrets")).unwrap();
    sandbox
}

/// Writes the key to `secrets/NAME`.
fn write_key(sandbox: &Sandbox, name: &str, mode: u32) {
    let path = sandbox.path(&format!("secrets/{name}"));
    fs::write(&path, format!("{}\n", sandbox.key())).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Runs without a key in the environment.
fn run_under(sandbox: &Sandbox, wrapper: &[&str], args: &[&str]) -> Ended {
    let mut command = sandbox.command_under(wrapper, args);
    ended(command.env_remove("JDCDN_SECRET_KEY").output().unwrap())
}

/// The line and the note of `check` about the key.
fn key_lines(report: &str) -> String {
    let about = |line: &&str| line.contains("secret key");
    report.lines().filter(about).collect::<Vec<_>>().join("\n")
}

/// The program that runs the rest as [`USER`] and [`GROUP`]; `None` where that is not possible.
fn as_user(sandbox: &Sandbox) -> Option<Vec<String>> {
    let is_root = fs::metadata(sandbox.path("")).unwrap().uid() == 0;
    let line = format!("setpriv --reuid={USER} --regid={GROUP} --clear-groups");
    let wrapper: Vec<String> = line.split(' ').map(str::to_owned).collect();
    // The user owns the directory of the database, and may go through it.
    if is_root {
        fs::set_permissions(sandbox.path(""), Permissions::from_mode(0o755)).unwrap();
        chown(sandbox.path(""), Some(USER), Some(GROUP)).unwrap();
    }
    let words: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    let tried = sandbox.command_under(&words, &["--version"]).output();
    (is_root && tried.is_ok_and(|tried| tried.status.success())).then_some(wrapper)
}

/// Runs the rest with `secrets` on a read-only mount.
const MOUNTED: &str = r#"mount --bind secrets secrets && mount -o remount,bind,ro secrets && exec "$0" "$@""#;

#[test]
fn a_key_file_of_another_owner_is_taken_with_a_note_in_check() {
    for mode in [0o440, 0o444, 0o640, 0o644] {
        let sandbox = sandbox();
        // As Kubernetes lays it out: the name leads through a link to a directory that is replaced as a whole.
        fs::create_dir(sandbox.path("secrets/..2026_06_15")).unwrap();
        write_key(&sandbox, "..2026_06_15/secret.key", mode);
        symlink("..2026_06_15", sandbox.path("secrets/..data")).unwrap();
        symlink("..data/secret.key", sandbox.path("secrets/secret.key")).unwrap();
        chown(sandbox.path("secrets/secret.key"), None, Some(GROUP)).ok();
        let Some(wrapper) = as_user(&sandbox) else {
            return skipped("key files of another owner", "this needs root and setpriv");
        };
        let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
        let report = run_under(&sandbox, &wrapper, &["check"]).with(0);
        let lines = key_lines(&report);
        assert!(lines.contains(&format!("mode {mode:04o}")), "{report}");
        assert!(
            lines.contains("secret key: its mode lets others read the file; it is taken"),
            "{report}"
        );
        run_under(&sandbox, &wrapper, &RUN).with(0);
        sandbox.assert_holds_all(("2026-06-01", "2026-06-02"));
    }
}

#[test]
fn a_key_file_that_its_reader_owns_must_be_protected_wherever_it_comes_from() {
    for mode in [0o440, 0o444, 0o640, 0o644] {
        let sandbox = sandbox();
        write_key(&sandbox, "secret.key", mode);
        let said = run_under(&sandbox, &[], &RUN).failed(2);
        assert!(
            said.contains("can be read by others") && said.contains("chmod 600"),
            "{said}"
        );
        let Some(wrapper) = as_user(&sandbox) else {
            return skipped("key files of another user", "this needs root and setpriv");
        };
        chown(sandbox.path("secrets/secret.key"), Some(USER), Some(GROUP)).unwrap();
        let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
        let said = run_under(&sandbox, &wrapper, &RUN).failed(2);
        assert!(said.contains("chmod 600"), "{said}");
        assert_eq!(sandbox.requests(), 0);
    }
}

#[test]
fn a_key_file_that_others_can_write_to_is_refused_from_any_owner() {
    let sandbox = sandbox();
    let Some(wrapper) = as_user(&sandbox) else {
        return skipped(
            "key files that others can write to",
            "this needs root and setpriv",
        );
    };
    let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    // The group of the last two is the user's.
    for (mode, group) in [(0o666, 0), (0o446, 0), (0o442, GROUP), (0o660, GROUP)] {
        write_key(&sandbox, "secret.key", mode);
        chown(sandbox.path("secrets/secret.key"), Some(0), Some(group)).unwrap();
        let said = run_under(&sandbox, &wrapper, &RUN).failed(2);
        assert!(
            said.contains("others can write to the key file") && said.contains("chmod go-w"),
            "{mode:o}: {said}"
        );
    }
    assert_eq!(sandbox.requests(), 0);
}

#[test]
fn a_key_file_on_a_read_only_mount_is_taken_even_by_its_owner() {
    let allowed = Command::new("unshare").args(["-Urm", "true"]).output();
    if !allowed.is_ok_and(|allowed| allowed.status.success()) {
        return skipped("a key file on a read-only mount", "unshare -Urm is not allowed");
    }
    let wrapper = ["unshare", "-Urm", "sh", "-c", MOUNTED];
    for mode in [0o400, 0o440, 0o444] {
        let sandbox = sandbox();
        write_key(&sandbox, "secret.key", mode);
        let report = run_under(&sandbox, &wrapper, &["check"]).with(0);
        let is_noted = key_lines(&report).contains("it lies on a read-only mount");
        assert_eq!(is_noted, mode != 0o400, "{report}");
        run_under(&sandbox, &wrapper, &RUN).with(0);
        sandbox.assert_holds_all(("2026-06-01", "2026-06-02"));
    }
    let sandbox = sandbox();
    write_key(&sandbox, "secret.key", 0o446);
    let said = run_under(&sandbox, &wrapper, &RUN).failed(2);
    assert!(said.contains("others can write to the key file"), "{said}");
}

#[test]
fn what_an_env_file_has_around_the_key_is_named_and_the_key_is_not_shown() {
    let sandbox = sandbox();
    let key = sandbox.key().to_owned();
    let path = sandbox.path("secrets/secret.key");
    for (text, says) in [
        (format!("\"{key}\""), "quotes around it"),
        (format!("'{key}'\n"), "quotes around it"),
        (format!("KEY={key}\n"), "such as `KEY=` in an env file"),
        (
            format!("export JDCDN_SECRET_KEY=\"{key}\"\r\n"),
            "such as `KEY=` in an env file",
        ),
        (
            format!("JDCDN_USERNAME=jcloud_00\nJDCDN_SECRET_KEY={key}\n"),
            "such as `KEY=` in an env file",
        ),
        (format!("{key}\n{key}\n"), "several lines"),
        (format!(" {key}\n"), "a blank"),
        (format!("\u{feff}{key}\n"), "a byte order mark"),
        ("\r\n".to_owned(), "is empty"),
    ] {
        fs::write(&path, &text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let from_file = run_under(&sandbox, &[], &RUN).failed(2);
        assert!(
            from_file.contains("the key file `") && from_file.contains(says),
            "{from_file}"
        );
        let from_environment = sandbox
            .command(&RUN)
            .env("JDCDN_SECRET_KEY", &text)
            .output()
            .unwrap();
        let from_environment = ended(from_environment).failed(2);
        assert!(
            from_environment.contains("JDCDN_SECRET_KEY") && from_environment.contains(says),
            "{from_environment}"
        );
        let report = run_under(&sandbox, &[], &["check", "--offline", "--format", "json"]).with(2);
        for said in [from_file, from_environment, report] {
            assert!(!said.contains(&key), "{said}");
        }
    }
    // Any line end is fine.
    for text in [format!("{key}\r\n"), format!("{key}\n\n"), key.clone()] {
        fs::write(&path, text).unwrap();
        run_under(&sandbox, &[], &RUN).with(0);
    }
    sandbox.assert_holds_all(("2026-06-01", "2026-06-02"));
}

#[test]
fn quotes_around_a_user_name_from_an_env_file_are_named() {
    let sandbox = Sandbox::with_domains(1);
    for given in ["\"jcloud_00\"", "'jcloud_00'"] {
        let mut command = sandbox.command(&RUN);
        let said = ended(command.env("JDCDN_USERNAME", given).output().unwrap()).failed(2);
        assert!(
            said.contains("JDCDN_USERNAME: the value has quotes around it"),
            "{said}"
        );
    }
    assert_eq!(sandbox.requests(), 0);
}
