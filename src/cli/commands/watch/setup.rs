//! The configuration and the key, read at the start and at SIGHUP.

use std::sync::Arc;
use std::time::Duration;

use crate::cli::CliError;
use crate::cli::commands::sync::up_to_date;
use crate::cli::context::follow;
use crate::cli::pull::Pull;
use crate::cli::redactor::Redactor;
use crate::clock::SharedClock;
use crate::config::{Config, Environment, Overrides};
use crate::model::slot::DAY_SECONDS;
use crate::model::{Credentials, FactName, UnixSeconds};
use crate::store::Reader;

/// The longest pause that a `Retry-After` of the API can cause.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// For how many seconds an answer proves that the key is right.
const ANSWER_VALIDITY: i64 = 7 * DAY_SECONDS;
/// The longest wait for a database that another program locks.
const LONGEST_LOCK: Duration = Duration::from_mins(1);

/// The configuration and the key of a run.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) config: Arc<Config>,
    pub(super) credentials: Credentials,
}

/// Where the setup is read from, each time anew.
#[derive(Debug)]
pub(super) struct SetupSource<'c> {
    pub(super) overrides: Overrides,
    pub(super) environment: &'c Environment,
    pub(super) clock: SharedClock,
    pub(super) redactor: Redactor,
}

impl SetupSource<'_> {
    /// Reads the setup, and checks that a run could begin with it.
    pub(super) fn read(&self) -> Result<Setup, CliError> {
        let now = self.clock.now();
        let mut config = self
            .redactor
            .load_config(&self.overrides, self.environment, now)?;
        follow(&mut config);
        pull(&config, now)?.check_available(&config, now)?;
        let credentials = self.redactor.credentials(&config, &self.clock)?;
        config.route()?;
        Ok(Setup {
            config: Arc::new(config),
            credentials,
        })
    }
}

impl Setup {
    /// Returns the seconds between runs.
    pub(super) fn every(&self) -> i64 {
        self.config.watch_every
    }

    /// Returns the longest time in which a healthy run may show no progress: the longest pause with a slow answer after
    /// it, or a database that another program locks.
    pub(super) fn patience(&self) -> Duration {
        let Config { fetch, retry, .. } = &*self.config;
        let turn = fetch
            .requests_per_second
            .and_then(|rate| Duration::try_from_secs_f64(1.0 / rate).ok())
            .unwrap_or_default();
        let pause = LONGEST_PAUSE.max(retry.cap.saturating_mul(2));
        fetch.timeout + pause + turn + LONGEST_LOCK
    }
}

/// Returns whether the database remembers an answer to the configured user name within 7 days.
///
/// A process that has just started knows nothing yet, and a refusal must not end it if the key worked yesterday. A file
/// that cannot be read remembers nothing.
pub(super) fn answered_lately(config: &Config, now: UnixSeconds) -> bool {
    let last_answer = || {
        let name = FactName::Answered(config.username.clone()?);
        let reader = Reader::open(&config.database).ok()?;
        Some(reader.fact(&name).ok()??.learned_at)
    };
    last_answer().is_some_and(|last| now.saturating_sub(last) <= ANSWER_VALIDITY)
}

/// Returns what brings all domains up to `now`.
pub(super) fn pull(config: &Config, now: UnixSeconds) -> Result<Pull, CliError> {
    up_to_date("watch", config, None, now)
}
