//! The options that commands share.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};

use crate::cli::CliError;
use crate::config::Overrides;
use crate::model::duration::{parse_duration, show_duration};
use crate::model::moment::parse_moment;
use crate::model::{Span, UnixSeconds, civil, text};

/// The options of every command, before or after its name.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
#[expect(
    clippy::doc_markdown,
    reason = "the documentation is the help, which is no Markdown"
)]
pub struct GlobalArgs {
    /// Configuration file [env: JDCDN_CONFIG] [default: ./jdcdn-stats.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Database file [env: JDCDN_DB] [default: `database` in the configuration, else ./jdcdn-stats.db]
    #[arg(long, global = true, value_name = "FILE")]
    pub db: Option<PathBuf>,
    /// Log more to standard error; -vv and -vvv log still more
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Log errors only to standard error; -qq logs nothing
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub quiet: u8,
    /// Format of the log on standard error
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub log_format: LogFormat,
    /// Show no progress, neither as a bar nor as lines
    #[arg(long, global = true)]
    pub no_progress: bool,
}

/// The format of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The domains to work on.
#[derive(Debug, Clone, Default, Args)]
pub struct DomainArgs {
    /// Domain to work on; list several after one -d, with commas, or with -d again [default: `domains` in
    /// the configuration]
    #[arg(short, long = "domain", value_name = "DOMAIN", num_args = 1.., value_delimiter = ',')]
    pub domains: Vec<String>,
}

/// A range of time.
#[derive(Debug, Clone, Args)]
pub struct RangeArgs {
    /// Start of the range: 2026-01-01, 2026-01-01 08:00, 2026-01 (UTC+8), RFC 3339 with an offset, now, or an
    /// age such as 7d or 36h
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub from: String,
    /// End of the range (exclusive); the same forms
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub to: String,
}

impl RangeArgs {
    /// Returns the range, widened to whole slots.
    pub fn span(&self, now: UnixSeconds) -> Result<Span, CliError> {
        let (from, to) = (time("--from", &self.from, now)?, time("--to", &self.to, now)?);
        Span::new(from, to).map(|span| span.to_grid()).ok_or_else(|| {
            CliError::usage(format!(
                "the range is empty: --from is {} and --to is {} in UTC+8; --to must be later than --from",
                civil::cst_minute(from),
                civil::cst_minute(to),
            ))
        })
    }
}

/// A range of time that may be open at either end.
#[derive(Debug, Clone, Args)]
pub struct OpenRangeArgs {
    /// Start of the range; forms as in `backfill`
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// End of the range (exclusive)
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub to: Option<String>,
}

impl OpenRangeArgs {
    /// Returns the ends that are set. They never make an empty range.
    pub fn ends(&self, now: UnixSeconds) -> Result<(Option<UnixSeconds>, Option<UnixSeconds>), CliError> {
        let read =
            |flag, text: &Option<String>| text.as_deref().map(|text| time(flag, text, now)).transpose();
        let (from, to) = (read("--from", &self.from)?, read("--to", &self.to)?);
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            return Err(CliError::usage(
                "the range is empty: --to must be later than --from",
            ));
        }
        Ok((from, to))
    }
}

/// Returns the time that the option `flag` names.
pub fn time(flag: &str, text: &str, now: UnixSeconds) -> Result<UnixSeconds, CliError> {
    parse_moment(text, now).map_err(|error| CliError::usage(format!("{flag}: {error}")))
}

/// Returns the length of time that the option `flag` gives, which lies within `bounds`.
pub fn length(flag: &str, text: &str, bounds: RangeInclusive<Duration>) -> Result<Duration, CliError> {
    let given = parse_duration(text).map_err(|error| CliError::usage(format!("{flag}: {error}")))?;
    if bounds.contains(&given) {
        return Ok(given);
    }
    Err(CliError::usage(format!(
        "{flag}: `{}` is not a length of time from `{}` to `{}`",
        text::printable(text),
        show_duration(*bounds.start()),
        show_duration(*bounds.end()),
    )))
}

/// The format of a summary or a list.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct FormatArgs {
    /// Format of the result on standard output
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: OutputFormat,
}

/// The format of a summary or a list. `query` has more of them, because its rows have no fixed shape.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON value; fields are only ever added.
    Json,
}

impl GlobalArgs {
    /// Returns what these options override.
    #[must_use]
    pub fn overrides(&self) -> Overrides {
        let mut overrides = Overrides::default();
        overrides.config.clone_from(&self.config);
        overrides.set("database", &self.db);
        overrides
    }
}

impl DomainArgs {
    /// Adds these options to `overrides`.
    pub fn add_to(&self, overrides: &mut Overrides) {
        overrides.set("domains", &self.domains);
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Probe {
        #[command(flatten)]
        domains: DomainArgs,
        #[command(flatten)]
        range: RangeArgs,
    }

    fn probe(args: &str) -> Probe {
        let range = ["probe", "--from", "2026-01-01", "--to", "2026-02"];
        Probe::try_parse_from(range.into_iter().chain(args.split_whitespace())).unwrap()
    }

    #[test]
    fn domains_come_in_a_row_with_commas_or_again() {
        let given = probe("-d a.com b.com -d c.com,d.com --domain e.com")
            .domains
            .domains;
        assert_eq!(given, ["a.com", "b.com", "c.com", "d.com", "e.com"]);
    }

    #[test]
    fn a_range_is_widened_to_slots_and_must_not_be_empty() {
        let range = |from: &str, to: &str| {
            RangeArgs {
                from: from.to_owned(),
                to: to.to_owned(),
            }
            .span(1_780_000_000)
        };
        let span = range("2026-01-01 08:03", "2026-01-01 08:06").unwrap();
        assert_eq!(
            (civil::cst_minute(span.start()), civil::cst_minute(span.end())),
            ("2026-01-01 08:00".to_owned(), "2026-01-01 08:10".to_owned())
        );
        let empty = range("2026-01-02", "2026-01-02").unwrap_err();
        assert_eq!(
            empty.to_string(),
            "the range is empty: --from is 2026-01-02 00:00 and --to is 2026-01-02 00:00 in UTC+8; --to must be later than --from"
        );
        let wrong = range("yesterday", "now").unwrap_err().to_string();
        assert!(wrong.starts_with("--from: `yesterday` is not a time"), "{wrong}");
    }
}
