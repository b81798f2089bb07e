//! Everything in the file that can be verified.

use super::database::{RESTORE, fail};
use super::report::Report;
use crate::cli::ExitStatus;
use crate::store::Reader;

/// Verifies the database: one line a subject, each saying what was compared or what is damaged, and where.
pub fn check(report: &mut Report, reader: &Reader) {
    let checked = match reader.verify() {
        Ok(checked) => checked,
        Err(error) => return fail(report, "deep", error),
    };
    for subject in checked {
        let name = subject.subject.name();
        if subject.is_damaged() {
            report.fail(name, ExitStatus::DATABASE, subject.summary(), RESTORE);
        } else if subject.skipped {
            report.skip(name, subject.detail);
        } else {
            report.ok(name, subject.detail);
        }
    }
}
