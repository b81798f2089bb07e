//! The results of the checks, as lines and as JSON, and the exit code.

use std::io::{self, Write};

use serde::Serialize;

use super::range_reading::RangeReading;
use super::remembered::Remembered;
use crate::cli::options::OutputFormat;
use crate::cli::output;
use crate::cli::view::text::counted;
use crate::cli::{CliError, ExitStatus};
use crate::model::convert::to_u64;

/// Which failure decides the exit code, where there are several.
const PRECEDENCE: [ExitStatus; 4] = [
    ExitStatus::USAGE,
    ExitStatus::REFUSED,
    ExitStatus::DATABASE,
    ExitStatus::FAILED,
];

/// The results of the checks, in their order.
#[derive(Debug, Default, Serialize)]
pub struct CheckReport {
    checks: Vec<Check>,
    /// How the API reads the range of a request; `null` where no answer came.
    reading: Option<&'static str>,
    /// What the file remembers of the API; `null` where there is no file.
    remembered: Option<Remembered>,
}

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    status: CheckStatus,
    detail: String,
    help: Option<String>,
    #[serde(skip)]
    exit: Option<ExitStatus>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum CheckStatus {
    Ok,
    Skip,
    Warn,
    Fail,
}

impl CheckStatus {
    fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skip => "skip",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        }
    }
}

impl CheckReport {
    /// Adds a check that passed.
    pub fn ok(&mut self, name: &'static str, detail: impl Into<String>) {
        self.add(name, CheckStatus::Ok, detail.into(), None, None);
    }

    /// Adds a check that passed, with a note on what is unusual about it.
    pub fn note(&mut self, name: &'static str, detail: impl Into<String>, note: impl Into<String>) {
        self.add(name, CheckStatus::Ok, detail.into(), Some(note.into()), None);
    }

    /// Adds a check that was skipped; `detail` says why.
    pub fn skip(&mut self, name: &'static str, detail: impl Into<String>) {
        self.add(name, CheckStatus::Skip, detail.into(), None, None);
    }

    /// Adds something that works, but not as well as it should.
    pub fn warn(&mut self, name: &'static str, detail: impl Into<String>, help: impl Into<String>) {
        self.add(name, CheckStatus::Warn, detail.into(), Some(help.into()), None);
    }

    /// Adds something that does not work. A command that needs it would end with `exit`.
    pub fn fail(
        &mut self,
        name: &'static str,
        exit: ExitStatus,
        detail: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.add(
            name,
            CheckStatus::Fail,
            detail.into(),
            Some(help.into()),
            Some(exit),
        );
    }

    /// Adds an error that a command would end with.
    pub fn error(&mut self, name: &'static str, error: impl Into<CliError>, help: &str) {
        let error = error.into();
        self.fail(name, error.status(), error.to_string(), help);
    }

    /// Sets how the API reads the range of a request, for JSON.
    pub fn set_reading(&mut self, reading: &RangeReading) {
        self.reading = Some(reading.name());
    }

    /// Sets what the file remembers of the API, for JSON.
    pub fn set_remembered(&mut self, remembered: Remembered) {
        self.remembered = Some(remembered);
    }

    fn add(
        &mut self,
        name: &'static str,
        status: CheckStatus,
        detail: String,
        help: Option<String>,
        exit: Option<ExitStatus>,
    ) {
        self.checks.push(Check {
            name,
            status,
            detail,
            help,
            exit,
        });
    }

    /// Returns the exit code.
    #[must_use]
    pub fn exit_status(&self) -> ExitStatus {
        PRECEDENCE
            .into_iter()
            .find(|exit| self.checks.iter().any(|check| check.exit == Some(*exit)))
            .unwrap_or(ExitStatus::SUCCESS)
    }

    /// Prints the results.
    pub fn print(&self, format: OutputFormat, out: &mut dyn Write) -> io::Result<()> {
        match format {
            OutputFormat::Human => self.human(out),
            OutputFormat::Json => output::pretty_json(self, out),
        }
    }

    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let width = self.checks.iter().map(|check| check.name.len()).max();
        let width = width.unwrap_or(0);
        for check in &self.checks {
            let (status, detail) = (check.status.label(), &check.detail);
            writeln!(out, "{status:4}  {:width$}  {detail}", check.name)?;
        }
        writeln!(out)?;
        for check in &self.checks {
            if let Some(help) = &check.help {
                writeln!(out, "{}: {help}", check.name)?;
            }
        }
        let count = |status| to_u64(self.checks.iter().filter(|check| check.status == status).count());
        let warnings = counted(count(CheckStatus::Warn), "warning");
        match (count(CheckStatus::Fail), count(CheckStatus::Warn)) {
            (0, 0) => writeln!(out, "all is well"),
            (0, _) => writeln!(out, "{warnings}"),
            (failed, _) => writeln!(out, "{}, {warnings}", counted(failed, "problem")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_aligned_and_help_follows() {
        let mut report = CheckReport::default();
        report.ok("endpoint", "https://a.com/");
        report.warn("start", "not set", "set it");
        report.fail("database", ExitStatus::DATABASE, "foreign", "name another");
        let mut out = Vec::new();
        report.print(OutputFormat::Human, &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "ok    endpoint  https://a.com/\n\
             warn  start     not set\n\
             FAIL  database  foreign\n\
             \n\
             start: set it\n\
             database: name another\n\
             1 problem, 1 warning\n"
        );
    }

    #[test]
    fn the_configuration_decides_before_the_credentials_and_those_before_the_database() {
        let mut report = CheckReport::default();
        report.warn("start", "", "");
        report.skip("api", "");
        assert_eq!(report.exit_status(), ExitStatus::SUCCESS);
        for (exit, expected) in [
            (ExitStatus::FAILED, ExitStatus::FAILED),
            (ExitStatus::DATABASE, ExitStatus::DATABASE),
            (ExitStatus::REFUSED, ExitStatus::REFUSED),
            (ExitStatus::FAILED, ExitStatus::REFUSED),
            (ExitStatus::USAGE, ExitStatus::USAGE),
        ] {
            report.fail("x", exit, "", "");
            assert_eq!(report.exit_status(), expected);
        }
    }
}
