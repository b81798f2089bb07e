//! The file, its schema, its lock, and the disk.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use bytesize::ByteSize;

use super::deep;
use super::remembered;
use super::report::Report;
use crate::cli::{CliError, ExitStatus};
use crate::config::Config;
use crate::model::{SlotLabel, text};
use crate::store::{Inspection, LockState, Reader, StoreError, Volume, health, lock, upgrade_copy};

/// The write-ahead log is folded into the file after every run; one of this size means that a reader is in the
/// way, in bytes.
const LARGE_LOG: u64 = 64 << 20;
/// Free space that is worth a warning, in bytes: what a hundred domains fill in a year or two.
const LITTLE_SPACE: u64 = 1 << 30;
/// Free space that a single large run may use up, in bytes.
const NO_SPACE: u64 = 64 << 20;

/// What to do about damage.
pub const RESTORE: &str = "keep the file, and restore it from a copy or fetch into a new one";

/// Looks at the configured database, without a trace; `deep` verifies all that can be verified.
pub fn check(report: &mut Report, config: &Config, deep: bool) {
    let path = config.database.as_path();
    let (is_sound, version) = health::sqlite();
    if is_sound {
        report.ok("sqlite", format!("{version}, built in"));
    } else {
        let detail = format!("{version} has a fault that loses commits");
        report.fail(
            "sqlite",
            ExitStatus::DATABASE,
            detail,
            "build jdcdn-stats with SQLite 3.51.3 or newer",
        );
    }
    let held = match lock::peek(path) {
        Ok(held) => held,
        Err(error) => return fail(report, "lock", error),
    };
    let found = health::inspect(path, &held);
    match &found {
        Ok(Inspection::Missing) => report.ok("database file", "not there yet: the first run makes it"),
        Ok(Inspection::Database(reader)) => check_file(report, reader),
        Ok(Inspection::LogOnly) => report.warn(
            "database file",
            "a run was cut short, and what it committed cannot be looked at without writing",
            "let a run end (`jdcdn-stats sync` or `migrate`), then check again",
        ),
        Err(_) => {}
    }
    match found {
        Err(error) => return fail(report, "database file", error),
        Ok(Inspection::Database(reader)) => {
            check_schema(report, &reader);
            if deep {
                deep::check(report, &reader);
            } else {
                check_content(report, &reader);
            }
            check_log(report, &reader);
            check_slot_label(report, &reader, config.slot_label);
            if let Err(error) = remembered::check(report, &reader, config.username.as_deref()) {
                fail(report, "service", error);
            }
        }
        Ok(Inspection::LogOnly) if deep => report.skip("deep", "it cannot be read without writing"),
        Ok(Inspection::Missing | Inspection::LogOnly) => {}
    }
    report.ok(
        "lock",
        match held {
            LockState::Free => "free".to_owned(),
            LockState::Held(Some(holder)) => format!("held by {holder}"),
            LockState::Held(None) => "held by a run that has just begun".to_owned(),
        },
    );
    if let Some(mode) = lock::open_to_others(path) {
        report.warn(
            "lock file",
            format!("mode {mode:04o}: others may write to it"),
            "run `chmod go-w` on it as its owner; a run by its owner does that too",
        );
    }
    check_upgrade_copies(report, path);
    check_disk(report, path);
}

fn check_file(report: &mut Report, reader: &Reader) {
    let name = "database file";
    let mode = reader
        .path()
        .metadata()
        .map_or(0, |found| found.permissions().mode() & 0o7777);
    let detail = format!("{}, mode {mode:04o}", ByteSize(reader.bytes()));
    if !Volume::is_writable(reader.path()) {
        let help = "give this user the right to write to it, or check as the user who runs `sync`";
        report.fail(
            name,
            ExitStatus::DATABASE,
            format!("{detail}, read-only for this user"),
            help,
        );
    } else if mode & 0o002 != 0 {
        let help = "take the right to write from others: `chmod o-w`";
        report.warn(name, format!("{detail}, everybody may write to it"), help);
    } else {
        report.ok(name, detail);
    }
}

