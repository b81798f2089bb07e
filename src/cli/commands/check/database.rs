//! The file, its schema, its content, its lock, and the disk.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use bytesize::ByteSize;

use super::remembered::Remembered;
use super::report::CheckReport;
use crate::cli::ExitStatus;
use crate::config::Config;
use crate::model::text;
use crate::store::{Inspection, LockState, Reader, StoreError, Volume, health, lock, upgrade_copy};

/// A write-ahead log of this size, in bytes, is worth a warning. Every run folds the log into the file, unless a reader
/// prevents it.
const LARGE_LOG: u64 = 64 << 20;
/// Free space that is worth a warning, in bytes: what a hundred domains fill in a year or two.
const LITTLE_SPACE: u64 = 1 << 30;
/// Free space that a single large run may use up, in bytes.
const NO_SPACE: u64 = 64 << 20;

/// What to do about damage.
const RESTORE: &str = "keep the file, and restore it from a copy or fetch into a new one";
/// What to do about an error of the store.
const SEE_DETAIL: &str = "follow the advice in its line: no run can use the database now";

/// Checks the configured database without a trace. `deep` verifies everything that can be verified.
pub fn check(report: &mut CheckReport, config: &Config, deep: bool) {
    let path = config.database.as_path();
    match health::sqlite() {
        (true, version) => report.ok("sqlite", format!("{version}, built in")),
        (false, version) => report.fail(
            "sqlite",
            ExitStatus::DATABASE,
            format!("{version} has a fault that loses commits"),
            "build jdcdn-stats with SQLite 3.51.3 or newer",
        ),
    }
    let state = match lock::peek(path) {
        Ok(state) => state,
        Err(error) => return report.error("lock", error, SEE_DETAIL),
    };
    match health::inspect(path, &state) {
        Err(error) => return report.error("database file", error, SEE_DETAIL),
        Ok(Inspection::Missing) => {
            report.ok("database file", "it does not exist yet; the first run creates it");
        }
        Ok(Inspection::LogOnly) => {
            report.warn(
                "database file",
                "a run was cut short, and its commits cannot be read without writing",
                "let a run end (`jdcdn-stats sync` or `migrate`), then check again",
            );
            if deep {
                report.skip("deep", "the file cannot be read without writing");
            }
        }
        Ok(Inspection::Database(reader)) => check_database(report, &reader, config, deep),
    }
    report.ok(
        "lock",
        match state {
            LockState::Free => "free".to_owned(),
            LockState::Held(Some(holder)) => format!("held by {holder}"),
            LockState::Held(None) => "held by a run that has just begun".to_owned(),
        },
    );
    if let Some(mode) = lock::open_to_others(path) {
        report.warn(
            "lock file",
            format!("mode {mode:04o}: others may write to it"),
            "run `chmod go-w` on it as its owner; a run by its owner does that, too",
        );
    }
    for copy in upgrade_copy::beside(path).unwrap_or_default() {
        report.ok("copy from before the upgrade", copy.to_string());
    }
    check_disk(report, path);
}

