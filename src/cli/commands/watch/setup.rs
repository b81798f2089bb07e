//! The configuration and the key, read together, at the start and at SIGHUP.

use std::sync::Arc;
use std::time::Duration;

use crate::cli::CliError;
use crate::cli::commands::sync::up_to_date;
use crate::cli::pull::Pull;
use crate::cli::redactor::Redactor;
use crate::clock::SharedClock;
use crate::config::{Config, Environment, Overrides};
use crate::model::slot::DAY_SECONDS;
use crate::model::{Credentials, FactName, UnixSeconds};
use crate::store::Reader;

/// The command, as the ledger and the lock name it.
const COMMAND: &str = "watch";
/// The longest pause that the API may ask for and get.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// For how many seconds an answer proves that the key is right.
const LATELY: i64 = 7 * DAY_SECONDS;
/// How long the database is waited for while another program locks it.
const LONGEST_LOCK: Duration = Duration::from_mins(1);

/// All that a run takes from outside.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) config: Arc<Config>,
    pub(super) credentials: Credentials,
}

/// Where it is read, again and again.
#[derive(Debug)]
pub(super) struct Source<'c> {
    pub(super) overrides: Overrides,
    pub(super) environment: &'c Environment,
    pub(super) clock: SharedClock,
    pub(super) redactor: Redactor,
}

impl Source<'_> {
    /// Reads everything anew, and checks that a run could begin with it.
    pub(super) fn read(&self) -> Result<Setup, CliError> {
        let now = self.clock.now();
        let config = self
            .redactor
            .load_config(&self.overrides, self.environment, now)?;
        pull(&config, now)?.check_available(&config, now)?;
        let credentials = self.redactor.credentials(&config, &self.clock)?;
        Ok(Setup {
            config: Arc::new(config),
            credentials,
        })
    }
}

impl Setup {
    /// How many seconds lie between runs.
    pub(super) fn every(&self) -> i64 {
        self.config.watch_every
    }

    /// The longest time in which a healthy run may show no progress: an answer that takes its time after the
    /// longest pause, or a database that another program keeps.
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

/// Whether a request of the configured user name was answered within 7 days, by what the file says.
///
/// A process that was just started knows nothing of its own, and a refusal must not end it for good when the
/// key worked yesterday.
pub(super) fn answered_lately(config: &Config, now: UnixSeconds) -> bool {
    last_answered(config).is_some_and(|answered| now.saturating_sub(answered) <= LATELY)
}

/// When a request of the configured user name was last answered, by what the file says. A file that cannot be read
/// tells nothing.
fn last_answered(config: &Config) -> Option<UnixSeconds> {
    let name = FactName::Answered(config.username.clone()?);
    let reader = Reader::open(&config.database).ok()?;
    Some(reader.fact(&name).ok()??.learned_at)
}

/// What brings all domains up to `now`.
pub(super) fn pull(config: &Config, now: UnixSeconds) -> Result<Pull, CliError> {
    up_to_date(COMMAND, config, None, now)
}
