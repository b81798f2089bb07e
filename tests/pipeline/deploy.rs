//! The files in `deploy/`: what the units say, whether systemd takes them, and whether they work.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use jdcdn_stats::simulator::{OwnDomain, Settings};

use crate::sandbox::{Sandbox, at, ended};

const SYNC: &str = "jdcdn-stats.service";
const WATCH: &str = "jdcdn-stats-watch.service";
const TIMER: &str = "jdcdn-stats.timer";
const PROGRAM: &str = "/usr/local/bin/jdcdn-stats";
const CONFIG: &str = "/etc/jdcdn-stats/jdcdn-stats.toml";

fn deploy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(deploy(name)).unwrap()
}

/// The values of every key, in order.
fn keys(unit: &str) -> BTreeMap<String, Vec<String>> {
    let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in text(unit).lines().filter(|line| !line.starts_with('#')) {
        if let Some((key, value)) = line.split_once('=') {
            keys.entry(key.to_owned()).or_default().push(value.to_owned());
        }
    }
    keys
}

#[track_caller]
fn assert_says(unit: &str, expected: &[(&str, &str)]) {
    let keys = keys(unit);
    for (key, value) in expected {
        let said = keys.get(*key).map(Vec::as_slice).unwrap_or_default();
        assert!(said.iter().any(|said| said == value), "{unit}: {key} is {said:?}");
    }
}

#[test]
fn the_services_are_hardened_and_end_as_the_program_does() {
    for unit in [SYNC, WATCH] {
        assert_says(
            unit,
            &[
                ("User", "jdcdn-stats"),
                ("StateDirectory", "jdcdn-stats"),
                ("UMask", "0027"),
                ("NoNewPrivileges", "true"),
                ("CapabilityBoundingSet", ""),
                ("ProtectSystem", "strict"),
                ("ProtectHome", "true"),
                ("PrivateTmp", "true"),
                ("MemoryMax", "512M"),
                ("LimitCORE", "0"),
                ("TimeoutStopSec", "10"),
                ("SystemCallFilter", "@system-service"),
                ("LoadCredential", "secret.key:/etc/jdcdn-stats/secret.key"),
                ("Environment", "JDCDN_SECRET_KEY_FILE=%d/secret.key"),
            ],
        );
    }
    assert_says(SYNC, &[("Type", "oneshot"), ("SuccessExitStatus", "75 143")]);
    assert_says(
        WATCH,
        &[
            ("Type", "notify-reload"),
            ("WatchdogSec", "5min"),
            ("Restart", "on-failure"),
            ("RestartPreventExitStatus", "2 4 5"),
            ("SuccessExitStatus", "143"),
        ],
    );
    assert_says(
        TIMER,
        &[
            ("OnCalendar", "*:0/5:15"),
            ("Persistent", "true"),
            ("RandomizedDelaySec", "20s"),
        ],
    );
}

#[test]
fn systemd_takes_the_units_and_finds_them_little_exposed() {
    let Ok(version) = Command::new("systemd-analyze").arg("--version").output() else {
        println!("systemd-analyze is not installed: the units were not verified by it");
        return;
    };
    let version = String::from_utf8(version.stdout).unwrap();
    let version: u32 = version.split_whitespace().nth(1).unwrap().parse().unwrap();
    let sandbox = Sandbox::with_domains(1);
    for unit in [SYNC, WATCH, TIMER] {
        // It looks for the program, too.
        let unit_here = text(unit).replace(PROGRAM, env!("CARGO_BIN_EXE_jdcdn-stats"));
        std::fs::write(sandbox.path(unit), unit_here).unwrap();
    }
    for unit in [SYNC, WATCH, TIMER] {
        let verified = Command::new("systemd-analyze")
            .args(["verify", "--man=no"])
            .arg(sandbox.path(unit))
            .output()
            .unwrap();
        let said = String::from_utf8(verified.stderr).unwrap();
        let unknown_type = |line: &&str| version < 253 && line.ends_with("ignoring: notify-reload");
        let complaints: Vec<&str> = said
            .lines()
            .filter(|line| line.contains("jdcdn-stats"))
            .filter(|line| !unknown_type(line))
            .collect();
        assert_eq!(complaints, [""; 0], "{unit}");
    }
    if version < 250 {
        println!("systemd {version} rates no files: the exposure was not measured");
        return;
    }
    for unit in [SYNC, WATCH] {
        let rated = Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--threshold=15", "--no-pager"])
            .arg(sandbox.path(unit))
            .output()
            .unwrap();
        assert!(
            rated.status.success(),
            "{}",
            String::from_utf8_lossy(&rated.stdout)
        );
    }
}

