//! Lines for systemd's journal.
//!
//! The journal gives every line a time of its own, and reads a level from a number in angle brackets at its start. systemd
//! sets `JOURNAL_STREAM` to the device and the inode of the journal's end of standard output or standard error. A program
//! whose output is redirected inherits the variable all the same, so both numbers are compared.

use std::ffi::OsStr;
use std::fmt::{self, Write as _};
use std::io;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The variable that systemd sets.
pub(super) const STREAM: &str = "JOURNAL_STREAM";

/// The level of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JournalLevel {
    /// A defect of this program.
    Critical,
    /// An error.
    Error,
    /// A warning.
    Warning,
    /// Everything else that is shown by default.
    Info,
    /// What only `-v` shows.
    Debug,
}

impl From<Level> for JournalLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::ERROR => Self::Error,
            Level::WARN => Self::Warning,
            Level::INFO => Self::Info,
            Level::DEBUG | Level::TRACE => Self::Debug,
        }
    }
}

impl JournalLevel {
    /// Returns its number, as syslog counts.
    const fn number(self) -> u8 {
        match self {
            Self::Critical => 2,
            Self::Error => 3,
            Self::Warning => 4,
            Self::Info => 6,
            Self::Debug => 7,
        }
    }

    /// Returns `lines`, each with this level in front of it.
    pub(super) fn mark(self, lines: &str) -> String {
        let mut marked = String::new();
        for line in lines.lines() {
            // Writing to a String cannot fail.
            let _ = writeln!(marked, "<{}>{line}", self.number());
        }
        marked
    }
}

/// Returns whether standard error is the journal that `stream`, the value of [`STREAM`], names.
pub(super) fn is_stderr(stream: Option<&OsStr>) -> bool {
    let Some((device, inode)) = stream
        .and_then(OsStr::to_str)
        .and_then(|stream| stream.split_once(':'))
    else {
        return false;
    };
    let (Ok(device), Ok(inode)) = (device.parse(), inode.parse()) else {
        return false;
    };
    rustix::fs::fstat(io::stderr()).is_ok_and(|found| (found.st_dev, found.st_ino) == (device, inode))
}

/// Returns `lines`, marked with `level` if the standard error of this process is the journal.
pub(super) fn marked(level: JournalLevel, lines: &str) -> String {
    if is_stderr(std::env::var_os(STREAM).as_deref()) {
        level.mark(lines)
    } else {
        lines.to_owned()
    }
}

/// Writes an event as the inner format does, with its level for the journal in front of each line.
pub(super) struct JournalFormat<F>(pub(super) F);

impl<S, N, F> FormatEvent<S, N> for JournalFormat<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut text = String::new();
        self.0.format_event(context, Writer::new(&mut text), event)?;
        let level = JournalLevel::from(*event.metadata().level());
        // Without the time, the name of the level comes first, and is padded.
        writer.write_str(&level.mark(text.trim_start()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_a_text_has_its_level() {
        assert_eq!(
            JournalLevel::Error.mark("error: a\nhelp: b\n"),
            "<3>error: a\n<3>help: b\n"
        );
        assert_eq!(JournalLevel::Critical.mark("c"), "<2>c\n");
    }

    #[test]
    fn only_the_journal_that_the_variable_names_is_standard_error() {
        let found = rustix::fs::fstat(io::stderr()).unwrap();
        let stream = |device: u64, inode: u64| is_stderr(Some(OsStr::new(&format!("{device}:{inode}"))));
        assert!(stream(found.st_dev, found.st_ino));
        assert!(!stream(found.st_dev, found.st_ino.wrapping_add(1)));
        assert!(!stream(found.st_dev.wrapping_add(1), found.st_ino));
        for nonsense in ["", "8", "8:", ":8", "a:b", "-1:7"] {
            assert!(!is_stderr(Some(OsStr::new(nonsense))), "{nonsense}");
        }
        assert!(!is_stderr(None));
    }
}
