//! What a command gets to work with.

use std::io::{Read, Write};

use crate::cli::error::CliError;
use crate::cli::logging::Logs;
use crate::cli::options::GlobalArgs;
use crate::cli::redactor::Redactor;
use crate::clock::SharedClock;
use crate::config::{Config, ConfigError, Environment, Overrides};
use crate::model::{Credentials, UnixSeconds};
use crate::store::{OpenError, Reader};

/// Where a command reads and writes.
pub struct Streams<'s> {
    /// Standard input.
    pub stdin: &'s mut dyn Read,
    /// Standard output, for data and summaries; flushed when the command has ended.
    pub stdout: &'s mut dyn Write,
    /// Standard error, for what is said beside the data.
    pub stderr: &'s mut dyn Write,
    /// Whether standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// Whether standard error is a terminal.
    pub stderr_is_terminal: bool,
}

/// What a command gets to work with.
pub struct Context<'c, 's> {
    /// The options of every command.
    pub global: &'c GlobalArgs,
    /// The environment.
    pub environment: &'c Environment,
    /// The time of day.
    pub clock: SharedClock,
    /// The events' way to standard error; a progress bar must draw around them.
    pub logs: Logs,
    /// What must not be printed.
    pub redactor: Redactor,
    /// Where to read and write.
    pub streams: &'c mut Streams<'s>,
}

impl Context<'_, '_> {
    /// The time of day.
    #[must_use]
    pub fn now(&self) -> UnixSeconds {
        self.clock.now()
    }

    /// The configuration under the global options and what `add` overrides beside them.
    pub fn config(&self, add: impl FnOnce(&mut Overrides)) -> Result<Config, CliError> {
        let mut overrides = self.global.overrides();
        add(&mut overrides);
        Ok(self
            .redactor
            .load_config(&overrides, self.environment, self.now())?)
    }

    /// The account's credentials, read where `config` says.
    pub fn credentials(&self, config: &Config) -> Result<Credentials, ConfigError> {
        self.redactor.credentials(config, &self.clock)
    }

    /// The configured database, opened for reading.
    pub fn reader(&self) -> Result<Reader, CliError> {
        Ok(Reader::open(&self.config(|_| {})?.database)?)
    }

    /// The configured database, opened for reading; `None` where there is none yet.
    pub fn reader_if_present(&self, config: &Config) -> Result<Option<Reader>, CliError> {
        match Reader::open(&config.database) {
            Ok(reader) => Ok(Some(reader)),
            Err(OpenError::Missing { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a progress bar may be drawn on standard error.
    #[must_use]
    pub fn may_draw(&self) -> bool {
        self.streams.stderr_is_terminal && !self.global.no_progress && self.global.quiet == 0
    }
}
