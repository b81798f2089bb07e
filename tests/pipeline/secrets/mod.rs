//! The key and the signature are shown nowhere and stand in no file.

mod misplaced;
mod runs;
mod spellings;

use std::path::Path;

use jdcdn_stats::simulator::Settings;
use md5::{Digest as _, Md5};

use crate::sandbox::{Ended, Sandbox, domains};

/// A key in upper and lower case that occurs nowhere else.
const KEY: &str = "Sentinel7Kq2WzR4tYb8NcXv5MhGj3Lp";
const DAY: (&str, &str) = ("2026-06-01", "2026-06-02");
/// The most detailed output in both forms.
const VOICES: [&[&str]; 2] = [&["-vvv"], &["-vvv", "--log-format", "json", "--format", "json"]];

fn sandbox() -> Sandbox {
    Sandbox::new(Settings {
        domains: domains(1),
        secret_key: KEY.into(),
        ..Settings::default()
    })
}

/// The key, and its signatures of the tests' date, the day before and the day after.
fn secrets() -> Vec<String> {
    let sign = |date: &str| -> String {
        let digest = Md5::digest(format!("{date}jcloud_00{KEY}"));
        digest
            .iter()
            .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
    };
    let mut secrets = ["20260614", "20260615", "20260616"].map(sign).to_vec();
    secrets.push(KEY.to_owned());
    secrets
}

/// The `needles` that the program printed or that a file below `directory` holds, in upper or lower case.
fn leaks(needles: &[String], printed: &[&str], directory: &Path) -> Vec<String> {
    let needles: Vec<String> = needles.iter().map(|needle| needle.to_lowercase()).collect();
    let mut found = Vec::new();
    let mut look = |place: &str, bytes: &[u8]| {
        let text = bytes.to_ascii_lowercase();
        for needle in &needles {
            if memchr::memmem::find(&text, needle.as_bytes()).is_some() {
                found.push(format!("{needle} in {place}"));
            }
        }
    };
    for text in printed {
        look("the output", text.to_lowercase().as_bytes());
    }
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                look(&path.to_string_lossy(), &bytes);
            }
        }
    }
    found
}

/// Neither what a run printed nor a file in its directory holds a secret.
#[track_caller]
fn assert_keeps_secrets(sandbox: &Sandbox, ended: &Ended) {
    let found = leaks(&secrets(), &[&ended.stdout, &ended.stderr], &sandbox.path(""));
    assert_eq!(found, Vec::<String>::new(), "{ended:?}");
}

#[test]
fn the_scan_finds_what_is_planted() {
    let sandbox = sandbox();
    sandbox.backfill(DAY.0, DAY.1, &[]).with(0);
    let found = |printed: &str| leaks(&secrets(), &[printed], &sandbox.path(""));
    assert_eq!(found("all is well"), Vec::<String>::new());
    for secret in secrets() {
        assert_eq!(found(&format!("x{}x", secret.to_uppercase())).len(), 1);
        let database = rusqlite::Connection::open(sandbox.path("jdcdn-stats.db")).unwrap();
        database
            .execute("UPDATE run SET message = ?1", [&secret])
            .unwrap();
        assert!(!found("").is_empty(), "in the write-ahead log");
        database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        assert!(!found("").is_empty(), "in the database");
        database.execute("UPDATE run SET message = NULL", []).unwrap();
        database
            .execute_batch("PRAGMA wal_checkpoint(TRUNCATE); VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
            .unwrap();
        assert_eq!(found(""), Vec::<String>::new());
        std::fs::create_dir_all(sandbox.path("deep/deeper")).unwrap();
        std::fs::write(sandbox.path("deep/deeper/planted"), secret.to_lowercase()).unwrap();
        assert_eq!(found("").len(), 1);
        std::fs::remove_file(sandbox.path("deep/deeper/planted")).unwrap();
    }
}