fn check_schema(report: &mut Report, reader: &Reader) {
    match reader.schema() {
        Ok(schema) if schema.applied == schema.known => {
            report.ok("schema", format!("version {}, up to date", schema.applied));
        }
        Ok(schema) => report.warn(
            "schema",
            format!("version {} of {}", schema.applied, schema.known),
            "the next run brings it up to date; `jdcdn-stats migrate` does it now",
        ),
        Err(error) => fail(report, "schema", error),
    }
}

fn check_content(report: &mut Report, reader: &Reader) {
    match reader.findings() {
        Ok(found) if found.is_empty() => report.ok("integrity", "SQLite finds nothing wrong"),
        Ok(found) => {
            let found = text::printable(&found.join("; "));
            report.fail("integrity", ExitStatus::DATABASE, found, RESTORE);
        }
        Err(error) => fail(report, "integrity", error),
    }
    match reader.dangling_rows() {
        Ok(0) => report.ok("references", "every row refers to one that is there"),
        Ok(count) => {
            let found = format!("{count} rows refer to nothing");
            report.fail("references", ExitStatus::DATABASE, found, RESTORE);
        }
        Err(error) => fail(report, "references", error),
    }
}

fn check_log(report: &mut Report, reader: &Reader) {
    let log = reader.wal_bytes();
    let detail = ByteSize(log).to_string();
    if log < LARGE_LOG {
        report.ok("write-ahead log", detail);
    } else {
        let help = "a program that keeps reading holds it: close that program, and the next run folds it in";
        report.warn("write-ahead log", detail, help);
    }
}

/// The label that the rollups of the file were computed with, against the configured one.
fn check_slot_label(report: &mut Report, reader: &Reader, configured: SlotLabel) {
    let name = "slot_label of the file";
    match reader.slot_label() {
        Ok(label) if label == configured => report.ok(name, label.as_str()),
        Ok(label) => report.warn(
            name,
            format!("{label}, but the configuration says {configured}"),
            "the next run computes the rollups anew; `jdcdn-stats migrate` does it now",
        ),
        Err(error) => fail(report, name, error),
    }
}

/// The copies that upgrades have kept; nobody else deletes them.
fn check_upgrade_copies(report: &mut Report, path: &Path) {
    for copy in upgrade_copy::beside(path).unwrap_or_default() {
        report.ok("copy from before the upgrade", copy.to_string());
    }
}

/// `path` may not exist, its directory does.
fn check_disk(report: &mut Report, path: &Path) {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    if !Volume::is_writable(directory) {
        report.fail(
            "directory",
            ExitStatus::DATABASE,
            "this user may not create files beside the database",
            "give the right to, or check as the user who runs `sync`: the lock and the log lie there",
        );
    }
    let volume = match Volume::of(directory) {
        Ok(volume) => volume,
        Err(error) => return report.skip("free space", format!("not known: {error}")),
    };
    let detail = format!(
        "{} of {}",
        ByteSize(volume.free_bytes),
        ByteSize(volume.total_bytes)
    );
    let help = "free some space, or move the database";
    match volume.free_bytes {
        ..NO_SPACE => report.fail("free space", ExitStatus::DATABASE, detail, help),
        NO_SPACE..LITTLE_SPACE => report.warn("free space", detail, help),
        _ => report.ok("free space", detail),
    }
    match volume.weak_locks {
        Some(kind) => report.warn(
            "file system",
            format!("{kind}: a run cannot lock the file itself here, only the `.lock` file beside it"),
            "keep the database on a local disk: two runs under two names of the file would destroy it",
        ),
        None => report.ok("file system", "local, as far as is known"),
    }
}

pub(super) fn fail(report: &mut Report, name: &'static str, error: StoreError) {
    let error = CliError::from(error);
    let help = "do what its line says: no run can use the database as it is";
    report.fail(name, error.status(), error.to_string(), help);
}
