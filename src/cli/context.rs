//! The configuration, clock and streams of a command.

use std::io::{Read, Write};

use crate::cli::error::CliError;
use crate::cli::logging::Logs;
use crate::cli::options::{GlobalArgs, OutputFormat};
use crate::cli::output::WrappingWriter;
use crate::cli::redactor::Redactor;
use crate::clock::SharedClock;
use crate::config::{Config, ConfigError, Environment, Overrides};
use crate::model::{Credentials, UnixSeconds};
use crate::store::{Holder, OpenError, Reader, is_ours};

/// Takes the domains that the database follows now. If it cannot be read, those of an earlier call stay.
pub fn follow(config: &mut Config) {
    // What the run will refuse must not be opened here.
    let ours = is_ours(&config.database).then(|| Reader::open(&config.database).ok());
    let followed = ours.flatten().and_then(|reader| reader.followed_domains().ok());
    if let Some(followed) = followed {
        config.follow(&followed);
    }
}

/// Where a command reads and writes.
pub struct Streams<'s> {
    /// Standard input.
    pub stdin: &'s mut dyn Read,
    /// Standard output, for data and summaries; flushed when the command has ended.
    pub stdout: &'s mut dyn Write,
    /// Standard error, for everything but data.
    pub stderr: &'s mut dyn Write,
    /// Whether standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// Whether standard error is a terminal.
    pub stderr_is_terminal: bool,
    /// How many columns standard output has, if it is a terminal or COLUMNS says so.
    pub width: Option<usize>,
}

impl Streams<'_> {
    /// Returns standard output for text for people: its lines are broken at the width of the terminal.
    pub fn human(&mut self) -> WrappingWriter<'_> {
        WrappingWriter::new(self.stdout, self.width)
    }

    /// Returns standard output for a result in this format.
    pub fn result(&mut self, format: OutputFormat) -> WrappingWriter<'_> {
        let width = self.width.filter(|_| format == OutputFormat::Human);
        WrappingWriter::new(self.stdout, width)
    }
}

/// The surroundings of a command.
pub struct Context<'c, 's> {
    /// The options of every command.
    pub global: &'c GlobalArgs,
    /// The environment.
    pub environment: &'c Environment,
    /// The time of day.
    pub clock: SharedClock,
    /// The log; a progress bar must draw around its lines.
    pub logs: Logs,
    /// The secrets that must not be printed.
    pub redactor: Redactor,
    /// Standard input, output and error.
    pub streams: &'c mut Streams<'s>,
}

impl Context<'_, '_> {
    /// Returns the time of day.
    #[must_use]
    pub fn now(&self) -> UnixSeconds {
        self.clock.now()
    }

    /// Returns the configuration with the global options and the overrides that `add` adds.
    pub fn config(&self, add: impl FnOnce(&mut Overrides)) -> Result<Config, CliError> {
        let mut overrides = self.global.overrides();
        add(&mut overrides);
        Ok(self
            .redactor
            .load_config(&overrides, self.environment, self.now())?)
    }

    /// As [`Context::config`], with the domains that the database follows. A database that does not exist, or that cannot
    /// be read, follows none: what opens it next says why.
    pub fn config_with_followed(&self, add: impl FnOnce(&mut Overrides)) -> Result<Config, CliError> {
        let mut config = self.config(add)?;
        follow(&mut config);
        Ok(config)
    }

    /// Reads the account's credentials from where `config` says.
    pub fn credentials(&self, config: &Config) -> Result<Credentials, ConfigError> {
        self.redactor.credentials(config, &self.clock)
    }

    /// Opens the configured database for reading.
    pub fn reader(&self) -> Result<Reader, CliError> {
        Ok(Reader::open(&self.config(|_| {})?.database)?)
    }

    /// Opens the configured database for reading; `None` if it does not exist yet.
    pub fn reader_if_present(&self, config: &Config) -> Result<Option<Reader>, CliError> {
        match Reader::open(&config.database) {
            Ok(reader) => Ok(Some(reader)),
            Err(OpenError::Missing { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the entry of the lock file for `command`, started now.
    #[must_use]
    pub fn holder(&self, command: &str) -> Holder {
        Holder {
            command: command.to_owned(),
            started_at: self.now(),
        }
    }

    /// Returns whether a progress bar may be drawn on standard error.
    #[must_use]
    pub fn may_draw(&self) -> bool {
        self.streams.stderr_is_terminal && !self.global.no_progress && self.global.quiet == 0
    }
}