fn check_database(report: &mut CheckReport, reader: &Reader, config: &Config, deep: bool) {
    type Part = fn(&mut CheckReport, &Reader, &Config) -> Result<(), StoreError>;
    let parts: &[(&'static str, Part)] = if deep {
        &[("schema", check_schema), ("deep", verify)]
    } else {
        &[
            ("schema", check_schema),
            ("integrity", check_integrity),
            ("references", check_references),
        ]
    };
    let memory: [(&'static str, Part); 2] = [
        ("slot_label of the file", check_slot_label),
        ("service", check_remembered),
    ];
    let run = |report: &mut CheckReport, parts: &[(&'static str, Part)]| {
        for (name, check) in parts {
            if let Err(error) = check(report, reader, config) {
                report.error(name, error, SEE_DETAIL);
            }
        }
    };
    check_file(report, reader);
    run(report, parts);
    check_log(report, reader);
    run(report, &memory);
}

fn check_file(report: &mut CheckReport, reader: &Reader) {
    let name = "database file";
    let metadata = reader.path().metadata();
    let mode = metadata.map_or(0, |metadata| metadata.permissions().mode() & 0o7777);
    let detail = format!("{}, mode {mode:04o}", ByteSize(reader.bytes()));
    if !Volume::is_writable(reader.path()) {
        let help = "give this user write permission, or check as the user who runs `sync`";
        let detail = format!("{detail}, read-only for this user");
        report.fail(name, ExitStatus::DATABASE, detail, help);
    } else if mode & 0o002 != 0 {
        let help = "remove the write permission of others: `chmod o-w`";
        report.warn(name, format!("{detail}, writable for everybody"), help);
    } else {
        report.ok(name, detail);
    }
}

fn check_schema(report: &mut CheckReport, reader: &Reader, _: &Config) -> Result<(), StoreError> {
    let schema = reader.schema()?;
    if schema.applied == schema.known {
        report.ok("schema", format!("version {}, up to date", schema.applied));
    } else {
        report.warn(
            "schema",
            format!("version {} of {}", schema.applied, schema.known),
            "the next run brings it up to date; `jdcdn-stats migrate` does it now",
        );
    }
    Ok(())
}

fn check_integrity(report: &mut CheckReport, reader: &Reader, _: &Config) -> Result<(), StoreError> {
    let findings = reader.findings()?;
    if findings.is_empty() {
        report.ok("integrity", "SQLite finds nothing wrong");
    } else {
        let findings = text::printable(&findings.join("; "));
        report.fail("integrity", ExitStatus::DATABASE, findings, RESTORE);
    }
    Ok(())
}

fn check_references(report: &mut CheckReport, reader: &Reader, _: &Config) -> Result<(), StoreError> {
    match reader.dangling_rows()? {
        0 => report.ok("references", "every row refers to an existing one"),
        count => {
            let detail = format!("{count} rows refer to missing ones");
            report.fail("references", ExitStatus::DATABASE, detail, RESTORE);
        }
    }
    Ok(())
}

/// Verifies everything that can be verified, and adds one line a subject.
fn verify(report: &mut CheckReport, reader: &Reader, _: &Config) -> Result<(), StoreError> {
    for subject in reader.verify()? {
        let name = subject.subject.name();
        if subject.is_damaged() {
            report.fail(name, ExitStatus::DATABASE, subject.summary(), RESTORE);
        } else if subject.skipped {
            report.skip(name, subject.detail);
        } else {
            report.ok(name, subject.detail);
        }
    }
    Ok(())
}

fn check_log(report: &mut CheckReport, reader: &Reader) {
    let bytes = reader.wal_bytes();
    let detail = ByteSize(bytes).to_string();
    if bytes < LARGE_LOG {
        report.ok("write-ahead log", detail);
    } else {
        let help =
            "a program keeps reading the database: close it, and the next run folds the log into the file";
        report.warn("write-ahead log", detail, help);
    }
}

/// Compares the label that the rollups of the file were computed with to the configured one.
fn check_slot_label(report: &mut CheckReport, reader: &Reader, config: &Config) -> Result<(), StoreError> {
    let (name, label) = ("slot_label of the file", reader.slot_label()?);
    if label == config.slot_label {
        report.ok(name, label.as_str());
    } else {
        report.warn(
            name,
            format!("{label}, but the configuration says {}", config.slot_label),
            "the next run computes the rollups anew; `jdcdn-stats migrate` does it now",
        );
    }
    Ok(())
}

fn check_remembered(report: &mut CheckReport, reader: &Reader, config: &Config) -> Result<(), StoreError> {
    let remembered = Remembered::read(reader, config.username.as_deref())?;
    let facts = remembered.facts();
    if facts.is_empty() {
        report.skip("service", "the file remembers no answer yet");
    }
    for (name, detail) in facts {
        report.ok(name, detail);
    }
    match remembered.refused() {
        None => report.ok("refusals", "none"),
        Some(detail) => report.warn(
            "refusals",
            detail,
            "see `SELECT * FROM origin_refusals`; to ask at once, run `sync` or `backfill` with the domain's name after `-d`",
        ),
    }
    report.set_remembered(remembered);
    Ok(())
}

/// Checks the directory of `path`. The directory exists, the file may not.
fn check_disk(report: &mut CheckReport, path: &Path) {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    if !Volume::is_writable(directory) {
        report.fail(
            "directory",
            ExitStatus::DATABASE,
            "this user may not create files in the database's directory",
            "give this user write permission, or check as the user who runs `sync`: the lock and the log are created there",
        );
    }
    let volume = match Volume::of(directory) {
        Ok(volume) => volume,
        Err(error) => return report.skip("free space", format!("unknown: {error}")),
    };
    let [free, total] = [volume.free_bytes, volume.total_bytes].map(ByteSize);
    let detail = format!("{free} of {total}");
    let help = "free some space, or move the database";
    match volume.free_bytes {
        ..NO_SPACE => report.fail("free space", ExitStatus::DATABASE, detail, help),
        NO_SPACE..LITTLE_SPACE => report.warn("free space", detail, help),
        _ => report.ok("free space", detail),
    }
    match volume.weak_locks {
        Some(kind) => report.warn(
            "file system",
            format!("{kind}: a run can lock only the `.lock` file here, not the database file itself"),
            "keep the database on a local disk: two runs under two names of the file would destroy it",
        ),
        None => report.ok("file system", "local, as far as is known"),
    }
}