/// The arguments that a line gives the program, up to a redirection.
fn arguments(line: &str) -> Vec<String> {
    let (_, rest) = line.split_once(PROGRAM).unwrap();
    rest.split_whitespace()
        .take_while(|word| !word.starts_with("2>"))
        .map(|word| match word {
            CONFIG => deploy("jdcdn-stats.toml").display().to_string(),
            word => word.to_owned(),
        })
        .collect()
}

#[test]
fn the_command_lines_work_with_the_configuration_and_with_a_key_from_systemd() {
    let sandbox = Sandbox::new(Settings {
        domains: vec!["www.example.com".to_owned()],
        ..Settings::default()
    });
    sandbox.clock.set(at("2026-01-02 12:00"));
    std::fs::create_dir(sandbox.path("credentials")).unwrap();
    let key = sandbox.path("credentials/secret.key");
    std::fs::write(&key, sandbox.key()).unwrap();
    // As systemd shows the access that it gives by an ACL.
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o440)).unwrap();

    let (unit, cron) = (text(SYNC), text("jdcdn-stats.cron"));
    let unit = unit.lines().find(|line| line.starts_with("ExecStart=")).unwrap();
    let cron = cron.lines().find(|line| !line.starts_with('#')).unwrap();
    for line in [unit, cron] {
        let words = arguments(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = sandbox
            .command(&words)
            .env_remove("JDCDN_SECRET_KEY")
            .env("JDCDN_SECRET_KEY_FILE", &key)
            .env("CREDENTIALS_DIRECTORY", sandbox.path("credentials"))
            .env("JDCDN_DB", sandbox.path("jdcdn-stats.db"))
            .env("JDCDN_ENDPOINT", sandbox.simulator.endpoint())
            .output();
        ended(output.unwrap()).with(0);
    }
    let points: i64 = sandbox
        .database()
        .query_row("SELECT count(*) FROM origin_stats", [], |row| row.get(0))
        .unwrap();
    assert_eq!(points, (at("2026-01-02 11:55") - at("2026-01-01")) / 300);

    // Once a day cron mails the domains that no run fetches.
    let cron = text("jdcdn-stats.cron");
    let daily = cron.lines().find(|line| line.contains(" domains list ")).unwrap();
    let (_, daily) = daily.split_once(" jdcdn-stats ").unwrap();
    let daily = daily
        .replace(PROGRAM, env!("CARGO_BIN_EXE_jdcdn-stats"))
        .replace(CONFIG, deploy("jdcdn-stats.toml").to_str().unwrap());
    let mail = || {
        let output = Command::new("sh")
            .args(["-c", &daily])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("JDCDN_TEST_NOW", at("2026-01-02 12:00").to_string())
            .env("JDCDN_SECRET_KEY_FILE", &key)
            .env("CREDENTIALS_DIRECTORY", sandbox.path("credentials"))
            .env("JDCDN_DB", sandbox.path("jdcdn-stats.db"))
            .env("JDCDN_ENDPOINT", sandbox.simulator.endpoint())
            .output();
        ended(output.unwrap()).stdout
    };
    assert_eq!(mail(), "");
    let new = OwnDomain::running("new.example.com");
    sandbox.simulator.change_account(|account| account.add(new));
    let said = mail();
    assert!(
        said.starts_with("new.example.com ") && said.lines().count() == 1,
        "{said}"
    );

    // What cron mails, with nothing of this test's environment: nothing while all is well, and then one line a problem.
    let cron = text("jdcdn-stats.cron");
    let monitor = cron.lines().find(|line| line.contains(" status ")).unwrap();
    let words = arguments(monitor);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mail = |now: &str| {
        let mut command = sandbox.command(&words);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("JDCDN_TEST_NOW", at(now).to_string())
            .env("JDCDN_DB", sandbox.path("jdcdn-stats.db"));
        let ended = ended(command.output().unwrap());
        (ended.code, ended.stdout + &ended.stderr)
    };
    assert_eq!(mail("2026-01-02 12:00"), (Some(0), String::new()));
    let (code, said) = mail("2026-01-02 15:00");
    assert_eq!((code, said.lines().count()), (Some(6), 2), "{said}");
    assert!(
        said.contains("the last run that stored everything that was due ended "),
        "{said}"
    );
    assert!(said.contains("www.example.com: newest point is 3h"), "{said}");

    let watch = text(WATCH);
    let watch = watch.lines().find(|line| line.starts_with("ExecStart=")).unwrap();
    let mut words = arguments(watch);
    words.push("--help".to_owned());
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    assert!(sandbox.run(&words).with(0).contains("jdcdn-stats watch"));
}
