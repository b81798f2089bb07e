//! What was found, as lines and as JSON, and the exit code that follows.

use std::io::{self, Write};

use serde::Serialize;

use super::remembered::Remembered;
use crate::cli::ExitStatus;
use crate::cli::options::OutputFormat;
use crate::cli::view::text::counted;
use crate::model::convert::to_u64;

/// Which failure decides the exit code, where there are several.
const PRECEDENCE: [ExitStatus; 4] = [
    ExitStatus::USAGE,
    ExitStatus::REFUSED,
    ExitStatus::DATABASE,
    ExitStatus::FAILED,
];

/// What the checks found, in their order.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    checks: Vec<Check>,
    /// How the API reads the range of a request; `null` where no answer came.
    reading: Option<&'static str>,
    /// What the file remembers of the service; `null` where there is no file.
    remembered: Option<Remembered>,
}

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    status: Status,
    detail: String,
    help: Option<String>,
    #[serde(skip)]
    exit: Option<ExitStatus>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ok,
    Skip,
    Warn,
    Fail,
}

impl Status {
    fn shown(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skip => "skip",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        }
    }
}

impl Report {
    /// It is as it should be.
    pub fn ok(&mut self, name: &'static str, detail: impl Into<String>) {
        self.add(name, Status::Ok, detail.into(), None, None);
    }

    /// It was not looked at; `detail` says why.
    pub fn skip(&mut self, name: &'static str, detail: impl Into<String>) {
        self.add(name, Status::Skip, detail.into(), None, None);
    }

    /// It works, but not as well as it should.
    pub fn warn(&mut self, name: &'static str, detail: impl Into<String>, help: impl Into<String>) {
        self.add(name, Status::Warn, detail.into(), Some(help.into()), None);
    }

    /// It does not work; a command that needs it would end with `exit`.
    pub fn fail(
        &mut self,
        name: &'static str,
        exit: ExitStatus,
        detail: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.add(name, Status::Fail, detail.into(), Some(help.into()), Some(exit));
    }

    /// How the API reads the range of a request, for machines.
    pub fn read_as(&mut self, reading: &'static str) {
        self.reading = Some(reading);
    }

    /// What the file remembers of the service, for machines.
    pub fn remember(&mut self, remembered: Remembered) {
        self.remembered = Some(remembered);
    }

    fn add(
        &mut self,
        name: &'static str,
        status: Status,
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

    /// How the program ends.
    #[must_use]
    pub fn exit_status(&self) -> ExitStatus {
        PRECEDENCE
            .into_iter()
            .find(|exit| self.checks.iter().any(|check| check.exit == Some(*exit)))
            .unwrap_or(ExitStatus::SUCCESS)
    }

    /// Prints it.
    pub fn print(&self, format: OutputFormat, out: &mut dyn Write) -> io::Result<()> {
        match format {
            OutputFormat::Human => self.human(out),
            OutputFormat::Json => {
                serde_json::to_writer_pretty(&mut *out, self)?;
                writeln!(out)
            }
        }
    }

    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let width = self
            .checks
            .iter()
            .map(|check| check.name.len())
            .max()
            .unwrap_or(0);
        for check in &self.checks {
            writeln!(
                out,
                "{:4}  {:width$}  {}",
                check.status.shown(),
                check.name,
                check.detail
            )?;
        }
        writeln!(out)?;
        for check in &self.checks {
            if let Some(help) = &check.help {
                writeln!(out, "{}: {help}", check.name)?;
            }
        }
        let count = |status| self.checks.iter().filter(|check| check.status == status).count();
        let [failed, warned] = [Status::Fail, Status::Warn].map(|status| to_u64(count(status)));
        match (failed, warned) {
            (0, 0) => writeln!(out, "all is well"),
            (0, _) => writeln!(out, "{}", counted(warned, "warning")),
            _ => writeln!(
                out,
                "{}, {}",
                counted(failed, "problem"),
                counted(warned, "warning")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_aligned_and_help_follows() {
        let mut report = Report::default();
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
        let mut report = Report::default();
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
