//! Why a command ended early.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};

use super::exit::ExitStatus;
use crate::config::ConfigError;
use crate::ingest::RunError;
use crate::interrupt;
use crate::store::{ErrorClass, OpenError, SqlError, StoreError, StoreErrorKind};

/// Why a command ended early: the message, the advice and the exit code.
///
/// `Display` writes the message with its causes on one line. An excerpt of SQL may follow on its own lines.
#[derive(Debug)]
pub struct CliError {
    status: ExitStatus,
    message: Option<String>,
    help: Option<String>,
    transient: bool,
}

impl CliError {
    /// Returns an error with its chain of causes.
    #[must_use]
    pub fn new(status: ExitStatus, error: &(dyn Error + 'static)) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Some errors print their cause themselves.
            if !message.ends_with(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            cause = match error.downcast_ref() {
                // Below SQLite's own sentence there is only the general name of its code.
                Some(rusqlite::Error::SqliteFailure(_, Some(_))) => None,
                _ => error.source(),
            };
        }
        Self::with_message(status, Some(message))
    }

    /// Returns an error of wrong input. `message` names the value and the way out.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::with_message(ExitStatus::USAGE, Some(message.into()))
    }

    /// Returns an error of what is missing. `message` names it.
    #[must_use]
    pub fn failed(message: impl Into<String>) -> Self {
        Self::with_message(ExitStatus::FAILED, Some(message.into()))
    }

    fn with_message(status: ExitStatus, message: Option<String>) -> Self {
        Self {
            status,
            message,
            help: None,
            transient: false,
        }
    }

    /// Adds advice.
    #[must_use]
    pub fn with_help(mut self, help: Option<impl Into<String>>) -> Self {
        self.help = help.map(Into::into);
        self
    }

    /// Puts what failed before the message.
    #[must_use]
    pub fn with_context(mut self, what: &str) -> Self {
        self.message = self.message.map(|message| format!("{what}: {message}"));
        self
    }

    /// Marks a cause that may pass by itself, so that a later run can succeed.
    #[must_use]
    pub fn transient(mut self) -> Self {
        self.transient = true;
        self
    }

    /// Returns whether a later run can succeed without a change by the user.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.transient
    }

    /// Keeps the `status` that the command had ended with, if it was not a success: lost output must not hide trouble.
    #[must_use]
    pub fn after(mut self, status: ExitStatus) -> Self {
        if status != ExitStatus::SUCCESS {
            self.status = status;
        }
        self
    }

    /// Returns the exit code.
    #[must_use]
    pub fn status(&self) -> ExitStatus {
        self.status
    }

    /// Prints `error: …` and the advice as `help: …`. A failure to print is ignored: there is no place left to report
    /// it.
    pub fn print(&self, out: &mut dyn Write) {
        if let Some(message) = &self.message {
            let _ = writeln!(out, "error: {message}");
        }
        if let Some(help) = &self.help {
            let _ = writeln!(out, "help: {help}");
        }
        let _ = out.flush();
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message.as_deref().unwrap_or("the output was closed"))
    }
}

impl From<io::Error> for CliError {
    /// Converts a failure to write to standard output. A reader that has closed it had enough, which is a normal end.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::with_message(ExitStatus::SUCCESS, None);
        }
        Self::with_message(
            ExitStatus::FAILED,
            Some(format!("cannot write the output: {error}")),
        )
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self::new(ExitStatus::USAGE, &error)
    }
}

impl From<OpenError> for CliError {
    fn from(error: OpenError) -> Self {
        Self::new(ExitStatus::DATABASE, &error).with_help(error.help())
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let status = match error.class() {
            ErrorClass::Interrupted => interrupt::caught().map_or(ExitStatus::FAILED, ExitStatus::from),
            ErrorClass::InUse => ExitStatus::BUSY,
            ErrorClass::Unusable => ExitStatus::DATABASE,
            ErrorClass::Defect => ExitStatus::FAILED,
        };
        let transient = matches!(
            error.kind(),
            StoreErrorKind::Locked(_)
                | StoreErrorKind::LockedElsewhere
                | StoreErrorKind::Busy(_)
                | StoreErrorKind::Interrupted
        );
        Self {
            transient,
            ..Self::new(status, &error)
        }
    }
}

impl From<RunError> for CliError {
    fn from(error: RunError) -> Self {
        let help = "run the same command again to go on; please report this with the lines above";
        match error {
            RunError::Store { source, .. } => source.into(),
            RunError::Defect(_) => Self::new(ExitStatus::FAILED, &error).with_help(Some(help)),
            RunError::NoThread(_) => Self::new(ExitStatus::FAILED, &error),
        }
    }
}

impl From<SqlError> for CliError {
    fn from(error: SqlError) -> Self {
        let status = match &error {
            SqlError::Failed(_) if error.is_database_fault() => ExitStatus::DATABASE,
            SqlError::Failed(_) | SqlError::TooLarge | SqlError::TooMuchMemory => ExitStatus::FAILED,
            _ => ExitStatus::USAGE,
        };
        Self::new(status, &error).with_help(error.help())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the outer")]
    struct Outer(#[source] io::Error);

    fn printed(error: &CliError) -> String {
        let mut out = Vec::new();
        error.print(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_causes_follow_the_message_and_the_help_has_its_own_line() {
        let error = Outer(io::Error::other("the inner"));
        let error = CliError::new(ExitStatus::FAILED, &error).with_help(Some("try again"));
        assert_eq!(printed(&error), "error: the outer: the inner\nhelp: try again\n");
    }

    #[test]
    fn a_database_in_use_is_to_be_tried_again_an_unusable_one_to_be_mended_and_a_defect_to_be_reported() {
        let status = |kind| CliError::from(StoreError::new(Path::new("x.db"), kind)).status();
        for in_use in [
            StoreErrorKind::Locked(None),
            StoreErrorKind::LockedElsewhere,
            StoreErrorKind::InUse,
        ] {
            assert_eq!(status(in_use), ExitStatus::BUSY);
        }
        let full =
            rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL), None);
        for unusable in [full.into(), StoreErrorKind::ReadOnly, StoreErrorKind::Orphaned] {
            assert_eq!(status(unusable), ExitStatus::DATABASE);
        }
        let defect = StoreErrorKind::InvariantViolation(String::new());
        assert_eq!(status(defect), ExitStatus::FAILED);
    }

    #[test]
    fn a_closed_output_is_a_normal_end_and_a_full_disk_is_not() {
        let closed = CliError::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(
            (closed.status(), printed(&closed)),
            (ExitStatus::SUCCESS, String::new())
        );
        let full = CliError::from(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(full.status(), ExitStatus::FAILED);
        assert!(printed(&full).starts_with("error: cannot write the output"));
    }

    #[test]
    fn a_lost_output_hides_no_trouble() {
        for lost in [io::ErrorKind::BrokenPipe, io::ErrorKind::StorageFull] {
            let after = |status| CliError::from(io::Error::from(lost)).after(status).status();
            assert_eq!(after(ExitStatus::PARTIAL), ExitStatus::PARTIAL);
            assert_eq!(
                after(ExitStatus::SUCCESS),
                CliError::from(io::Error::from(lost)).status()
            );
        }
    }
}
