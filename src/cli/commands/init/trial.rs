//! One signed request, before anything is written.

use crate::api::{FailureKind, OriginRequest, Reaction};
use crate::cli::client::client;
use crate::cli::commands::check::service;
use crate::cli::runtime::runtime;
use crate::cli::{CliError, ExitStatus, listing};
use crate::clock::SharedClock;
use crate::config::Config;
use crate::ingest::{ListingError, Pace, TrialFailure, try_once};
use crate::model::convert::to_u64;
use crate::model::slot::HOUR_SECONDS;
use crate::model::{Credentials, Domain, RetryPolicy, Span, UnixSeconds};

/// The most attempts. A person waits for them.
const ATTEMPTS: u32 = 3;
/// The most domains in the request, as in one of a run.
const MAX_DOMAINS: usize = 20;

/// Why the API did not accept the trial.
#[derive(Debug)]
pub struct Refusal {
    kind: FailureKind,
    clock_ahead: Option<i64>,
}

impl Refusal {
    /// Whether the user name or the key is the reason.
    #[must_use]
    pub fn is_of_credentials(&self) -> bool {
        self.kind.reaction() == Reaction::StopCredentials
    }

    /// Whether one of the domains is the reason.
    #[must_use]
    pub fn is_of_domains(&self) -> bool {
        self.kind.reaction() == Reaction::IsolateDomain
    }

    /// Whether an answer came, so that another call may still work.
    #[must_use]
    pub fn is_of_call(&self) -> bool {
        let is_denied = matches!(
            self.kind.reaction(),
            Reaction::StopCredentials | Reaction::StopConfiguration
        );
        let is_answer = matches!(
            self.kind,
            FailureKind::Api { .. }
                | FailureKind::Format { .. }
                | FailureKind::Http {
                    status: 404 | 405,
                    ..
                }
        );
        is_answer && !is_denied
    }

    /// Returns the error that says so, and what to do about it.
    #[must_use]
    pub fn error(&self) -> CliError {
        let status = service::exit(&self.kind);
        let help = match self.clock_ahead {
            Some(ahead) => format!(
                "this machine's clock is {} s {} the API's: set it by NTP, because the signature contains the date",
                ahead.unsigned_abs(),
                if ahead > 0 { "ahead of" } else { "behind" },
            ),
            None if status == ExitStatus::FAILED => {
                format!(
                    "{}; or add `--no-check` to write the files without a request",
                    service::help(&self.kind)
                )
            }
            None => service::help(&self.kind).to_owned(),
        };
        CliError::new(status, &self.kind)
            .with_context("nothing was written, because the API did not accept the request")
            .with_help(Some(help))
    }

    /// Returns the reason alone.
    #[must_use]
    pub fn reason(&self) -> String {
        self.kind.to_string()
    }
}

impl From<TrialFailure> for Refusal {
    fn from(failure: TrialFailure) -> Self {
        Self {
            kind: failure.kind,
            clock_ahead: failure.clock_ahead,
        }
    }
}

/// Returns the account's domains, or why the API does not list them. The outer error is one of this machine.
pub fn list(
    config: &Config,
    credentials: Credentials,
    clock: &SharedClock,
) -> Result<Result<crate::api::Listing, Refusal>, CliError> {
    match listing::ask(config, credentials, clock)? {
        Ok(listed) => Ok(Ok(listed.listing)),
        Err(ListingError::Failed { kind, clock_ahead }) => Ok(Err(Refusal { kind, clock_ahead })),
        Err(stopped @ ListingError::Stopped) => Err(CliError::failed(stopped.to_string())),
    }
}

/// Asks for an hour of `domains`, and returns how many points came, or why the API refuses the request. The outer error
/// is one of this machine.
pub fn ask(
    config: &Config,
    domains: &[Domain],
    credentials: Credentials,
    clock: &SharedClock,
) -> Result<Result<u64, Refusal>, CliError> {
    let asked = domains.get(..domains.len().min(MAX_DOMAINS)).unwrap_or_default();
    let Some(request) = request(config, asked, clock.now()) else {
        return Err(CliError::usage("this machine's clock shows a time before 1970"));
    };
    let runtime = runtime(1)?;
    let client = client(config, credentials, clock)?;
    let pace = Pace {
        concurrency: 1,
        requests_per_second: None,
        retry: RetryPolicy {
            attempts: ATTEMPTS,
            ..config.retry
        },
        seed: fastrand::u64(..),
        answered_before: false,
        first_pause: std::time::Duration::ZERO,
    };
    let tried = runtime.block_on(try_once(client, request, &pace, clock));
    runtime.shutdown_background();
    Ok(match tried {
        Ok(answer) => Ok(answer
            .domains
            .iter()
            .map(|domain| to_u64(domain.points.len()))
            .sum()),
        Err(failure) if accepts_signature(&failure.kind) => Ok(0),
        Err(failure) => Err(failure.into()),
    })
}

/// Returns a request for the newest hour that is certainly there.
fn request(config: &Config, domains: &[Domain], now: UnixSeconds) -> Option<OriginRequest> {
    let until = config.refresh.horizon(now).saturating_sub(HOUR_SECONDS);
    let until = until - until.rem_euclid(HOUR_SECONDS);
    OriginRequest::new(domains, Span::new(until - HOUR_SECONDS, until)?)
}

/// Whether the API has accepted the signature, and refuses only how much was asked for. A run asks for less then.
fn accepts_signature(kind: &FailureKind) -> bool {
    matches!(kind, FailureKind::Coarse { .. } | FailureKind::Undecided { .. })
        || matches!(kind, FailureKind::Api { .. })
            && matches!(
                kind.reaction(),
                Reaction::ShrinkBatch | Reaction::SplitWindow { .. } | Reaction::BeyondRetention
            )
}
